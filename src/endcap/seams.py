"""Clock, randomness, disk and progress: passed in, never reached for, so that tests can bend them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from endcap.types import Micros


class Clock(Protocol):
    """Where now comes from."""

    def now(self) -> Micros: ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> Micros:
        return Micros(time.time_ns() // 1000)


@dataclass
class FrozenClock:
    """A clock that stands still until told: for tests and replays."""

    at: Micros

    def now(self) -> Micros:
        return self.at


def rng(seed: int) -> np.random.Generator:
    """The one way randomness is made: a seeded PCG64 stream."""
    return np.random.Generator(np.random.PCG64(seed))


class Disk:
    """The write-side calls whose order decides what survives a power cut.

    A test passes a subclass that fails or stops at the n-th call.
    """

    def write(self, path: Path, data: bytes) -> None:
        with open(path, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def fsync(self, path: Path) -> None:
        """Flush one file or directory; an error is raised, never retried."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        os.rename(source, target)

    def mkdir(self, path: Path) -> None:
        """Make one directory; its parent must exist, it must not."""
        path.mkdir()

    def remove(self, path: Path) -> None:
        """Remove one file, or a directory with everything in it."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


class Tick(Protocol):
    """Reports `n` more units done."""

    def __call__(self, n: int = 1) -> None: ...


class Progress(Protocol):
    """Long work announces itself: `with progress("reading", total=rows, unit="rows") as tick: tick(1000)`."""

    def __call__(self, label: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Tick]: ...


def _silent(n: int = 1) -> None:
    del n


@contextmanager
def no_progress(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
    """A `Progress` that shows nothing."""
    del label, total, unit
    yield _silent
