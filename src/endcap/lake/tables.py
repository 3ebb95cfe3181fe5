"""A shop's processed tables: Delta, one per kind of dataset, committed atomically and read at a snapshot.

<root>/<account>/<region>/<shop>/{interactions,items,users,…}   tables
<root>/<account>/<region>/<shop>/catalogue/                      append-only index of items
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

import pyarrow as pa

from endcap.errors import DataError, InputError, StateError
from endcap.lake.columns import INGESTION, NUMBERS, REQUIRED, combinable, converted, table_schema, with_streamed
from endcap.lake.commits import drop, has_table, open_table, sweep
from endcap.lake.intake import BATCH_ROWS, Intake, Staged, listed
from endcap.lake.offsets import LINKING, TABLES, LakeOffsets, TableKind, transaction
from endcap.lake.past import Commit, commits, newest
from endcap.lake.places import Places
from endcap.lake.schemas import KINDS, DatasetKind
from endcap.lake.writing import TableWriter, put_rows, schema_of
from endcap.seams import Clock, Disk, SystemClock
from endcap.types import DAY, EVENT_TYPE, ITEM_ID, ORDER_ID, SESSION_ID, TIMESTAMP, USER_ID, AccountKey, ShopKey

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from endcap.lake.dataset import Dataset
    from endcap.lake.index import CatalogueIndex
    from endcap.lake.signals import Signals
    from endcap.lake.streaming import Held
    from endcap.storage.log import LogReader

__all__ = ["Commit", "DatasetKind", "ImportMode", "Lake", "Snapshot"]

ImportMode = Literal["FULL", "INCREMENTAL"]

_LEARNED_FROM = (USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, ORDER_ID, *NUMBERS)


@dataclass(frozen=True)
class Snapshot:
    """Versions of a shop's tables that were read together."""

    versions: Mapping[DatasetKind, int]

    @property
    def text(self) -> str:
        """As lineage records it, for example `interactions@3,items@1`."""
        return ",".join(f"{kind}@{version}" for kind, version in sorted(self.versions.items()))

    def at(self, kind: TableKind) -> int | None:
        """The version of a table; None where it was not read."""
        return next((version for name, version in self.versions.items() if name == kind), None)

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """From `text`. Raises `InputError` for anything else."""
        versions: dict[DatasetKind, int] = {}
        for part in filter(None, text.split(",")):
            kind, _, version = part.partition("@")
            if kind not in KINDS or not version.isdecimal():
                raise InputError(f"Snapshot {text!r} is not of the form interactions@3,items@1.")
            versions[kind] = int(version)
        return cls(versions)


class Lake:
    """All shops' tables under one root. One writer at a time per table, across processes; readers never wait."""

    def __init__(
        self, root: Path, disk: Disk | None = None, *, memory_mb: int = 1024, clock: Clock | None = None
    ) -> None:
        """`memory_mb` is what one import may hold in memory before it spills to the lake's disk."""
        self.root = root
        self._disk = disk or Disk()
        self._memory_mb = memory_mb
        self._clock = clock or SystemClock()
        self.places = Places(root, self._disk)

    def directory(self, shop: ShopKey) -> Path:
        """Where everything of a shop lies."""
        return self.root.joinpath(*shop.parts())

    def shops(self) -> list[ShopKey]:
        """Shops that have at least one table, sorted."""
        found = {ShopKey(AccountKey(*log.parts[-5:-3]), log.parts[-3]) for log in self.root.glob("*/*/*/*/_delta_log")}
        return sorted(shop for shop in found if any(self.exists(shop, kind) for kind in KINDS))

    def exists(self, shop: ShopKey, kind: TableKind) -> bool:
        """Whether a table has a version."""
        return has_table(self._table(shop, kind))

    def catalogue(self, shop: ShopKey) -> CatalogueIndex:
        """The shop's append-only index of items."""
        from endcap.lake.index import CatalogueIndex  # noqa: PLC0415 - loads Arrow's functions, 20 ms, at the commit

        return CatalogueIndex(self.directory(shop) / "catalogue", self._disk)

    def commit(
        self,
        shop: ShopKey,
        kind: DatasetKind,
        batches: Iterable[pa.RecordBatch] | pa.Table | Staged,
        *,
        schema: pa.Schema,
        mode: ImportMode,
        job: str,
    ) -> int:
        """Write one import as a new version, durable on return; the version. A job committed before changes nothing.

        FULL replaces the table, but for rows that were streamed into it and that the import does not bring itself.
        INCREMENTAL upserts records by key and appends events; exact duplicates of events are
        kept once in both. Memory is bounded however many batches come. `Staged` rows, which hold no duplicates, are
        written from where they lie, within that database's memory limit. Raises `SchemaError` or `DataError` for rows
        that do not fit, `ResourceError` for a full disk or exhausted memory; then the table is as before.
        """
        if mode not in get_args(ImportMode):
            raise InputError(f"Import mode {mode!r} does not exist.", fix="Give FULL or INCREMENTAL.")
        writer = self.writer(shop, kind)
        with writer.alone() as there:
            if there is not None and there.transaction_version(f"import-{job}") is not None:
                return next(entry.version for entry in self.history(shop, kind) if entry.job == job)
            kept = there if mode == "INCREMENTAL" else None
            columns = table_schema(kind, schema, schema_of(kept) if kept else None)
            streamed = there if mode == "FULL" and there is not None and put_rows(writer, there) else None
            if streamed is not None:
                columns = with_streamed(columns, schema_of(streamed))
            staged = _fitting(batches, columns)
            with writer.intake(columns, staged) as intake:
                received = intake.adopt(staged) if staged else intake.load(_conversions(_batches(batches), columns))
                if not received and mode == "FULL":
                    raise DataError(f"There are no {kind} to import.", fix="An empty import never replaces a table.")
                intake.require_values(REQUIRED[kind])
                if ITEM_ID in REQUIRED[kind]:
                    self.catalogue(shop).extend(intake.distinct(ITEM_ID))
                return writer.commit(
                    there,
                    intake,
                    _rows(kind, intake, kept, streamed),
                    append=kept is not None and len(REQUIRED[kind]) > 1,
                    transaction=f"import-{job}",
                    notes={"job": job, "mode": mode, "received": received},
                )

    def stream(
        self,
        shop: ShopKey,
        kind: TableKind,
        make: Callable[[Held], pa.Table],
        *,
        log: str,
        partition: int,
        upto: int,
    ) -> int:
        """Add streamed rows exactly once, durable on return; how many. See `streaming.stream`."""
        from endcap.lake.streaming import stream  # noqa: PLC0415 - as in `catalogue`

        dropped = self.places.dropped(shop, kind, log).get(partition, 0)
        if dropped >= upto:
            return 0
        writer, catalogue = self.writer(shop, kind), self.catalogue(shop)
        return stream(writer, catalogue, make, log=log, partition=partition, upto=upto, dropped=dropped)

    def remove_users(self, shop: ShopKey, ids: Iterable[str], job: str) -> int:
        """Remove all rows of these users, and of the sessions that became theirs, from every table; how many.

        The same job again gives the same number. Older versions of the tables that are rewritten become unreadable.
        What the log still holds is not touched: `sink` first.
        """
        from endcap.lake.links import owned  # noqa: PLC0415 - as in `catalogue`
        from endcap.lake.streaming import remove_rows  # noqa: PLC0415

        # Rows that link a session to its user go too, so whose rows go is written down before the first one does.
        gone = self.places.removal(shop, job, lambda: owned(self.links(shop), pa.array(list(ids), pa.string())))
        kinds = [kind for kind in TABLES if self.exists(shop, kind)]
        removed = sum(remove_rows(self.writer(shop, kind), gone, job) for kind in kinds)
        self.places.end_removal(shop, job)
        return removed

    def links(self, shop: ShopKey, snapshot: Snapshot | None = None) -> pa.Table:
        """(session_id, user_id, last): the user that each anonymous session became, see `links.links`."""
        from endcap.lake.links import links  # noqa: PLC0415 - as in `catalogue`

        there = [kind for kind in LINKING if self.exists(shop, kind)]
        return links({kind: self.files(shop, kind, snapshot.at(kind) if snapshot else None) for kind in there})

    def drop(self, shop: ShopKey, kind: TableKind, log: LogReader | None = None) -> None:
        """Remove a table, at once for readers; nothing happens where there is none. With `log`, what it holds of the
        table up to now is not wanted any more either. The catalogue's ordinals stay."""
        if log is not None and log.identity:
            self.places.note_dropped(shop, kind, log.identity, log.ends())
        with self.writer(shop, kind).lock():
            if self._table(shop, kind).is_dir():
                drop(self._table(shop, kind), self._disk)
            sweep(self.directory(shop), self._disk, f"{kind}-")
        if kind == "interactions":
            self.drop(shop, "other_events", log)

    def drop_shop(self, shop: ShopKey, log: LogReader | None = None) -> None:
        """Remove everything of a shop, as `drop`."""
        if log is not None and log.identity:
            self.places.note_dropped(shop, None, log.identity, log.ends())
        directory = self.directory(shop)
        if directory.is_dir():
            with ExitStack() as held:
                for kind in TABLES:
                    held.enter_context(self.writer(shop, kind).lock())
                drop(directory, self._disk)
        sweep(directory.parent, self._disk, f"{shop.group}-")

    def read(
        self, shop: ShopKey, kind: TableKind, *, version: int | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """A table at a version (the newest when None); ids come as plain strings.

        Raises `StateError` where there is no such table or version, `UnknownName` for a column that it does not have.
        """
        table = self.open(shop, kind, version).to_pyarrow_dataset()
        if columns is not None and (unknown := [name for name in columns if name not in table.schema.names]):
            raise DataError(
                f"The {kind} of {shop.group} have no column {unknown[0]}; found {', '.join(table.schema.names)}.",
                column=unknown[0],
                fix="Ask for one of these, or import it.",
            )
        return table.to_table(columns=None if columns is None else list(columns))

    def open(self, shop: ShopKey, kind: TableKind, version: int | None = None) -> DeltaTable:
        """The Delta table itself. Raises `StateError` where there is no such table or version."""
        table = self._table(shop, kind)
        if not has_table(table):
            raise StateError(
                f"Shop {shop.group} has no {kind} yet.",
                fix=f"Import them: endcap import {kind} FILE --shop {shop.group}."
                if kind in KINDS
                else "A server logs them, and they reach the lake within a minute.",
            )
        newest = open_table(table)
        if version is None or version == newest.version():
            return newest
        if version not in range(newest.version()):
            raise StateError(
                f"The {kind} of {shop.group} have no version {version}.", fix=f"The newest is {newest.version()}."
            )
        return open_table(table, version)

    def files(self, shop: ShopKey, kind: TableKind, version: int | None = None) -> list[str]:
        """Parquet files of a version, for SQL over them."""
        return sorted(self.open(shop, kind, version).file_uris())

    def seen_items(self, shop: ShopKey, *, since: int = 0, until: int = 2**62, window: int = DAY) -> pa.Table:
        """What the answers of a time showed, and what followed: see `attribution.seen_items`."""
        from endcap.lake.attribution import seen_items  # noqa: PLC0415 - as in `catalogue`

        decisions = self.files(shop, "decisions") if self.exists(shop, "decisions") else []
        kinds: tuple[TableKind, ...] = ("interactions", "other_events")
        events = [self.files(shop, kind) for kind in kinds if self.exists(shop, kind)]
        return seen_items(decisions, [files for files in events if files], since=since, until=until, window=window)

    def snapshot(self, shop: ShopKey) -> Snapshot:
        """The newest version of each table."""
        kinds = [kind for kind in KINDS if self.exists(shop, kind)]
        return Snapshot({kind: self.open(shop, kind).version() for kind in kinds})

    def offsets(self, shop: ShopKey, log: str, partitions: int, snapshot: Snapshot | None = None) -> LakeOffsets:
        """How much of a log each table holds; of a snapshot's tables as they were then, of all others now."""
        found: dict[TableKind, dict[int, int]] = {}
        for kind in TABLES:
            held = self.places.dropped(shop, kind, log)
            version = snapshot.at(kind) if snapshot else None
            if self.exists(shop, kind) and (version is not None or kind not in KINDS or snapshot is None):
                table = self.open(shop, kind, version)
                for number in range(partitions):
                    n = table.transaction_version(transaction(log, number)) or 0
                    held[number] = max(n, held.get(number, 0))
            found[kind] = held
        return LakeOffsets(log, found)

    def history(self, shop: ShopKey, kind: TableKind) -> list[Commit]:
        """The table's versions, newest first."""
        return commits(self.open(shop, kind))

    def newest(self, shop: ShopKey, kind: TableKind) -> Commit | None:
        """The table's newest version, None where there is no table; quick however many there were before."""
        return newest(self.open(shop, kind)) if self.exists(shop, kind) else None

    def signals(self, shop: ShopKey) -> Signals:
        """What numbers beside the shop's events mean: as declared, else the default."""
        from endcap.lake.declarations import declared  # noqa: PLC0415 - loads NumPy, which an import need not

        return declared(self.directory(shop))

    def dataset(
        self,
        shop: ShopKey,
        *,
        snapshot: Snapshot | None = None,
        event_types: tuple[str, ...] | None = None,
        label: str = "",
    ) -> Dataset:
        """What recipes learn from: all items and users of the snapshot, and the interactions that say interest.

        Without `event_types`, returns and other events of `event_types.LEFT_OUT` are left out (they are in
        `Dataset.left_out`); with them, exactly these stay. What a session did that became a user's is the user's.
        `label` is what a recipe learns of every event (`Recipe.label`): then what says it is read too.
        Raises `StateError` where there are no interactions, `UnknownName` for an unknown event type.
        """
        from endcap.lake.assemble import assemble  # noqa: PLC0415 - loads SciPy, which an import need not

        snapshot = snapshot or self.snapshot(shop)
        interactions, sessions = self._encoded(shop, snapshot, label), None
        if SESSION_ID in interactions.column_names:
            from endcap.lake.links import resolved  # noqa: PLC0415 - as in `catalogue`

            sessions = self.links(shop, snapshot)
            interactions = resolved(interactions, sessions)
        kinds, held = cast("tuple[DatasetKind, ...]", ("items", "users")), snapshot.versions
        records = [self.read(shop, kind, version=held[kind]) if kind in held else None for kind in kinds]
        return assemble(
            interactions,
            *records,
            catalogue=self.catalogue(shop).ids(),
            event_types=event_types,
            snapshot=snapshot.text,
            sessions=sessions,
            signals=self.signals(shop),
            label=label,
        )

    def _encoded(self, shop: ShopKey, snapshot: Snapshot, label: str) -> pa.Table:
        """The columns that are learned from, texts dictionary-encoded as they lie on disk."""
        table = self.open(shop, "interactions", snapshot.versions.get("interactions"))
        from pyarrow.dataset import ParquetReadOptions  # noqa: PLC0415 - loads pandas, which an import need not

        from endcap.lake.labels import columns_of  # noqa: PLC0415 - loads NumPy, which an import need not

        there = schema_of(table).names
        wanted = (*_LEARNED_FROM, SESSION_ID, INGESTION) if INGESTION in there else _LEARNED_FROM
        names = [name for name in (*wanted, *columns_of(label)) if name in there]
        texts = {name for name in names if name not in (TIMESTAMP, *NUMBERS, *columns_of(label))}
        options = ParquetReadOptions(dictionary_columns=texts)
        return combinable(table.to_pyarrow_dataset(parquet_read_options=options).to_table(columns=names))

    def _table(self, shop: ShopKey, kind: TableKind) -> Path:
        return self.directory(shop) / kind

    def writer(self, shop: ShopKey, kind: TableKind) -> TableWriter:
        """How a table is written, below `commit` and `stream`."""
        return TableWriter(self._table(shop, kind), kind, self._disk, self._clock, self._memory_mb)


def _rows(kind: TableKind, intake: Intake, kept: DeltaTable | None, streamed: DeltaTable | None) -> str:
    """SQL of an import's rows: with what is `kept` of the table, or with what was `streamed` into it."""
    files = kept.file_uris() if kept is not None else []
    if len(REQUIRED[kind]) == 1:
        query, same = intake.records(REQUIRED[kind][0], files), REQUIRED[kind]
    else:
        query, same = intake.events((USER_ID, TIMESTAMP), files), _same_event(kind, intake)
    if streamed is None:
        return query
    order = [name for name in (REQUIRED[kind][0], TIMESTAMP) if name in intake.schema.names]
    return f"SELECT * FROM ({intake.streamed(query, streamed.file_uris(), same)}) ORDER BY {listed(order)}"


def _same_event(kind: TableKind, intake: Intake) -> tuple[str, ...]:
    return (*REQUIRED[kind], EVENT_TYPE) if EVENT_TYPE in intake.schema.names else REQUIRED[kind]


def _fitting(given: Iterable[pa.RecordBatch] | pa.Table | Staged, columns: pa.Schema) -> Staged | None:
    """Staged rows that have the table's own columns, so that nothing is to be converted."""
    if not isinstance(given, Staged):
        return None
    fits = {field.name: field.type for field in given.schema} == {field.name: field.type for field in columns}
    return given if fits else None


def _batches(given: Iterable[pa.RecordBatch] | pa.Table | Staged) -> Iterable[pa.RecordBatch]:
    if isinstance(given, Staged):
        return given.batches()
    return given.to_batches(max_chunksize=BATCH_ROWS) if isinstance(given, pa.Table) else given


def _conversions(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in batches:
        yield converted(batch, schema, row)
        row += batch.num_rows
