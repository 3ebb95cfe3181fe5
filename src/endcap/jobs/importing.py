"""Import a shop's files: in a child process that has a memory limit and dies with its parent.

Whatever happens to the child, tables change only by whole commits: a killed or failed import leaves what was served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from endcap.errors import InputError
from endcap.jobs.children import run_child
from endcap.lake.importers.remembering import Remembered
from endcap.seams import Clock, Progress, SystemClock, no_progress
from endcap.settings import Settings
from endcap.types import ShopKey

if TYPE_CHECKING:
    from endcap.lake.importers.preview import Preview

Purpose = Literal["import", "try", "preview"]
"""All of it; reading and checking alone, with nothing written into the lake; or headers and first rows only."""
_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_]{0,62}")


class Request(msgspec.Struct, kw_only=True, frozen=True):
    """Everything the child needs, as JSON."""

    home: str
    account: str
    region: str
    group: str
    paths: tuple[str, ...]
    job: str
    mode: str
    created: int
    """Microseconds UTC."""
    memory_mb: int
    threads: int = 0
    dialect: str | None = None
    kind: str | None = None
    mapping: dict[str, str] = {}
    schemas: dict[str, str] = {}
    """Avro schema per dataset kind, where the shop's ready-made ones are not meant."""
    domain: str | None = None
    max_rejected: float = 1.0
    purpose: Purpose = "import"
    remembered: tuple[Remembered, ...] = ()
    """How files of this shop were read before, the newest first: counts where nothing is said."""
    scratch: str = ""
    """Where a try spills, and leaves the rows it would reject."""


class Reason(msgspec.Struct, kw_only=True, frozen=True):
    """Rows rejected for one reason; examples are (file, row, raw row)."""

    reason: str
    column: str
    rows: int
    examples: tuple[tuple[str, int, str], ...] = ()


class KindReport(msgspec.Struct, kw_only=True, frozen=True):
    """What became of one dataset: rows = accepted + duplicates + merged + all rejected."""

    rows: int
    accepted: int
    duplicates: int
    merged: int
    version: int
    rejected: tuple[Reason, ...] = ()
    rejects: str = ""
    """Parquet file of the rejected rows: file, row, column, reason, raw."""
    grouped: bool = False
    """Made from the rows of another dataset, so its rows were counted there too."""

    @property
    def rejected_rows(self) -> int:
        """How many rows were rejected."""
        return sum(reason.rows for reason in self.rejected)


class ImportReport(msgspec.Struct, kw_only=True, frozen=True):
    """One finished import."""

    job: str
    shop: str
    dialect: str
    mode: str
    kinds: dict[str, KindReport]
    notes: tuple[str, ...]
    sources: tuple[dict[str, Any], ...]
    """`path`, `size` in bytes and `sha256` of each file."""
    manifest: str
    seconds: dict[str, float]
    """`plan`, `hash`, `read`, `commit`, and `total` with the start of the child."""
    said: Remembered | None = None
    """What was said or remembered of the files, and their columns."""

    @property
    def rows(self) -> int:
        """Rows read, each once."""
        return sum(part.rows for part in self.kinds.values() if not part.grouped)

    def json(self) -> dict[str, Any]:
        """As plain data; `reasons` are over all datasets, the most frequent first."""
        whole: dict[str, Any] = msgspec.to_builtins(self)
        parts = {kind: part for kind, part in self.kinds.items() if not part.grouped}
        reasons: list[dict[str, Any]] = [
            {"kind": kind, "reason": one.reason, "column": one.column, "count": one.rows, "examples": one.examples}
            for kind, part in parts.items()
            for one in part.rejected
        ]
        for kind, part in self.kinds.items():
            whole["kinds"][kind]["rejected"] = part.rejected_rows
        files = [part.rejects for part in self.kinds.values() if part.rejects]
        return whole | {
            "rows": self.rows,
            "reasons": sorted(reasons, key=lambda reason: int(reason["count"]), reverse=True),
            "rejects": str(Path(files[0]).parent) if files else "",
            "rows_per_second": round(self.rows / max(self.seconds["total"], 1e-9)),
        }


def import_source(
    settings: Settings,
    shop: ShopKey,
    paths: Sequence[Path | str],
    *,
    dialect: str | Path | None = None,
    mapping: Mapping[str, str] | None = None,
    kind: str | None = None,
    mode: str = "FULL",
    schemas: Mapping[str, str] | None = None,
    domain: str | None = None,
    max_rejected: float = 1.0,
    job: str | None = None,
    remembered: Sequence[Remembered] = (),
    scratch: Path | None = None,
    clock: Clock | None = None,
    progress: Progress = no_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ImportReport:
    """Read files, keep what is wrong with its reason, and commit the rest to the shop's tables.

    `mapping` is `field=column` (and `time_unit`, `time_format`, `time_zone`, `encoding`); `schemas` are Avro texts by
    dataset kind; `max_rejected` is the share of rejected rows at which a dataset fails (1: only when all are).
    A `job` that was committed before changes nothing; a yes of `cancelled` kills the child. `remembered` counts where
    neither dialect, mapping nor kind is said. With `scratch`, a folder, nothing is committed: the report says what
    would be, and the rows that would be rejected lie there.
    Raises `SchemaError` for missing columns, `DataError` for content that cannot be used, `ResourceError` for memory,
    disk or a killed child, `Stopped` when cancelled, `InputError` for wrong options; in all these cases the tables are
    as before, or as after the datasets whose commit was finished.
    """
    now = (clock or SystemClock()).now()
    request = Request(
        **_where(settings, shop, paths),
        job=_checked_job(job or f"import-{now}"),
        mode=_checked_mode(mode),
        created=now,
        dialect=None if dialect is None else str(dialect),
        kind=kind,
        mapping=dict(mapping or {}),
        schemas=dict(schemas or {}),
        domain=domain,
        max_rejected=max_rejected,
        remembered=tuple(remembered),
        purpose="import" if scratch is None else "try",
        scratch="" if scratch is None else str(scratch.absolute()),
    )
    return msgspec.convert(_child(request, "The import", progress, cancelled), ImportReport)


def preview_files(
    settings: Settings,
    shop: ShopKey,
    paths: Sequence[Path | str],
    *,
    dialect: str | None = None,
    mapping: Mapping[str, str] | None = None,
    kind: str | None = None,
    remembered: Sequence[Remembered] = (),
    clock: Clock | None = None,
) -> Preview:
    """What an import would make of the first rows; `mapping` None takes what was remembered of such files.

    Raises `InputError` and `DataError` for files that cannot be opened, `ResourceError` for a killed child.
    """
    request = Request(
        **_where(settings, shop, paths),
        job="preview",
        mode="FULL",
        created=(clock or SystemClock()).now(),
        dialect=dialect,
        kind=kind,
        mapping=dict(mapping or {}),
        remembered=() if mapping is not None else tuple(remembered),
        purpose="preview",
    )
    from endcap.lake.importers.preview import Preview  # noqa: PLC0415 - few imports are looked at before

    return msgspec.convert(_child(request, "The preview", no_progress, lambda: False), Preview)


def _where(settings: Settings, shop: ShopKey, paths: Sequence[Path | str]) -> dict[str, Any]:
    return {
        "home": str(settings.home.absolute()),
        "account": shop.account.account,
        "region": shop.account.region,
        "group": shop.group,
        "paths": tuple(str(Path(path).absolute()) for path in paths),
        "memory_mb": settings.import_memory_mb,
        "threads": settings.threads,
    }


def _child(request: Request, doing: str, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
    return run_child(
        "endcap.jobs.import_child",
        msgspec.json.encode(request),
        doing=doing,
        progress=progress,
        cancelled=cancelled,
        # No linear algebra is done there, and its threads would be started before anything else.
        environment={"OPENBLAS_NUM_THREADS": "1"},
        fix=f"The tables are as they were. If memory ran out, raise import_memory_mb (ENDCAP_IMPORT_MEMORY_MB), now"
        f" {request.memory_mb}; then import again.",
    )


def _checked_job(job: str) -> str:
    if not _JOB.fullmatch(job):
        raise InputError(f"Job {job!r} must be 1-63 of [a-zA-Z0-9-_], starting with a letter or digit.")
    return job


def _checked_mode(mode: str) -> str:
    if mode not in ("FULL", "INCREMENTAL"):
        raise InputError(f"Import mode {mode!r} does not exist.", fix="Give FULL or INCREMENTAL.")
    return mode
