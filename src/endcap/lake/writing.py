"""Writing one table: alone, durable, one version at a time."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from endcap.lake.columns import INGESTION, PUT
from endcap.lake.commits import LOG, commit, has_table, open_table, recover, sum_up
from endcap.lake.entries import entry
from endcap.lake.intake import Intake, Staged, parquet
from endcap.lake.locks import locked, make_directory
from endcap.lake.offsets import TableKind
from endcap.seams import Clock, Disk

if TYPE_CHECKING:
    from deltalake import DeltaTable


def schema_of(table: DeltaTable) -> pa.Schema:
    """The table's columns."""
    return pa.schema(table.schema().to_arrow())


@dataclass(frozen=True)
class TableWriter:
    """How one table of a shop is written; `memory_mb` is what one commit may hold before it spills to disk."""

    path: Path
    kind: TableKind
    disk: Disk
    clock: Clock
    memory_mb: int

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the table, in whatever state it is."""
        make_directory(self.path.parent, self.disk)
        with locked(self.path.parent / f".{self.kind}.lock"):
            yield

    @contextmanager
    def alone(self) -> Iterator[DeltaTable | None]:
        """Hold the table, without what an interrupted commit left; None where it has no version yet."""
        with self.lock():
            recover(self.path)
            there = open_table(self.path) if has_table(self.path) else None
            if there is not None:
                self.disk.fsync(self.path / LOG)  # an entry whose flush failed last time counts from here on
                sum_up(self.path, self.disk)
            yield there

    def intake(self, columns: pa.Schema, staged: Staged | None = None) -> Intake:
        """Where rows are gathered. The caller holds the table."""
        spill = self.path.parent / f".{self.kind}.spill"
        shutil.rmtree(spill, ignore_errors=True)
        return Intake(columns, spill, self.memory_mb, staged)

    def commit(
        self,
        there: DeltaTable | None,
        intake: Intake,
        rows: str,
        *,
        append: bool,
        transaction: str,
        upto: int = 1,
        rewritten: Collection[str] = (),
        notes: Mapping[str, Any],
    ) -> int:
        """Write what the query `rows` gives as the next version, see `entry`; its number. The caller is alone."""

        def write(stage: Path) -> None:
            version = there.version() + 1 if there is not None else 0
            file = intake.write(rows, stage / f"part-{version:05d}-{uuid.uuid4()}.parquet")
            made = entry(
                there,
                intake.schema,
                [file] if file else [],
                append=append,
                transaction=transaction,
                upto=upto,
                rewritten=rewritten,
                notes=notes,
                now=self.clock.now(),
            )
            (stage / LOG / f"{version:020d}.json").write_bytes(made)

        return commit(self.path, self.disk, write)


def put_rows(writer: TableWriter, there: DeltaTable) -> bool:
    """Whether the table holds rows that were streamed."""
    if INGESTION not in schema_of(there).names or not there.file_uris():
        return False
    with writer.intake(schema_of(there)) as intake:
        return intake.number(f"SELECT count(*) FROM {parquet(there.file_uris())} WHERE {INGESTION} = '{PUT}'") > 0
