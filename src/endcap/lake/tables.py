"""A shop's processed tables: Delta, one per kind of dataset, committed atomically and read at a snapshot.

<root>/<account>/<region>/<shop>/{interactions,items,users,…}   tables
<root>/<account>/<region>/<shop>/catalogue/                      append-only index of items
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pyarrow as pa

from endcap.errors import DataError, InputError, StateError
from endcap.lake.columns import REQUIRED, converted, table_schema
from endcap.lake.commits import LOG, commit, has_table, open_table, recover, sum_up
from endcap.lake.entries import entry as log_entry
from endcap.lake.intake import BATCH_ROWS, Intake, Staged
from endcap.lake.locks import locked, make_directory
from endcap.lake.schemas import KINDS, DatasetKind
from endcap.seams import Clock, Disk, SystemClock
from endcap.types import EVENT_TYPE, ITEM_ID, ORDER_ID, TIMESTAMP, USER_ID, AccountKey, Micros, ShopKey

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from endcap.lake.dataset import Dataset
    from endcap.lake.index import CatalogueIndex

__all__ = ["Commit", "DatasetKind", "ImportMode", "Lake", "Snapshot"]

ImportMode = Literal["FULL", "INCREMENTAL"]

_LEARNED_FROM = (USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, ORDER_ID)


@dataclass(frozen=True)
class Snapshot:
    """Versions of a shop's tables that were read together."""

    versions: Mapping[DatasetKind, int]

    @property
    def text(self) -> str:
        """As lineage records it, for example `interactions@3,items@1`."""
        return ",".join(f"{kind}@{version}" for kind, version in sorted(self.versions.items()))

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


@dataclass(frozen=True)
class Commit:
    """One version of a table: `rows` is how many the table has held since, `received` how many the import brought."""

    version: int
    time: Micros
    job: str
    mode: str
    rows: int
    received: int


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

    def directory(self, shop: ShopKey) -> Path:
        """Where everything of a shop lies."""
        return self.root.joinpath(*shop.parts())

    def shops(self) -> list[ShopKey]:
        """Shops that have at least one table, sorted."""
        found = {ShopKey(AccountKey(*log.parts[-5:-3]), log.parts[-3]) for log in self.root.glob("*/*/*/*/_delta_log")}
        return sorted(shop for shop in found if any(self.exists(shop, kind) for kind in KINDS))

    def exists(self, shop: ShopKey, kind: DatasetKind) -> bool:
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

        FULL replaces the table. INCREMENTAL upserts records by key and appends events; exact duplicates of events are
        kept once in both. Memory is bounded however many batches come. `Staged` rows, which hold no duplicates, are
        written from where they lie, within that database's memory limit. Raises `SchemaError` or `DataError` for rows
        that do not fit, `ResourceError` for a full disk or exhausted memory; then the table is as before.
        """
        if mode not in get_args(ImportMode):
            raise InputError(f"Import mode {mode!r} does not exist.", fix="Give FULL or INCREMENTAL.")
        table = self._table(shop, kind)
        make_directory(table.parent, self._disk)
        with locked(table.parent / f".{kind}.lock"):
            recover(table)
            there = open_table(table) if has_table(table) else None
            if there is not None:
                self._disk.fsync(table / "_delta_log")  # an entry whose flush failed last time counts from here on
                sum_up(table, self._disk)
                if there.transaction_version(f"import-{job}") is not None:
                    return next(entry.version for entry in self.history(shop, kind) if entry.job == job)
            kept = there if mode == "INCREMENTAL" else None
            columns = table_schema(kind, schema, _schema(kept) if kept else None)
            spill = table.parent / f".{kind}.spill"
            shutil.rmtree(spill, ignore_errors=True)
            staged = _fitting(batches, columns)
            with Intake(columns, spill, self._memory_mb, staged) as intake:
                received = intake.adopt(staged) if staged else intake.load(_conversions(_batches(batches), columns))
                if not received and mode == "FULL":
                    raise DataError(f"There are no {kind} to import.", fix="An empty import never replaces a table.")
                intake.require_values(REQUIRED[kind])
                return self._write(shop, kind, intake, there, {"job": job, "mode": mode, "received": received})

    def read(
        self, shop: ShopKey, kind: DatasetKind, *, version: int | None = None, columns: Sequence[str] | None = None
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

    def open(self, shop: ShopKey, kind: DatasetKind, version: int | None = None) -> DeltaTable:
        """The Delta table itself. Raises `StateError` where there is no such table or version."""
        table = self._table(shop, kind)
        if not has_table(table):
            raise StateError(
                f"Shop {shop.group} has no {kind} yet.",
                fix=f"Import them: endcap import {kind} FILE --shop {shop.group}.",
            )
        newest = open_table(table)
        if version is None or version == newest.version():
            return newest
        if version not in range(newest.version()):
            raise StateError(
                f"The {kind} of {shop.group} have no version {version}.", fix=f"The newest is {newest.version()}."
            )
        return open_table(table, version)

    def files(self, shop: ShopKey, kind: DatasetKind, version: int | None = None) -> list[str]:
        """Parquet files of a version, for SQL over them."""
        return sorted(self.open(shop, kind, version).file_uris())

    def snapshot(self, shop: ShopKey) -> Snapshot:
        """The newest version of each table."""
        kinds = [kind for kind in KINDS if self.exists(shop, kind)]
        return Snapshot({kind: self.open(shop, kind).version() for kind in kinds})

    def history(self, shop: ShopKey, kind: DatasetKind) -> list[Commit]:
        """The table's versions, newest first."""
        found: list[Commit] = []
        rows = 0
        for entry in reversed(self.open(shop, kind).history()):
            added = int(entry.get("operationMetrics", {}).get("num_added_rows", 0))
            rows = added + (rows if entry.get("operationParameters", {}).get("mode") == "Append" else 0)
            version, time = int(entry["version"]), Micros(int(entry["timestamp"]) * 1000)
            job, mode = str(entry.get("job", "")), str(entry.get("mode", ""))
            found.append(Commit(version, time, job, mode, rows, int(entry.get("received", 0))))
        return found[::-1]

    def dataset(
        self, shop: ShopKey, *, snapshot: Snapshot | None = None, event_types: tuple[str, ...] | None = None
    ) -> Dataset:
        """What recipes learn from: all items and users of the snapshot, and the interactions that say interest.

        Without `event_types`, returns and other events of `event_types.LEFT_OUT` are left out; with them, exactly
        these stay. Raises `StateError` where there are no interactions, `UnknownName` for an unknown event type.
        """
        from endcap.lake.assemble import assemble  # noqa: PLC0415 - loads SciPy, which an import need not

        snapshot = snapshot or self.snapshot(shop)
        interactions = self._encoded(shop, snapshot)
        metadata: dict[str, pa.Table | None] = {"items": None, "users": None}
        for kind in ("items", "users"):
            if kind in snapshot.versions:
                metadata[kind] = self.read(shop, kind, version=snapshot.versions[kind])
        return assemble(
            interactions,
            metadata["items"],
            metadata["users"],
            catalogue=self.catalogue(shop).ids(),
            event_types=event_types,
            snapshot=snapshot.text,
        )

    def _encoded(self, shop: ShopKey, snapshot: Snapshot) -> pa.Table:
        """The columns that are learned from, texts dictionary-encoded as they lie on disk."""
        table = self.open(shop, "interactions", snapshot.versions.get("interactions"))
        from pyarrow.dataset import ParquetReadOptions  # noqa: PLC0415 - loads pandas, which an import need not

        names = [name for name in _LEARNED_FROM if name in _schema(table).names]
        texts = {name for name in names if name != TIMESTAMP}
        options = ParquetReadOptions(dictionary_columns=texts)
        return table.to_pyarrow_dataset(parquet_read_options=options).to_table(columns=names)

    def _table(self, shop: ShopKey, kind: DatasetKind) -> Path:
        return self.directory(shop) / kind

    def _write(
        self,
        shop: ShopKey,
        kind: DatasetKind,
        intake: Intake,
        there: DeltaTable | None,
        notes: dict[str, Any],
    ) -> int:
        if ITEM_ID in REQUIRED[kind]:
            self.catalogue(shop).extend(intake.distinct(ITEM_ID))
        kept = there if notes["mode"] == "INCREMENTAL" else None
        table, files = self._table(shop, kind), kept.file_uris() if kept else []
        is_record = len(REQUIRED[kind]) == 1
        rows = intake.records(REQUIRED[kind][0], files) if is_record else intake.events((USER_ID, TIMESTAMP), files)
        append = kept is not None and not is_record

        def write(stage: Path) -> None:
            version = there.version() + 1 if there is not None else 0
            file = intake.write(rows, stage / f"part-{version:05d}-{uuid.uuid4()}.parquet")
            made = log_entry(
                there,
                intake.schema,
                [file] if file else [],
                append=append,
                transaction=f"import-{notes['job']}",
                notes=notes,
                now=self._clock.now(),
            )
            (stage / LOG / f"{version:020d}.json").write_bytes(made)

        return commit(table, self._disk, write)


def _schema(table: DeltaTable) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


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
