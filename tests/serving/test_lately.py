"""What trends is read from what happens now: a version that is a week old answers with this half hour's rise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from shops import SHOP, Registry

from endcap.lake.assemble import assemble
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.recipes.trending import Trending
from endcap.recipes.updated import Updated
from endcap.registry.recipe_arns import offer
from endcap.seams import FrozenClock, rng
from endcap.serving.lately import Lately, LiveEvents
from endcap.serving.live_shops import LiveShops, Streamed
from endcap.serving.recommend import Request, recommend
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import Log, open_log
from endcap.stream.collect import event_record
from endcap.stream.histories import Past
from endcap.stream.records import Event
from endcap.testing.datasets import START
from endcap.types import DAY, MINUTE, SECOND, Micros, Query

ITEMS = [f"i{n}" for n in range(12)]
HALF_HOUR = offer("arn:aws:personalize:::recipe/aws-trending-now").native_settings(
    {"trend_discovery_frequency": "30 minutes"}
)
END = START + 30 * DAY


def shop(types: tuple[str, ...] = ("purchase", "view"), chosen: tuple[str, ...] | None = None) -> Dataset:
    """Six hours in which all sell alike, but i3 twice as well in the last half hour."""
    draw = rng(5)
    rows = [(f"u{draw.integers(50)}", item, END - n * 3 * MINUTE) for item in ITEMS for n in range(120)]
    rows += [(f"u{n}", "i3", END - n * MINUTE) for n in range(25)]
    users, items, times = zip(*rows, strict=True)
    kinds = [types[n % len(types)] for n in range(len(rows))]
    table = pa.table(
        {"user_id": users, "item_id": items, "timestamp": pa.array(times, pa.int64()), "event_type": kinds}
    )
    return assemble(table, None, None, catalogue=pa.array(ITEMS), event_types=chosen)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    yield log
    log.close()


def stream(quiet: Snapshot, log: Log, home: Path) -> Snapshot:
    streamed: Streamed = LiveShops(log, Lake(home / "lake"), FrozenClock(Micros(0))).follow(SHOP, quiet.state)
    return Snapshot(quiet.deployment, quiet.state, quiet.models, streamed.items, fed=streamed)


def happen(log: Log, item: str, times: list[int], kind: str = "purchase") -> None:
    log.append(
        [
            event_record(
                SHOP, Event(event_id=f"{item}/{time}/{kind}", event_type=kind, time=time, item_id=item, user_id=f"n{n}")
            )
            for n, time in enumerate(times)
        ]
    )


def best(snapshot: Snapshot, asked: int) -> list[str]:
    return recommend(snapshot, Request(12, asked=asked)).items


def test_what_rises_after_the_training_comes_first(tmp_path: Path, log: Log) -> None:
    snapshot = stream(Registry(tmp_path, shop()).snapshot(create("trending", HALF_HOUR)), log, tmp_path)
    assert best(snapshot, END + 1)[0] == "i3"
    # Five days later: all sell as ever, then i7 comes up, and half an hour later i9.
    later = END + 5 * DAY
    for item in ITEMS:
        happen(log, item, [later - n * 5 * MINUTE for n in range(60)])
    happen(log, "i7", [later - n * MINUTE - 1 for n in range(20)])
    assert best(snapshot, later)[0] == "i7"
    happen(log, "i9", [later + n * MINUTE for n in range(8, 31)])
    assert best(snapshot, later + 31 * MINUTE)[0] == "i9"
    assert best(snapshot, later + 10 * DAY), "nothing happens any more: the ladder answers"
    assert set(recommend(snapshot, Request(12, asked=later + 10 * DAY)).rungs) <= {"trending", "popular", "catalogue"}


def test_one_event_is_seen_by_the_next_question(tmp_path: Path, log: Log) -> None:
    snapshot = stream(Registry(tmp_path, shop()).snapshot(create("trending", HALF_HOUR)), log, tmp_path)
    assert best(snapshot, END + MINUTE)[0] == "i3"
    happen(log, "i5", [END + MINUTE + n for n in range(40)])
    assert best(snapshot, END + MINUTE + SECOND)[:2] == ["i5", "i3"]


def test_a_clock_that_is_ahead_makes_nothing_old(tmp_path: Path, log: Log) -> None:
    snapshot = stream(Registry(tmp_path, shop()).snapshot(create("trending", HALF_HOUR)), log, tmp_path)
    before = best(snapshot, END + MINUTE)
    happen(log, "i1", [END + 20 * 60 * MINUTE])
    assert best(snapshot, END + MINUTE) == before


def test_as_of_the_training_the_scores_are_the_trained_ones(tmp_path: Path) -> None:
    data = shop()
    snapshot = Registry(tmp_path, data).snapshot(create("trending", HALF_HOUR))
    model = next(iter(snapshot.models.values()))
    assert model.lately is not None and isinstance(model.recipe, Trending)
    now = model.recipe.trend(*model.lately.sums(data.last_time, None))
    np.testing.assert_allclose(now, model.recipe.scores_, rtol=1e-5)


def test_only_event_types_that_were_learned_from_count(tmp_path: Path, log: Log) -> None:
    registry = Registry(tmp_path, shop())
    snapshot = stream(registry.snapshot(create("trending", HALF_HOUR), shop(chosen=("purchase",))), log, tmp_path)
    happen(log, "i5", [END + MINUTE + n for n in range(90)], "view")
    assert best(snapshot, END + 2 * MINUTE)[0] == "i3"
    happen(log, "i6", [END + MINUTE + n for n in range(60)], "purchase")
    assert best(snapshot, END + 2 * MINUTE)[0] == "i6"


def test_an_updated_version_asks_too() -> None:
    """Its model's rows are others: the catalogue has grown before them."""
    data, model = shop(), create("trending", HALF_HOUR).fit(shop())
    grown = replace(data, items=Vocabulary(pa.array(["new", *ITEMS]), np.arange(13, dtype=np.int32)))
    made = Updated.extend(model, "trending", data.items, grown)
    told = np.zeros((2, 13))
    told[0, 4] = 9.0
    asked = replace(Queries.of([Query()], grown.items), lately=told)
    assert int(np.nanargmax(made.score(asked)[0])) == 4


def test_sums_taken_bit_by_bit_are_those_taken_at_once() -> None:
    draw, recipe = rng(3), create("trending", HALF_HOUR).fit(shop())
    assert isinstance(recipe, Trending)
    nothing = Past(
        np.zeros(1, np.int64),
        *(np.zeros(0, kind) for kind in (np.int32, np.int64, np.int16, np.float32)),
        np.zeros(0, np.int64),
    )
    rows, worth = np.append(np.arange(12), -1).astype(np.int32), np.ones(2, np.float32)
    grown, live, kept = Lately(recipe, 12, rows, worth, nothing), LiveEvents(), list[tuple[int, int, int, float]]()
    for turn in range(40):
        now = END + turn * 7 * MINUTE
        fresh = [(int(draw.integers(14)), now - int(draw.integers(8 * 60)) * MINUTE, 0, 0.5) for _ in range(20)]
        live.add(fresh)
        kept += fresh
        again = LiveEvents()
        again.add(kept)
        at_once = Lately(recipe, 12, rows, worth, nothing).sums(now, again)
        np.testing.assert_array_equal(grown.sums(now, live), at_once)
        assert at_once.sum() > 0
