"""Trending: a planted rise is found at every discovery window, and what merely sells stays below it."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.registry.recipe_arns import offer
from endcap.seams import rng
from endcap.testing.datasets import START
from endcap.types import DAY, HOUR, MINUTE, Query

OFFER = offer("arn:aws:personalize:::recipe/aws-trending-now")
WINDOWS = {"30 minutes": 30 * MINUTE, "1 hour": HOUR, "2 hours": 2 * HOUR, "3 hours": 3 * HOUR, "1 day": DAY}


def shop(window: int, *, busier: float = 1.0, days: float | None = None) -> Dataset:
    """Steady items (0: a best seller), and one that comes up in the last `window` from next to nothing. In the window
    all of the shop is so many times `busier`. The past is twelve windows long, or so many days."""
    draw, end = rng(11), START + 100 * DAY
    past = 12 * window if days is None else int(days * DAY)
    rows: list[tuple[str, int]] = []
    rates = {"best seller": 60.0, **{f"usual {at}": 4.0 for at in range(30)}}
    for item, rate in rates.items():
        rows += [(item, end - window - int(at * past)) for at in draw.random(draw.poisson(rate * past / window))]
        rows += [(item, end - int(at * window)) for at in draw.random(draw.poisson(rate * busier))]
    rows += [("rising", end - window - int(at * past)) for at in draw.random(6)]
    rows += [("rising", end - int(at * window)) for at in draw.random(25)]
    rows.append(("usual 0", end))
    items, times = zip(*rows, strict=True)
    users = [f"u{at}" for at in draw.integers(0, 200, len(rows))]
    return Dataset.from_table(pa.table({"user_id": users, "item_id": items, "timestamp": pa.array(times, pa.int64())}))


def ranked(data: Dataset, words: str) -> list[str]:
    model = create("trending", OFFER.native_settings({"trend_discovery_frequency": words})).fit(data)
    nobody = Queries.of([Query()], data.items, now=data.last_time + 1)
    return data.items.names(model.recommend(nobody, data.n_items).items[0])


@pytest.mark.parametrize(("words", "window"), WINDOWS.items())
def test_a_rise_comes_first_and_a_best_seller_does_not(words: str, window: int) -> None:
    assert OFFER.hyper_parameters["trend_discovery_frequency"].choices == tuple(WINDOWS)
    order = ranked(shop(window), words)
    assert order[0] == "rising" and order.index("best seller") > 1


@pytest.mark.parametrize("days", [None, 0.2])
def test_a_busy_hour_makes_nothing_trend(days: float | None) -> None:
    data = shop(HOUR, busier=3.0, days=days)
    order = ranked(data, "1 hour")
    assert order[0] == "rising"
    scores = create("trending", OFFER.native_settings({"trend_discovery_frequency": "1 hour"})).fit(data)
    steady = scores.score(Queries.of([Query()], data.items))[0, data.items.rows(["best seller"])]
    assert np.abs(steady).max() < 3.5
