"""Delta commits that survive a power cut.

A Parquet writer flushes nothing to disk. So a commit is first written beside the table, in a staging directory that
shares the table's log; what it wrote is flushed, the data files are moved into the table, and renaming the log entry
into `_delta_log` is the commit. Until then readers see the old version, and a crash leaves only files that no entry
names, which the next commit removes.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from endcap.errors import ArtefactError, EndcapError, ResourceError
from endcap.lake.locks import make_directory
from endcap.seams import Disk

if TYPE_CHECKING:
    from deltalake import DeltaTable

LOG = "_delta_log"
CHECKPOINT_EVERY = 20
"""After this many entries the log is summed up in a checkpoint, so that opening a table stays quick."""
_HINT = "_last_checkpoint"
_DROPPED = ".dropped-"


def has_table(table: Path) -> bool:
    """Whether at least one version has been committed."""
    return any((table / LOG).glob("*.json"))


def open_table(table: Path, version: int | None = None) -> DeltaTable:
    """The table at a version, the newest when None. Raises `ArtefactError` where its log cannot be read."""
    from deltalake import DeltaTable  # noqa: PLC0415 - 50 ms, which a first import need not wait for
    from deltalake.exceptions import DeltaError  # noqa: PLC0415

    try:
        return DeltaTable(table, version=version)
    except DeltaError as error:
        raise ArtefactError(
            f"Table {table} cannot be read{f' at version {version}' if version is not None else ''}: {error}.",
            fix="Import again with FULL, or restore the directory from a backup.",
        ) from error


def commit(table: Path, disk: Disk, write: Callable[[Path], None]) -> int:
    """Make durable what `write(staging)` commits to the staging copy; the new version.

    The caller holds the table's lock. `write` must leave partition columns alone: data files are one flat list.
    Raises `ResourceError` for a full disk; whatever is raised, the old version stays.
    """
    stage = _stage(table, disk)
    try:
        write(stage)
        entries = sorted(name for name in _names(stage / LOG) - _names(table / LOG) if name.endswith(".json"))
        if len(entries) != 1:
            raise ArtefactError(f"A commit to {table} wrote {len(entries)} log entries, expected 1.", fix="Retry.")
        entry = stage / LOG / entries[0]
        _move(stage, table, _added(entry), disk)
        _move(stage / LOG, table / LOG, entries, disk)
        return int(entries[0].removesuffix(".json"))
    except OSError as error:
        raise _explained(error, table) from error
    except Exception as error:
        if "No space left" in str(error) and not isinstance(error, EndcapError):
            raise ResourceError(f"The disk of {table} is full.", fix="Free some space and retry.") from error
        raise
    finally:
        recover(table)


def recover(table: Path) -> None:
    """Remove what an interrupted commit left: its staging directory and data files that no log entry names.

    The caller holds the table's lock.
    """
    stage = _stage_of(table)
    for name in _names(stage / LOG) - _names(table / LOG):
        if name.endswith(".json"):
            for path in _added(stage / LOG / name):
                (table / path).unlink(missing_ok=True)
    shutil.rmtree(stage, ignore_errors=True)


def sum_up(table: Path, disk: Disk) -> None:
    """Write a checkpoint of the log when one is due. The caller holds the table's lock."""
    newest = max((int(path.stem) for path in (table / LOG).glob("*.json")), default=-1)
    checkpoints = [int(path.name.split(".")[0]) for path in (table / LOG).glob("*.checkpoint.parquet")]
    if newest - max(checkpoints, default=-1) < CHECKPOINT_EVERY:
        return
    from deltalake import DeltaTable  # noqa: PLC0415 - as in `open_table`

    stage = _stage(table, disk)
    DeltaTable(stage).create_checkpoint()
    fresh = sorted(_names(stage / LOG) - _names(table / LOG) - {_HINT})
    _move(stage / LOG, table / LOG, fresh, disk)
    _move(stage / LOG, table / LOG, [_HINT], disk)
    shutil.rmtree(stage, ignore_errors=True)


def vacuum(table: Path, disk: Disk) -> int:
    """Remove data files that only older versions name, which become unreadable; how many. The caller holds the lock."""
    kept = {Path(uri).name for uri in open_table(table).file_uris()}
    stale = [path for path in table.glob("*.parquet") if path.name not in kept]
    for path in stale:
        disk.remove(path)
    if stale:
        disk.fsync(table)
    return len(stale)


def drop(directory: Path, disk: Disk) -> None:
    """Put a directory out of readers' sight, durably; `sweep` removes it."""
    disk.rename(directory, directory.parent / f"{_DROPPED}{directory.name}-{token_hex(8)}")
    disk.fsync(directory.parent)


def sweep(parent: Path, disk: Disk, prefix: str) -> None:
    """Remove what was dropped there under this name, also by a process that was killed before it came to this."""
    for dropped in parent.glob(f"{_DROPPED}{prefix}" + "[0-9a-f]" * 16):
        with suppress(FileNotFoundError):  # another process sweeps too
            disk.remove(dropped)


def _stage_of(table: Path) -> Path:
    return table.parent / f".{table.name}.staging"


def _stage(table: Path, disk: Disk) -> Path:
    """A fresh staging directory with the table's log in it."""
    recover(table)
    make_directory(table / LOG, disk)
    stage = _stage_of(table)
    (stage / LOG).mkdir(parents=True)
    for name in _names(table / LOG):
        _share(table / LOG / name, stage / LOG / name)
    return stage


def _share(source: Path, target: Path) -> None:
    if source.name == _HINT:  # the only file of a log that is ever written over
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _move(source: Path, target: Path, names: list[str], disk: Disk) -> None:
    """Flush files, rename them into `target`, flush the directory: in this order."""
    for name in names:
        disk.fsync(source / name)
    for name in names:
        disk.rename(source / name, target / name)
    if names:
        disk.fsync(target)


def _added(entry: Path) -> list[str]:
    """Data files that a log entry brings; none where the entry itself was cut off while being written."""
    try:
        actions = [json.loads(line) for line in entry.read_text("utf-8").splitlines()]
    except ValueError:
        return []
    return [action["add"]["path"] for action in actions if "add" in action]


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.is_file()} if directory.is_dir() else set()


def _explained(error: OSError, table: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"The disk of {table} is full.", fix="Free some space and retry.")
    return error
