"""A shop judged on its own history, and the report of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import DataError, ResourceError
from endcap.evaluation.report import html, write_report
from endcap.evaluation.scatter import scatter
from endcap.evaluation.shop import POPULATIONS, Judgement, judge, last_days
from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.popularity import Popularity
from endcap.testing.datasets import START, checkerboard, random_shop
from endcap.types import DAY


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    def refuses() -> Recipe:
        raise ResourceError("The catalogue is <too> large.", fix="Use another recipe.")

    recipes = {"last-week": lambda: Popularity(window_days=7.0), "heavy": refuses}
    return judge(random_shop(5, users=80, events=1500), recipes, days=20, at=5, seed=2)


def test_baselines_stand_beside_every_recipe_in_both_populations(judgement: Judgement) -> None:
    for population in POPULATIONS:
        rows = judgement.of(population)
        assert {row.recipe for row in rows} == {"popularity", "repeat", "last-week"}
        values = [row.metrics["ndcg@5"].value for row in rows]
        assert values == sorted(values, reverse=True)
        for row in rows:
            assert {f"{name}@5" for name in ("ndcg", "recall", "mrr", "coverage", "novelty", "popularity_lift")} <= set(
                row.metrics
            )
            assert bool(row.over_popularity) == (row.recipe != "popularity")
    assert len(judgement) == 6 and judgement.skipped["heavy"].startswith("The catalogue is <too> large.")


def test_differences_are_those_of_the_values(judgement: Judgement) -> None:
    for population in POPULATIONS:
        rows = {row.recipe: row for row in judgement.of(population)}
        found = rows["repeat"].over_popularity["ndcg@5"]
        gap = rows["repeat"].metrics["ndcg@5"].value - rows["popularity"].metrics["ndcg@5"].value
        assert found.value == pytest.approx(gap) and found.low <= gap <= found.high


def test_known_answer() -> None:
    stamps = [0, 1, 2, 3, 50, 50]
    table = {
        "user_id": ["a", "a", "b", "b", "a", "b"],
        "item_id": ["x", "y", "x", "z", "x", "y"],
        "timestamp": [START + day * DAY for day in stamps],
    }
    found = judge(Dataset.from_table(pa.table(table)), {}, days=10, at=1)
    rows = {(row.recipe, row.population): row for row in found}
    # Popularity shows x to all: a takes it again, b takes y, which is new to b and all that b is shown then.
    assert rows["popularity", "all items"].metrics["recall@1"].value == 0.5
    assert rows["popularity", "items new to the shopper"].users == 1
    assert rows["popularity", "items new to the shopper"].metrics["recall@1"].value == 1.0
    assert found.strangers == 0 and found.items == 3


def test_a_cut_can_be_given_instead_of_days() -> None:
    data = random_shop(5)
    cut = START + 60 * DAY
    split = last_days(data, cut=cut)
    assert split.train.last_time < cut and (split.now == cut).all()


def test_shops_that_cannot_be_judged_say_why() -> None:
    with pytest.raises(DataError, match="no times"):
        judge(checkerboard(times=False), {})
    with pytest.raises(DataError, match="before the cut"):
        judge(checkerboard(), {}, days=10_000)


def test_the_report_is_one_page_that_asks_nobody(judgement: Judgement, tmp_path: Path) -> None:
    page, numbers = tmp_path / "new" / "evaluation.html", tmp_path / "new" / "evaluation.json"
    write_report(judgement, "corner <shop>", page, numbers)
    text = page.read_text("utf-8")
    assert text == html(judgement, "corner <shop>")
    assert "corner &lt;shop&gt;" in text and "<shop>" not in text and "&lt;too&gt;" in text
    assert not re.search(r"<script|https?://|<link|<img|url\(|@import", text)
    for words in ("Items new to the shopper", "Hit rate@5", "Seconds to train", "Seed 2", "± is half", "last-week"):
        assert words in text
    document = json.loads(numbers.read_text("utf-8"))
    assert document["shop"] == "corner <shop>" and len(document["rows"]) == 6
    assert document["rows"][0]["metrics"]["ndcg@5"] == judgement.rows[0].metrics["ndcg@5"].json()


def test_scatter_keeps_labels_apart_and_inside() -> None:
    text = scatter("A & B", [("one", 0.5, 0.5), ("two", 0.5, 0.5), ("nil", 0.0, 0.0)], across="x", up="y")
    places = [float(y) for y in re.findall(r'class="strong" x="[\d.]+" y="([\d.]+)"', text)]
    assert len(set(places)) == len(places) == 3
    assert "A &amp; B" in text and np.isfinite(places).all()
    assert "<svg" in scatter("empty", [], across="x", up="y")
