"""Themes: words of the catalogue that a list holds more of than chance, and a refusal where there are none."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import InputError
from endcap.jobs.batch_answers import Asked
from endcap.jobs.batch_inference import infer
from endcap.jobs.themes import Themes
from endcap.lake.dataset import Dataset
from endcap.serving.shop import ShopState
from jobs_shop import SmallShop

MODE = {
    "batchInferenceJobMode": "THEME_GENERATION",
    "themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "NAME"}},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    return SmallShop(tmp_path_factory.mktemp("themes"), items=60)


@pytest.fixture(scope="module")
def themes(shop: SmallShop) -> Themes:
    data: Dataset = shop.workspace.lake.dataset(shop.shop)
    return Themes.of(shop.workspace, shop.shop, ShopState.of(data), "NAME")


def test_a_list_of_one_genre_is_called_by_it(themes: Themes) -> None:
    told = themes.finish(Asked(item_id="i1"), [f"i{n}" for n in range(0, 30, 3)], None)
    assert told.theme == "Comedy" and told.items_theme_relevance_scores == [1.0] * 10


def test_items_that_do_not_fit_are_less_relevant(themes: Themes) -> None:
    told = themes.finish(Asked(item_id="i1"), [*(f"i{n}" for n in range(2, 29, 3)), "i0", "unheard of"], None)
    assert told.theme == "Crime"
    assert told.items_theme_relevance_scores[:9] == [1.0] * 9 and told.items_theme_relevance_scores[9:] == [0.0, 0.0]


def test_a_list_like_the_whole_catalogue_has_no_theme(themes: Themes) -> None:
    told = themes.finish(Asked(item_id="i1"), [f"i{n}" for n in range(12)], None)
    assert told.theme == "" and told.items_theme_relevance_scores == [0.0] * 12


@given(st.lists(st.integers(0, 70), max_size=30, unique=True))
def test_words_come_from_the_catalogue_and_relevance_is_a_share(themes: Themes, numbers: list[int]) -> None:
    told = themes.finish(Asked(item_id="i1"), [f"i{n}" for n in numbers], None)
    assert set(filter(None, told.theme.split(", "))) <= {"Comedy", "Drama", "Crime"}
    assert len(told.items_theme_relevance_scores) == len(numbers)
    assert all(0 <= score <= 1 for score in told.items_theme_relevance_scores)


def test_a_job_answers_with_themes_and_reports_bad_lines(shop: SmallShop) -> None:
    shop.put("s3://shop/in/a.json", [{"itemId": "i2"}, "bad"])
    infer(shop.workspace, shop.job(shop.train("item-item"), "themed", numResults=8, **MODE))
    answer, bad = shop.answers("s3://shop/out/a.json.out")
    assert set(answer["output"]) == {"recommendedItems", "theme", "itemsThemeRelevanceScores"}
    assert len(answer["output"]["itemsThemeRelevanceScores"]) == 8 and bad["error"].startswith("User error")


def test_without_usable_attributes_it_is_refused(shop: SmallShop, tmp_path: Path) -> None:
    version = shop.train("item-item")
    wrong = {**MODE, "themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "TITLE"}}}
    with pytest.raises(InputError, match="no field TITLE"):
        infer(shop.workspace, shop.job(version, "no-name", **wrong))
    with pytest.raises(InputError, match="itemName is missing"):
        infer(shop.workspace, shop.job(version, "no-config", batchInferenceJobMode="THEME_GENERATION"))
    plain = SmallShop(tmp_path)
    bare = pa.table({"item_id": [f"i{n}" for n in range(40)], "name": [f"Thing {n}" for n in np.arange(40)]})
    plain.workspace.lake.commit(plain.shop, "items", bare, schema=bare.schema, mode="FULL", job="bare")
    plain.put("s3://shop/in/a.json", [{"itemId": "i2"}])
    with pytest.raises(InputError, match="no categorical attribute"):
        infer(plain.workspace, plain.job(plain.train("item-item"), "bare", **MODE))
