"""The reference page of recipes is the one that the code writes, and says all of every recipe."""

from endcap.cli.reference import NOTE, ROOT, recipes_page
from endcap.recipes import RECIPES
from endcap.recipes.pages import COST, FLOOR, USE, render


def test_the_page_is_up_to_date() -> None:
    written = (ROOT / "docs/reference/recipes.md").read_text(encoding="utf-8")
    assert written == NOTE + recipes_page(), "run make docs"


def test_every_recipe_says_when_to_use_it_what_it_costs_and_what_it_has_to_beat() -> None:
    assert set(RECIPES) == set(USE)
    assert set(RECIPES) <= set(COST) and set(RECIPES) <= set(FLOOR)


def test_settings_come_with_ranges_searches_and_choices() -> None:
    page = render()
    assert "| `factors` | 128 | 1 … 2048 | 16 … 256, log | Length of the vectors. |" in page
    assert "| `weighting` | auto | `auto`, `log`, `linear` | `log`, `linear` |" in page


def test_numbers_are_those_of_the_recipe_alone() -> None:
    measured = {"measured": 0.5, "low": 0.4, "high": 0.6, "detail": {"floor": {"popularity": 0.1}}}
    names = ("Shop · item-item, ndcg@20", "Shop, baskets · item-item", "Shop · item-item-window, ndcg@20", "item-item")
    page = render([{**measured, "row": name} for name in names])
    shown = [line for line in page.splitlines() if "0.5 (0.4000 … 0.6000)" in line]
    assert [line.split(" | ")[0] for line in shown] == [f"| {name}" for name in names[:2]]
    assert all(line.endswith("| popularity 0.1 |") for line in shown)
