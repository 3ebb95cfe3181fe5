"""Directories that appear whole or not at all, and survive a power cut once they are there."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from endcap.errors import InputError, ResourceError, StateError
from endcap.seams import Disk

TEMPORARY = ".publishing-"
"""Prefix of directories that are not published yet; nothing else may start with it."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


def publish_directory(parent: Path, name: str, files: Mapping[str, bytes], disk: Disk | None = None) -> Path:
    """Write `files` (in this order) as the new directory `parent/name`, atomically and durably.

    Temporary directory beside the target → each file written and fsynced → directory fsynced → renamed → parent
    fsynced. What killed publishes left is removed first, unless another publish is running beside this one.

    Raises `InputError` for an impossible name, `StateError` when the target exists, `ResourceError` when the disk
    refuses: then nothing is tried again, because after a failed fsync the kernel may have dropped the pages
    (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
    """
    disk = disk or Disk()
    for part in (name, *files):
        check_name(part)
    if not files:
        raise InputError(f"Nothing to publish as {name}: no files were given.")
    target = parent / name
    with disk_errors(f"Publishing {target}"):
        make_directories(parent, disk)
        with _publishing(parent, disk):
            if target.exists():
                raise _there(target)
            temporary = parent / f"{TEMPORARY}{token_hex(8)}"
            disk.mkdir(temporary)
            for file, data in files.items():
                disk.write(temporary / file, data)
            disk.fsync(temporary)
            try:
                disk.rename(temporary, target)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                disk.remove(temporary)
                raise _there(target) from None  # another process published it since we looked
            disk.fsync(parent)
    return target


def _there(target: Path) -> StateError:
    return StateError(f"{target} exists already.", fix="Published directories never change: take a new name.")


def make_directories(path: Path, disk: Disk) -> None:
    """Make a directory and its missing parents, each entry made durable in the directory that holds it."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        try:
            disk.mkdir(each)
        except FileExistsError:
            if not each.is_dir():
                raise
        disk.fsync(each.parent)


def check_name(name: str) -> None:
    """Raises `InputError` unless `name` is one plain path part that no temporary name can collide with."""
    if not name or name in (".", "..") or len(name.encode("utf-8", "surrogatepass")) > 255:
        raise InputError(f"{name!r} is no file name, expected 1-255 bytes.")
    if any(char in "/\\" or not char.isprintable() for char in name):
        raise InputError(f"{name!r} is no file name: it holds a slash or a control character.")
    if name.startswith(TEMPORARY):
        raise InputError(f"{name!r} is reserved: {TEMPORARY} marks what is not published yet.")


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn the disk's refusals into `ResourceError`s that say what was being done and what to do."""
    try:
        yield
    except OSError as error:
        what = error.strerror or str(error)
        fix = "Free some space and start again." if error.errno in _FULL else "Check the disk, then start again."
        raise ResourceError(f"{doing} failed: {what}.", fix=fix) from error


@contextmanager
def _publishing(parent: Path, disk: Disk) -> Iterator[None]:
    """Hold a shared lock on `parent` while publishing into it; whoever gets it alone sweeps the leftovers.

    The lock belongs to the process, so a killed publisher holds none and its leftovers can be told from work in
    progress.
    """
    handle = os.open(parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            for leftover in sorted(parent.glob(f"{TEMPORARY}*")):
                disk.remove(leftover)
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)
