"""How the importer tests read: a file's text in, rows and counts out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from endcap.lake.importers import Counts, Limits, Plan, Staging, plan_import


@dataclass
class Read:
    plan: Plan
    tables: dict[str, pa.Table]
    counts: dict[str, Counts]
    rejects: dict[str, list[dict[str, Any]]]

    def rows(self, kind: str = "interactions") -> list[dict[str, Any]]:
        return self.tables[kind].to_pylist()

    def reasons(self, kind: str = "interactions") -> dict[str, int]:
        return {one.reason: one.rows for one in self.counts[kind].rejected}


def read(*paths: Path, spill: Path | None = None, limits: Limits | None = None, **options: Any) -> Read:
    plan = plan_import(paths, limits=limits, **options)
    with Staging(plan, spill or paths[0].parent / "spill", memory_mb=256, threads=1) as staging:
        staging.load()
        tables = {kind: pa.Table.from_batches(staging.batches(kind), plan.schemas[kind].arrow()) for kind in plan.kinds}
        rejects = {kind: [row for batch in staging.rejects(kind) for row in batch.to_pylist()] for kind in plan.kinds}
        return Read(plan, tables, staging.counts, rejects)


def written(folder: Path, text: str | bytes, name: str = "events.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def columns(mapping: Mapping[str, list[Any]], path: Path) -> Path:
    pq.write_table(pa.table(mapping), path)
    return path
