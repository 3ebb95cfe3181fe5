"""What declared windows amounted to when they closed, as records of their groups in the offline store.

Computed from the lake and compared with what the store has, like a backfill of the last days: it does not matter how
many servers there are, where a run was killed, or what ran before. Who was away for more than 7 days backfills.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.features.declared import Declaration
from endcap.features.declared_events import Events, categories_of, events_of_table
from endcap.features.declared_state import CLOSED, DeclaredWindows
from endcap.jobs.feature_backfill import LOCK, Filled, add_closes, rows_of_closes
from endcap.jobs.feature_windows import list_windows
from endcap.jobs.sinking import sink_all
from endcap.jobs.workspace import Workspace
from endcap.lake.columns import INGESTION
from endcap.lake.links import owned, resolved
from endcap.lake.locks import locked
from endcap.lake.offsets import TableKind
from endcap.lake.tables import Lake
from endcap.registry.feature_groups import FeatureGroups
from endcap.stream.windows import LATE
from endcap.types import DAY, EVENT_TYPE, ITEM_ID, SESSION_ID, TIMESTAMP, USER_ID, Bool, Micros, ShopKey

EVENTS: tuple[TableKind, ...] = ("interactions", "other_events")
COLUMNS = (USER_ID, SESSION_ID, ITEM_ID, EVENT_TYPE, TIMESTAMP, "event_id", INGESTION)
REST = 20.0
"""A shop rests for so many times the seconds that recording its closes took."""
_CHAINED = ("stagger", "session")
"""Kinds whose windows begin with an event, so that one that was left out would move all that follow."""


def record_closes(
    workspace: Workspace, shop: ShopKey, upto: Micros, check: Callable[[], None] = lambda: None
) -> list[Filled]:
    """Record the windows that closed in the 7 days until then and are not recorded so; by window, what was added.

    A record's event time is the close. One that a late event changed is written again; what is in the log and not in
    the lake is not seen. `check` is asked between commits and may raise.
    """
    declared, lake = _recorded(workspace, shop), workspace.lake
    if not declared or not lake.exists(shop, "interactions"):
        return []
    store, done = FeatureGroups(workspace.database, clock=workspace.clock), []
    after = upto - LATE
    with locked(lake.directory(shop) / LOCK):
        history = _History(lake, shop, after)
        for each in declared:
            group = store.get(shop.account, each.group)
            closed = pa.concat_tables([_closed(workspace, each, part, upto) for part in history.of(each)])
            ended = closed["event_time"]
            rows = closed.filter(pc.and_(pc.greater(ended, after), pc.less_equal(ended, upto)))
            done.append(add_closes(workspace, group, rows_of_closes(group, each.name, rows), after, check))
    return done


def _recorded(workspace: Workspace, shop: ShopKey) -> list[Declaration]:
    """Those of a shop's windows that close, and are features."""
    found = [each for each in list_windows(workspace, shop) if each.group and each.aggregate != "last"]
    return [each for each in found if each.window().closes]


def _closed(workspace: Workspace, declared: Declaration, events: Events, upto: int) -> pa.Table:
    state = DeclaredWindows([declared], clock=workspace.clock, listed=True)
    found = [rows for _, rows in (*state.replay(events), *state.closed(upto))]
    return pa.concat_tables([CLOSED.empty_table(), *found])


def events_where(lake: Lake, shop: ShopKey, condition: pc.Expression | None, links: pa.Table) -> pa.Table:
    """Rows of all events of a shop, as `events_of_table` takes them, what sessions did that became a user's as the
    user's; it must have interactions."""
    parts = []
    for kind in EVENTS:
        if lake.exists(shop, kind):
            stored = lake.open(shop, kind).to_pyarrow_dataset()
            there = [name for name in COLUMNS if name in stored.schema.names]
            parts.append(resolved(stored.to_table(columns=there, filter=condition), links))
    return pa.concat_tables(parts, promote_options="default")


class _History:
    """The events that windows which close after a moment are made of."""

    def __init__(self, lake: Lake, shop: ShopKey, after: int) -> None:
        self._lake, self._shop, self._after = lake, shop, after
        self._categories = categories_of(lake.read(shop, "items") if lake.exists(shop, "items") else None)
        self._links = lake.links(shop)

    def of(self, declared: Declaration) -> list[Events]:
        """In parts that have no key in common."""
        since = self._after - 2 * declared.length - DAY
        recent = self._read(pc.field(TIMESTAMP) >= since)
        if declared.kind not in _CHAINED:
            return [recent]
        settled, unsettled = settled_rows(declared, recent, since, self._after)
        parts = [recent.take(settled)]
        if unsettled.any():
            keys = np.unique(recent.keys(declared.key)[unsettled])
            whole = self._read(self._about(declared, recent, unsettled))
            parts.append(whole.take(np.isin(whole.keys(declared.key), keys)))
        return parts

    def _read(self, condition: pc.Expression | None) -> Events:
        return events_of_table(events_where(self._lake, self._shop, condition, self._links), self._categories)

    def _about(self, declared: Declaration, events: Events, rows: Bool) -> pc.Expression | None:
        """What every event of the keys of these rows fulfils."""
        if declared.key == "category":
            return None
        texts, key = events.texts(), "user" if declared.key == "pair" else declared.key
        ids = pa.array([texts[each] for each in np.unique(events.keys(key)[rows]).tolist()], pa.string())
        column = {"user": USER_ID, "session": SESSION_ID, "item": ITEM_ID}[key]
        return pc.field(column).isin(owned(self._links, ids) if key == "user" else ids)


def settled_rows(declared: Declaration, events: Events, since: int, after: int) -> tuple[Bool, Bool]:
    """(bool [n] events from which on windows are what they are whatever was before `since`, bool [n] events of keys
    that have a window which may close after `after` and is not so).

    A key is settled from its first event on that no earlier one is nearer to than the window's length.
    """
    kinds, key = declared.kinds(events.event_types)[events.type], events.keys(declared.key)
    rows = np.flatnonzero((kinds >= 0) & (key != 0))
    rows = rows[np.lexsort((events.time[rows], key[rows]))]
    of, at = key[rows], events.time[rows]
    begins = np.append(True, of[1:] != of[:-1])[: len(rows)]
    far = np.diff(at, prepend=since) >= declared.length
    opens = np.where(begins, at - since >= declared.length, far)
    so_far = np.cumsum(opens)
    starts = np.flatnonzero(begins)
    sizes = np.diff(np.append(starts, len(rows)))
    is_settled = so_far > np.repeat((so_far - opens)[starts], sizes)
    open_ended = ~is_settled & (at + declared.length > after)
    touched = np.repeat(np.logical_or.reduceat(open_ended, starts), sizes) if len(rows) else open_ended
    settled, unsettled = np.zeros(len(key), np.bool_), np.zeros(len(key), np.bool_)
    settled[rows], unsettled[rows] = is_settled & ~touched, touched
    return settled, unsettled


class Closing:
    """Records closes now and then, in a thread of the jobs process: what was acknowledged goes into the lake first."""

    def __init__(self, workspace: Workspace, tick: Callable[[], float] = time.monotonic) -> None:
        self._workspace, self._tick = workspace, tick
        self._rested: dict[ShopKey, float] = {}
        self._quiet: dict[ShopKey, tuple[Any, ...]] = {}
        """What a shop had when all its windows had closed: nothing is to be done until that is something else."""

    def run(self, stop: threading.Event) -> None:
        """Until told to stop. What fails is told, and tried again."""
        while not stop.is_set():
            try:
                self.turn()
            except Exception as error:  # nothing else would record closes from then on
                sys.stderr.write(f"closes: {type(error).__name__}: {error}\n")
            stop.wait(self._workspace.settings.sink_seconds)

    def turn(self) -> dict[ShopKey, list[Filled]]:
        """Once for each shop that is due; what was added."""
        return {shop: self._record(shop) for shop in self._workspace.lake.shops() if self._is_due(shop)}

    def _is_due(self, shop: ShopKey) -> bool:
        return self._tick() >= self._rested.get(shop, 0.0) and bool(_recorded(self._workspace, shop))

    def _record(self, shop: ShopKey) -> list[Filled]:
        begun, upto = self._tick(), self._workspace.clock.now()
        sink_all(self._workspace, shop)
        has = self._has(shop)
        if self._quiet.get(shop) == has:
            return []
        done = record_closes(self._workspace, shop, upto)
        self._quiet.pop(shop, None)
        if not any(each.added for each in done) and self._all_closed(shop, upto):
            self._quiet[shop] = has
        self._rested[shop] = self._tick() + REST * (self._tick() - begun)
        return done

    def _has(self, shop: ShopKey) -> tuple[Any, ...]:
        lake = self._workspace.lake
        files = [tuple(lake.files(shop, kind)) for kind in EVENTS if lake.exists(shop, kind)]
        return (*files, *map(repr, _recorded(self._workspace, shop)))

    def _all_closed(self, shop: ShopKey, upto: int) -> bool:
        lake = self._workspace.lake
        newest = upto - 2 * max(each.length for each in _recorded(self._workspace, shop))
        later = [lake.open(shop, kind).to_pyarrow_dataset() for kind in EVENTS if lake.exists(shop, kind)]
        return not any(each.count_rows(filter=pc.field(TIMESTAMP) >= newest) for each in later)
