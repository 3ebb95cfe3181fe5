"""Fill feature groups from a shop's history: the reference groups, and what declared windows would have recorded.

Rows are compared with what the offline table holds, so that a run that was killed, or is done again after new data
came, adds what is missing and nothing twice. Rows that a later import changed are written again with the same event
time; the one written last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from endcap.features.declared_events import categories_of, events_of_table
from endcap.features.declared_state import DeclaredWindows
from endcap.features.groups import FeatureGroup
from endcap.features.reference import GROUPS, ShopTables, reference_group
from endcap.features.reference_tables import MOMENT
from endcap.jobs.feature_windows import list_windows
from endcap.jobs.workspace import Workspace
from endcap.lake.feature_tables import OWN, FeatureTables
from endcap.lake.locks import locked
from endcap.registry.feature_groups import FeatureGroups
from endcap.seams import Progress, no_progress
from endcap.stream.records import FeatureRecord, encode
from endcap.stream.windows_keys import keys_of, pairs
from endcap.types import SECOND, Int64, ShopKey

ROWS = 262_144
"""Rows of one commit."""
LOCK = ".backfill.lock"
"""Held by whoever compares rows with what a shop's groups have, and adds some."""
LOG = "backfill"
"""Under what the offline tables note how far they were filled."""


@dataclass(frozen=True)
class Filled:
    """What came of a group: its name in the feature store, the rows that history gives, and those that were new."""

    group: str
    rows: int
    added: int


def backfill(
    workspace: Workspace,
    shop: ShopKey,
    groups: Sequence[str] | None = None,
    *,
    windows: bool = True,
    progress: Progress = no_progress,
    check: Callable[[], None] = lambda: None,
) -> list[Filled]:
    """Compute and store the rows of reference groups (all when None) and, with `windows`, of the shop's declared ones.

    A reference group is called `SHOP-NAME` in the account's feature store, and made where there is none. `check` is
    asked between commits and may raise. Raises `UnknownName` for a group, `StateError` for a shop without interactions.
    """
    wanted = [reference_group(name) for name in (GROUPS if groups is None else groups)]
    tables = ShopTables.of(workspace.lake, shop)
    store = FeatureGroups(workspace.database, clock=workspace.clock)
    done = []
    with locked(workspace.lake.directory(shop) / LOCK):
        for reference in wanted:
            named = replace(reference.of(shop.account), name=shop.name_of(reference.name))
            group = store.ensure(named)
            with progress(f"computing {reference.name}"):
                rows = reference.rows(tables)
            done.append(_fill(workspace, group, rows, progress, check))
        if windows:
            done += [
                _fill(workspace, group, rows, progress, check) for group, rows in _declared(workspace, shop, tables)
            ]
    return done


def _declared(workspace: Workspace, shop: ShopKey, tables: ShopTables) -> Iterator[tuple[FeatureGroup, pa.Table]]:
    """By group, rows of declared windows at their closes: one column for each window that is a feature of it."""
    declarations = [each for each in list_windows(workspace, shop) if each.group]
    store = FeatureGroups(workspace.database, clock=workspace.clock)
    if not declarations:
        return
    state = DeclaredWindows(declarations, clock=workspace.clock, listed=True)
    closed: dict[str, list[pa.Table]] = {}
    events = events_of_table(tables.events, categories_of(tables.items))
    for declaration, rows in (*state.replay(events), *state.closed()):
        closed.setdefault(declaration.name, []).append(rows)
    for name, of_group in state.groups().items():
        group = store.get(shop.account, name)
        for each in of_group:
            if each.name in closed:
                yield group, rows_of_closes(group, each.name, pa.concat_tables(closed[each.name]))


def rows_of_closes(group: FeatureGroup, window: str, closed: pa.Table) -> pa.Table:
    """Windows that have ended (`declared_state.CLOSED`) as rows of their group."""
    return pa.table({group.identifier: closed["record_id"], MOMENT: closed["event_time"], window: closed["value"]})


def add_closes(
    workspace: Workspace, group: FeatureGroup, rows: pa.Table, since: int, check: Callable[[], None] = lambda: None
) -> Filled:
    """Store those of `rows` that the offline table does not have, all of them after `since` (microseconds). Whoever
    calls holds the shop's lock, as `backfill` does."""
    return _fill(workspace, group, rows, no_progress, check, since)


def _fill(
    workspace: Workspace,
    group: FeatureGroup,
    rows: pa.Table,
    progress: Progress,
    check: Callable[[], None],
    since: int | None = None,
) -> Filled:
    """With `since`, of closes that the online store knows by itself: into the offline store only."""
    tables = FeatureTables(workspace.lake)
    features = [name for name in rows.column_names if name not in (group.identifier, MOMENT)]
    marks, there = _marks(rows, group, features), np.sort(_held(tables, group, features, since))
    places = np.searchsorted(there, marks)
    fresh = rows.filter(pa.array(np.append(there, 0)[places] != marks))  # no mark is 0
    held = _reached(tables, group)
    with progress(f"filling {group.name}", total=fresh.num_rows, unit="rows") as tick:
        newest = _newest(fresh, group) if since is None else np.zeros(fresh.num_rows, np.bool_)
        for number, begin in enumerate(range(0, fresh.num_rows, ROWS)):
            check()
            part = fresh.slice(begin, ROWS)
            made = _stored(part, group, newest[begin : begin + ROWS], workspace.clock.now(), held + begin)
            tables.append(
                group.account, group.key, group.arrow, _given(made), log=LOG, partition=0, upto=held + number + 1
            )
            tick(part.num_rows)
    return Filled(group.name, rows.num_rows, fresh.num_rows)


def _given(rows: pa.Table) -> Callable[[int], pa.Table]:
    return lambda _: rows


def _reached(tables: FeatureTables, group: FeatureGroup) -> int:
    """How many commits of this kind the table has."""
    found = [0]

    def look(held: int) -> None:
        found[0] = held

    tables.append(group.account, group.key, group.arrow, look, log=LOG, partition=0, upto=2**62)
    return found[0]


def _held(tables: FeatureTables, group: FeatureGroup, features: Sequence[str], since: int | None) -> Int64:
    """Marks of the rows that the table has already."""
    later = None if since is None else [("_event_time", ">", since)]
    files = tables.files(group.account, group.key)
    found = [np.zeros(0, np.int64)]
    for file in files:
        there = set(pq.read_schema(file).names)
        columns = ["_record_id", "_event_time", *(name for name in features if name in there)]
        table = pq.read_table(file, columns=columns, filters=later).rename_columns(
            [group.identifier, MOMENT, *(name for name in features if name in there)]
        )
        for name in features:
            if name not in there:
                table = table.append_column(name, pa.nulls(table.num_rows, group.by_name[name].arrow))
        found.append(_marks(table, group, features))
    return np.concatenate(found)


def _marks(rows: pa.Table, group: FeatureGroup, features: Sequence[str]) -> Int64:
    """int64 [rows]: one number made of all that a row says."""
    mark = pairs(keys_of(rows[group.identifier].cast(pa.string())) | 1, _bits(rows[MOMENT]) | 1)
    for name in features:
        column = rows[name].cast(group.by_name[name].arrow)
        bits = keys_of(column) if pa.types.is_string(column.type) else _bits(column)
        mark = pairs(mark, np.where(bits == 0, 1, bits))
    return mark


def _bits(column: pa.ChunkedArray) -> Int64:
    """int64 [n]: numbers as they lie in memory, mixed with whether there is one."""
    whole = column.combine_chunks()
    whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    known = np.asarray(whole.is_valid())
    numbers = np.ascontiguousarray(whole.fill_null(0).to_numpy(zero_copy_only=False))
    bits: Int64 = numbers.view(np.int64) if numbers.dtype.itemsize == 8 else numbers.astype(np.int64)
    return pairs(bits ^ np.int64(0x5DEECE66D), known.astype(np.int64) + 1)


def _newest(rows: pa.Table, group: FeatureGroup) -> np.ndarray:
    """bool [rows]: whether a row is its record's last one."""
    codes = np.asarray(rows[group.identifier].combine_chunks().dictionary_encode().indices)
    last = np.zeros(len(codes), np.bool_)
    order = np.lexsort((rows[MOMENT].to_numpy(), codes))
    if len(order):
        last[order[np.append(np.flatnonzero(np.diff(codes[order])), len(order) - 1)]] = True
    return last


def _stored(rows: pa.Table, group: FeatureGroup, newest: np.ndarray, now: int, order: int) -> pa.Table:
    """As the offline table has them: only the newest row of a record is for the online store too."""
    size = rows.num_rows
    time = np.asarray(rows[MOMENT].to_numpy(), np.int64)
    online = newest & ("online" in group.stores)
    records: list[bytes | None] = [None] * size
    for place in np.flatnonzero(online).tolist():
        records[place] = encode(_record(group, rows.slice(place, 1).to_pylist()[0]))
    aside = ~online & ("online" in group.stores)
    stores = pa.array(np.full(size, "offline"), pa.string(), mask=~aside)
    own = {
        "_record_id": rows[group.identifier].cast(pa.string()),
        "_event_time": pa.array(time),
        "write_time": pa.array(np.full(size, now, np.int64)),
        "_order": pa.array(np.arange(order, order + size, dtype=np.int64)),
        "is_deleted": pa.array(np.zeros(size, np.bool_)),
        "_until": pa.array(time + group.ttl) if group.ttl else pa.nulls(size, pa.int64()),
        "_stores": stores,
        "_record": pa.array(records, pa.binary()),
    }
    told = {name: rows[name] for name in rows.column_names} | {MOMENT: pa.array(time / SECOND)}
    return pa.table({**{field.name: own[field.name] for field in OWN}, **told})


def _record(group: FeatureGroup, row: Mapping[str, object]) -> FeatureRecord:
    time = int(str(row[MOMENT]))
    values = {name: value for name, value in row.items() if value is not None} | {MOMENT: time / SECOND}
    return group.record({name: value if isinstance(value, str) else repr(value) for name, value in values.items()})
