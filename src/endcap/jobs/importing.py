"""Import a shop's files: in a child process that has a memory limit and dies with its parent.

Whatever happens to the child, tables change only by whole commits: a killed or failed import leaves what was served.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from endcap import errors
from endcap.errors import DataError, EndcapError, InputError, ResourceError, UnknownName
from endcap.seams import Clock, Progress, SystemClock, Tick, no_progress
from endcap.settings import Settings
from endcap.types import ShopKey

LOOK = 0.05
"""Seconds between two looks at whether the import is still wanted."""
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
    clock: Clock | None = None,
    progress: Progress = no_progress,
    cancelled: Callable[[], bool] | None = None,
) -> ImportReport:
    """Read files, keep what is wrong with its reason, and commit the rest to the shop's tables.

    `mapping` is `field=column` (and `time_unit`, `time_format`, `time_zone`, `encoding`); `schemas` are Avro texts by
    dataset kind; `max_rejected` is the share of rejected rows at which a dataset fails (1: only when all are).
    A `job` that was committed before changes nothing; a yes of `cancelled` kills the child.
    Raises `SchemaError` for missing columns, `DataError` for content that cannot be used, `ResourceError` for memory,
    disk or a killed child, `InputError` for wrong options; in all these cases the tables are as before, or as after the
    datasets whose commit was finished.
    """
    now = (clock or SystemClock()).now()
    request = Request(
        home=str(settings.home.absolute()),
        account=shop.account.account,
        region=shop.account.region,
        group=shop.group,
        paths=tuple(str(Path(path).absolute()) for path in paths),
        job=_checked_job(job or f"import-{now}"),
        mode=_checked_mode(mode),
        created=now,
        memory_mb=settings.import_memory_mb,
        threads=settings.threads,
        dialect=None if dialect is None else str(dialect),
        kind=kind,
        mapping=dict(mapping or {}),
        schemas=dict(schemas or {}),
        domain=domain,
        max_rejected=max_rejected,
    )
    return run_child(request, progress, cancelled)


def run_child(
    request: Request, progress: Progress = no_progress, cancelled: Callable[[], bool] | None = None
) -> ImportReport:
    """Run one import in a fresh interpreter and relay its progress. Raises what the child raised."""
    command = [sys.executable, "-P", "-m", "endcap.jobs.import_child"]
    # No linear algebra is done there, and its threads would be started before anything else.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        try:
            # The pipe stays open on purpose: its end tells the child that this process is gone.
            child.stdin.write(msgspec.json.encode(request) + b"\n")
            child.stdin.flush()
            with _killed(child, cancelled):
                answer = _relay(child.stdout, progress)
        except BrokenPipeError:
            answer = None
        except BaseException:
            child.kill()
            raise
        child.stdin.close()
        status = child.wait()
        if answer is None:
            raise _ended(status, _last_line(complaints), request.memory_mb)
    if "error" in answer:
        raise _as_error(answer["error"])
    return msgspec.convert(answer["report"], ImportReport)


@contextmanager
def _killed(child: subprocess.Popen[bytes], cancelled: Callable[[], bool] | None) -> Iterator[None]:
    """Kill the child as soon as someone wants the import stopped."""
    if cancelled is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            if cancelled():
                child.kill()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _relay(lines: IO[bytes], progress: Progress) -> dict[str, Any] | None:
    """Show the child's progress until it answers; None where it ends without an answer."""
    with ExitStack() as stack:
        for message in _messages(lines):
            if "start" in message:
                stack.close()
                tick: Tick = stack.enter_context(progress(message["start"], message["total"], message["unit"]))
            elif "tick" in message:
                tick(message["tick"])
            elif "end" in message:
                stack.close()
            else:
                return message
    return None


def _messages(lines: IO[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:  # the last line of a child that was killed while writing it
            return


def _ended(status: int, said: str, memory_mb: int) -> EndcapError:
    how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    return ResourceError(
        f"The import's process was ended {how} before it finished; the tables are as they were."
        + (f" It said: {said}." if said else ""),
        fix=f"If memory ran out, raise import_memory_mb (ENDCAP_IMPORT_MEMORY_MB), now {memory_mb}; then import again.",
    )


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def _as_error(told: Mapping[str, Any]) -> EndcapError:
    kind: type[EndcapError] = getattr(errors, told["type"], EndcapError)
    if issubclass(kind, DataError):
        return kind(told["message"], fix=told["fix"], row=told["row"], column=told["column"])
    if issubclass(kind, UnknownName):  # its message is made already, so it is not built from its parts again
        kind = InputError
    return kind(told["message"], fix=told["fix"])


def _checked_job(job: str) -> str:
    if not _JOB.fullmatch(job):
        raise InputError(f"Job {job!r} must be 1-63 of [a-zA-Z0-9-_], starting with a letter or digit.")
    return job


def _checked_mode(mode: str) -> str:
    if mode not in ("FULL", "INCREMENTAL"):
        raise InputError(f"Import mode {mode!r} does not exist.", fix="Give FULL or INCREMENTAL.")
    return mode
