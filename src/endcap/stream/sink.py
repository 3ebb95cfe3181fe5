"""Moves the log's tail into the shops' tables, exactly once, so that the log can be trimmed.

Each table's commit holds the offset up to which it has the log, so a run that was killed is simply run again. Only when
every shop has what was read is it noted that the log may be trimmed so far, and by then every file has been flushed.

A record that nothing can be made of is set aside before what follows it is committed, and holds up nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from endcap.errors import EndcapError
from endcap.lake.locks import locked
from endcap.lake.offsets import TableKind
from endcap.lake.schemas import DatasetKind, Schema
from endcap.lake.streaming import Held
from endcap.lake.tables import Lake
from endcap.storage.log import Log, LogReader, Offset, Record
from endcap.stream.poison import Poison, PoisonStore
from endcap.stream.records import ActionEvent, Decision, Event, FeatureRecord, Put, decode
from endcap.stream.sink_features import Groups, sink_features
from endcap.stream.sink_rows import Misfits, decision_rows, event_rows, put_rows
from endcap.types import ShopKey

BATCH = 20_000
"""Records that one commit takes at most."""
Schemas = Callable[[ShopKey, DatasetKind], Schema | None]
"""The schema of a shop's dataset; None where it has none, then the table's columns are taken as they are."""
Announce = Callable[[ShopKey, str], object]
"""Told of each shop that had records, with the text of its snapshot, before the log may be trimmed."""

_PAYLOADS: Mapping[str, type[Any]] = {
    "event": Event, "action_event": ActionEvent, "decision": Decision, "item": Put, "user": Put, "action": Put,
    "feature": FeatureRecord,
}  # fmt: skip
_KEYS: Mapping[TableKind, str] = {"items": "item_id", "users": "user_id", "actions": "action_id"}


@dataclass
class SinkReport:
    """One run: rows by table, shops that had any, values that found no column (by column), records that could
    not be read, why shops could not be sunk, and how far the log is in the lake."""

    rows: Counter[TableKind] = field(default_factory=Counter)
    shops: set[ShopKey] = field(default_factory=set)
    misfits: Misfits = field(default_factory=Counter)
    poisoned: int = 0
    failures: dict[ShopKey, str] = field(default_factory=dict)
    upto: dict[int, int] = field(default_factory=dict)


def sink(
    log: LogReader,
    lake: Lake,
    *,
    shop: ShopKey | None = None,
    schemas: Schemas | None = None,
    announce: Announce | None = None,
    poison: PoisonStore | None = None,
    groups: Groups | None = None,
    since: Mapping[int, int] | None = None,
    batch: int = BATCH,
) -> SinkReport:
    """Move what the log holds now into the tables of all shops, or of one; what cannot be read into `poison`.

    `since` are offsets by partition to begin after, where that is earlier than all was sunk to: each table takes only
    what it lacks. `groups` are the accounts' feature groups: without them feature records stay in the log.

    Safe to run again whenever it was killed, and in any process; runs wait for each other. A shop whose tables refuse
    keeps its records in the log and does not hold up the others. With `shop` alone nothing may be trimmed afterwards.
    """
    report = SinkReport()
    if not log.identity:
        return report
    aside = _Aside(log.identity, report, poison)
    with locked(lake.root / ".sink.lock"):
        report.upto = lake.places.sunk(log.identity)
        stuck: set[int] = set()
        for partition, end in enumerate(log.ends()):
            after = min(report.upto.get(partition, 0), (since or {}).get(partition, end))
            while after < end and (read := log.read(partition, after, min(batch, end - after))):
                after = read[-1][0].n
                wanted = [each for each in read if shop is None or each[1].shop == shop]
                _sink_batch(lake, Offset(partition, after), wanted, schemas, groups, aside)
                if report.failures:
                    stuck.add(partition)
                if partition not in stuck:
                    report.upto[partition] = after
        for changed in sorted(report.shops):
            if announce is not None and (snapshot := lake.snapshot(changed)).versions:
                announce(changed, snapshot.text)
        if shop is None:
            lake.places.note_sunk(log.identity, report.upto)
    return report


def trim_sunk(log: Log, lake: Lake) -> None:
    """Trim the log to what the lake holds. Only its writer can; call it when what `sink` announced is served, from the
    thread that loads snapshots, so that no live state that is being built misses what is trimmed."""
    for partition, upto in lake.places.sunk(log.identity).items():
        log.trim(partition, upto)


@dataclass
class _Aside:
    """Where records of a log go that nothing can be made of."""

    log: str
    report: SinkReport
    store: PoisonStore | None

    def __call__(self, found: Sequence[Poison]) -> None:
        self.report.poisoned += len(found)
        if self.store is not None:
            self.store.add(self.log, found)


def _sink_batch(
    lake: Lake,
    upto: Offset,
    read: Sequence[tuple[Offset, Record]],
    schemas: Schemas | None,
    groups: Groups | None,
    aside: _Aside,
) -> None:
    report = aside.report
    by_table: dict[tuple[ShopKey, TableKind], list[_Read]] = {}
    poison = []
    for offset, record in read:
        try:
            payload = decode(record.payload, _PAYLOADS[record.kind])
        except (msgspec.DecodeError, UnicodeError) as error:
            poison.append(Poison.of(offset, record, error))
            continue
        by_table.setdefault((record.shop, _table_of(record, payload)), []).append(_Read(offset, record, payload))
    aside(poison)
    for (shop, kind), records in by_table.items():
        if shop in report.failures:
            continue
        making = _Making(shop, kind, records, schemas, aside)
        try:
            if kind == "features":
                told = [(each.offset.n, each.record, each.payload) for each in records]
                rows = sink_features(lake, groups, shop.account, told, aside.log, upto)
            else:
                rows = lake.stream(shop, kind, making, log=aside.log, partition=upto.partition, upto=upto.n)
        except (EndcapError, OSError) as error:
            report.failures[shop] = str(error)
            continue
        report.shops.add(shop)  # also where a run that was killed had done it, but told nobody
        report.rows[kind] += rows
        report.misfits.update(making.misfits)


@dataclass(frozen=True)
class _Read:
    offset: Offset
    record: Record
    payload: Any


@dataclass
class _Making:
    """Rows for one table, once it is known what the table holds already."""

    shop: ShopKey
    kind: TableKind
    records: list[_Read]
    schemas: Schemas | None
    aside: _Aside
    misfits: Misfits = field(default_factory=Counter)

    def __call__(self, held: Held) -> pa.Table:
        fresh = [each for each in self.records if each.offset.n > held.upto]
        try:
            return self._rows(fresh, held)
        except (EndcapError, OSError):
            raise
        except Exception:
            kept, poison = self._tried(fresh, held)
            if not poison:  # it is no record's fault
                raise
            self.aside(poison)
            return self._rows(kept, held)

    def _tried(self, fresh: Sequence[_Read], held: Held) -> tuple[list[_Read], list[Poison]]:
        """Those of which a row can be made, each alone, and those of which none can."""
        kept, poison = [], []
        for each in fresh:
            try:
                self._rows([each], held)
                kept.append(each)
            except (EndcapError, OSError):
                raise
            except Exception as error:
                poison.append(Poison.of(each.offset, each.record, error))
        return kept, poison

    def _rows(self, fresh: Sequence[_Read], held: Held) -> pa.Table:
        self.misfits.clear()
        if self.kind == "decisions":
            return decision_rows([each.payload for each in fresh])
        columns = self._columns(held)
        if self.kind in _KEYS:
            puts = [(each.record, each.payload) for each in fresh]
            there = held.records(list({put.id for _, put in puts})) if puts else None
            return put_rows(_KEYS[self.kind], puts, there, columns, self.misfits)
        return event_rows(self.kind, [each.payload for each in fresh], columns, self.misfits)

    def _columns(self, held: Held) -> pa.Schema:
        """What the dataset's schema names, in the table's own types where it has them."""
        there = held.schema if held.schema is not None else pa.schema([])
        named: DatasetKind = "interactions" if self.kind == "other_events" else self.kind  # type: ignore[assignment]
        schema = self.schemas(self.shop, named) if self.schemas else None
        if schema is None:
            return there
        fields = [field for field in schema.arrow() if not (self.kind == "other_events" and field.name == "item_id")]
        types = {field.name: field.type for field in there}
        if self.kind in _KEYS:  # rows are replaced whole, so columns that only the table has are carried on
            fields += [field for field in there if field.name not in {each.name for each in fields}]
        return pa.schema([pa.field(field.name, types.get(field.name, field.type)) for field in fields])


def _table_of(record: Record, payload: Any) -> TableKind:
    if record.kind == "event":
        return "interactions" if payload.item_id else "other_events"
    tables: Mapping[str, TableKind] = {
        "action_event": "action_interactions", "decision": "decisions",
        "item": "items", "user": "users", "action": "actions", "feature": "features",
    }  # fmt: skip
    return tables[record.kind]
