"""The guide's page of recipes is the one that the code writes."""

from pathlib import Path

from endcap.recipes import RECIPES
from endcap.recipes.pages import USE, page


def test_the_page_is_up_to_date() -> None:
    written = (Path(__file__).parents[2] / "docs/guide/recipes.md").read_text(encoding="utf-8")
    assert written == page(), "run python -m endcap.recipes.pages > docs/guide/recipes.md"


def test_every_recipe_says_when_to_use_it() -> None:
    assert set(USE) == set(RECIPES)
