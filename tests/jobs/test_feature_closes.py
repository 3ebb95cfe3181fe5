"""Closes of declared windows: in the offline store once each, however often, and from wherever, they are recorded."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from endcap.features.declared import Declaration
from endcap.features.declared_events import events_of_table
from endcap.jobs import feature_backfill
from endcap.jobs.feature_backfill import backfill
from endcap.jobs.feature_closes import Closing, record_closes, settled_rows
from endcap.jobs.feature_windows import add_window
from endcap.lake.feature_tables import FeatureTables
from endcap.registry.feature_groups import FeatureGroups
from endcap.seams import FrozenClock
from endcap.types import DAY, HOUR, Micros
from jobs_shop import START, SmallShop

NOW = Micros(START + 18 * DAY)
WINDOWS = (
    {"name": "day", "key": "user", "kind": "stagger", "length": "1d", "aggregate": "count", "group": "looks"},
    {"name": "long", "key": "user", "kind": "stagger", "length": "3d", "aggregate": "count", "group": "looks"},
    {"name": "bought", "key": "item", "kind": "stagger", "length": "2d", "aggregate": "count", "weights": "purchase",
     "group": "things"},
    {"name": "visit", "key": "user", "kind": "session", "gap": "12h", "aggregate": "distinct", "of": "item",
     "group": "looks"},
    {"name": "own", "key": "pair", "kind": "stagger", "length": "2d", "aggregate": "count", "group": "pairs"},
    {"name": "genre", "key": "category", "kind": "session", "gap": "6h", "aggregate": "recency", "group": "genres"},
    {"name": "week", "key": "item", "kind": "tumbling", "length": "1d", "aggregate": "count", "group": "things"},
    {"name": "moving", "key": "user", "kind": "sliding", "length": "2d", "step": "12h", "aggregate": "count",
     "group": "looks"},
)  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> SmallShop:
    made = SmallShop(tmp_path, users=12, items=8, clock=FrozenClock(NOW))
    for window in WINDOWS:
        add_window(made.workspace, made.shop, window)
    return made


def _rows(small: SmallShop, group: str) -> list[tuple[object, ...]]:
    found = FeatureGroups(small.workspace.database).get(small.shop.account, group)
    files = FeatureTables(small.workspace.lake).files(found.account, found.key)
    names = [window["name"] for window in WINDOWS if window["group"] == group]
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return sorted((row["_record_id"], row["_event_time"], *(row.get(name) for name in names)) for row in rows)  # type: ignore[type-var]


def _all(small: SmallShop) -> dict[str, list[tuple[object, ...]]]:
    return {name: [(*map(str, row),) for row in _rows(small, name)] for name in ("looks", "things", "pairs", "genres")}


def test_the_last_days_are_what_a_backfill_of_everything_says(small: SmallShop, tmp_path: Path) -> None:
    added = record_closes(small.workspace, small.shop, NOW)
    assert all(each.added == each.rows > 0 for each in added) and len(added) == len(WINDOWS)
    assert [each.added for each in record_closes(small.workspace, small.shop, NOW)] == [0] * len(WINDOWS)
    recorded = _all(small)
    whole = SmallShop(tmp_path / "other", users=12, items=8, clock=FrozenClock(NOW))
    for window in WINDOWS:
        add_window(whole.workspace, whole.shop, window)
    backfill(whole.workspace, whole.shop, [])
    after = NOW - 7 * DAY
    assert recorded == {
        name: [row for row in rows if after < int(row[1]) <= NOW]  # type: ignore[call-overload]
        for name, rows in _all(whole).items()
    }
    assert all(recorded.values())
    backfill(small.workspace, small.shop, [])
    assert _all(small) == _all(whole)


def test_a_run_that_was_killed_leaves_nothing_out_and_nothing_twice(
    small: SmallShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_backfill, "ROWS", 10)
    commits = iter(range(100))

    def killed() -> None:
        if next(commits) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_closes(small.workspace, small.shop, NOW, killed)
    partly = sum(map(len, _all(small).values()))
    record_closes(small.workspace, small.shop, NOW)
    found = _all(small)
    assert 0 < partly < sum(map(len, found.values()))
    assert all(len(set(rows)) == len(rows) for rows in found.values())


def test_time_brings_new_closes_and_those_only(small: SmallShop) -> None:
    closing = Closing(small.workspace, tick=lambda: 0.0)
    [first] = closing.turn().values()
    [again] = closing.turn().values()
    assert sum(each.added for each in first) > 0 == sum(each.added for each in again)
    small.workspace.clock.at = Micros(NOW + HOUR)  # type: ignore[attr-defined]
    closing.turn()
    rows = _rows(small, "looks")
    assert len({(row[:2], tuple(value is None for value in row[2:])) for row in rows}) == len(rows)
    small.workspace.clock.at = Micros(NOW + 30 * DAY)  # type: ignore[attr-defined]
    closing.turn()
    assert closing.turn() == {small.shop: []}
    more = small.events(seed=2).slice(0, 5)
    more = more.set_column(2, "timestamp", pa.array([NOW + 29 * DAY] * 5, pa.int64()))
    small.workspace.lake.commit(small.shop, "interactions", more, schema=more.schema, mode="INCREMENTAL", job="more")
    small.workspace.clock.at = Micros(NOW + 31 * DAY)  # type: ignore[attr-defined]
    [late] = closing.turn().values()
    assert sum(each.added for each in late) > 0


def test_windows_are_settled_where_nothing_before_could_move_them() -> None:
    declared = Declaration.parse("w", key="user", kind="stagger", length="1h", aggregate="count")
    users = ["far", "near", "near", "late", "busy", "busy", "busy"]
    hours = [1.0, 0.5, 1.6, 30.0, 0.2, 0.9, 1.5]
    events = events_of_table(pa.table({"user_id": users, "timestamp": (np.array(hours) * HOUR).astype(np.int64)}))
    settled, unsettled = settled_rows(declared, events, 0, 2 * HOUR)
    assert settled.tolist() == [True, False, True, True, False, False, False]
    assert unsettled.tolist() == [False, False, False, False, True, True, True]
    assert not settled_rows(declared, events, 0, 3 * HOUR)[1].any()
    nothing = events.take(slice(0, 0))
    assert [len(each) for each in settled_rows(declared, nothing, 0, HOUR)] == [0, 0]
