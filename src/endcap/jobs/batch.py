"""Batch jobs in a process of their own, which can be killed at any moment and goes on where it was.

The job's folder in the home holds what is done so far: running a job again goes on at the last durable line, and
running a finished one changes nothing. The work itself is in `batch_inference` and `batch_segments`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from endcap.errors import EndcapError, InputError, ResourceError, UnavailableError
from endcap.jobs.children import run_child
from endcap.jobs.workspace import Workspace
from endcap.registry.resources import Resource
from endcap.seams import Progress, no_progress
from endcap.settings import Settings

CHUNK = 20_000
"""Lines between two durable marks."""


class Totals(msgspec.Struct):
    """How far a job is: `file` counts finished files, `read` and `written` are bytes of the one being worked on."""

    file: int = 0
    read: int = 0
    written: int = 0
    lines: int = 0


class BatchRequest(msgspec.Struct, kw_only=True, frozen=True):
    """What the child is to do."""

    settings: dict[str, Any]
    arn: str
    chunk: int = CHUNK


def never() -> bool:
    """Nobody wants the job stopped."""
    return False


def run_batch(
    workspace: Workspace,
    resource: Resource,
    *,
    progress: Progress = no_progress,
    cancelled: Callable[[], bool] = never,
    chunk: int = CHUNK,
) -> Totals:
    """Do the batch inference or batch segment job that a record describes, in a child process; what was read and
    written. A child that is killed is followed by another one for as long as each gets further.

    Safe to run again after any kill; a job that fails or is stopped leaves nothing in the home. Raises `EndcapError`
    with the reason of failure, `Stopped` when it is cancelled.
    """
    folder = job_folder(workspace, resource)
    while True:
        before = _mark(folder)
        try:
            return _in_child(workspace, resource, progress, cancelled, chunk)
        except UnavailableError:  # may be tried again
            raise
        except ResourceError:
            if _mark(folder) != before and not cancelled():
                continue
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except EndcapError:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _in_child(
    workspace: Workspace, resource: Resource, progress: Progress, cancelled: Callable[[], bool], chunk: int
) -> Totals:
    threads = workspace.settings.threads or os.cpu_count() or 1
    request = BatchRequest(settings=_plain(workspace.settings), arn=resource.arn, chunk=chunk)
    report = run_child(
        "endcap.jobs.batch_child",
        msgspec.json.encode(request),
        doing=f"The {resource.kind.replace('-', ' ')} {resource.id}",
        progress=progress,
        cancelled=cancelled,
        # The child's own threads multiply; BLAS's would fight with them over the cores.
        environment={"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": str(threads)},
    )
    return msgspec.convert(report, Totals)


def job_folder(workspace: Workspace, resource: Resource) -> Path:
    """Where the work in progress of a job lies; what is left there when it is done can be removed with the shop."""
    name = hashlib.sha256(resource.arn.encode()).hexdigest()[:16]
    return workspace.settings.home.absolute() / "work" / f"{resource.kind}-{name}"


def _mark(folder: Path) -> bytes:
    mark = folder / "mark.json"
    return mark.read_bytes() if mark.exists() else b""


def read_settings(given: dict[str, Any]) -> Settings:
    """The settings that a request carries."""
    return Settings(**{**given, "home": Path(given["home"])})


def data_path(document: Any, *names: str) -> str:
    """`names….path` of a job's record. Raises `InputError` where it is missing."""
    found: Any = document
    for name in names:
        found = found.get(name) or {}
    if not found.get("path"):
        raise InputError(f"{'.'.join(names)}.path is missing.", fix="Give s3://BUCKET/KEY.")
    return str(found["path"])


def _plain(settings: Settings) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(settings).items()}
