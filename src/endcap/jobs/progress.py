"""How far a job is: a `Progress` that writes into the job's row, at most twice a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from endcap.errors import EndcapError
from endcap.registry.jobs import Jobs
from endcap.seams import Clock, Tick
from endcap.types import SECOND

EVERY = 0.5
"""Seconds between two writes of a job's progress."""
CHECK_EVERY = 0.1
"""Seconds between two looks at whether someone wants the job stopped."""


class Cancelled(EndcapError):
    """Someone asked for the job to be stopped."""

    def __init__(self) -> None:
        super().__init__("The job was stopped on request.")


class Cancellation:
    """Whether someone wants a job stopped; the database is asked at most ten times a second."""

    def __init__(self, jobs: Jobs, identity: str) -> None:
        self._jobs, self._identity = jobs, identity
        self._known, self._looked = False, float("-inf")

    def __call__(self) -> bool:
        if not self._known and time.monotonic() - self._looked >= CHECK_EVERY:
            self._looked = time.monotonic()
            self._known = self._jobs.is_cancelled(self._identity)
        return self._known

    def check(self) -> None:
        """Raises `Cancelled`."""
        if self():
            raise Cancelled


class JobProgress:
    """A `Progress` for one job. A tick raises `Cancelled` once someone wants the job stopped."""

    def __init__(self, jobs: Jobs, identity: str, clock: Clock, check: Callable[[], None]) -> None:
        self._jobs, self._identity, self._clock, self._check = jobs, identity, clock, check
        self._written = float("-inf")

    @contextmanager
    def __call__(self, label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        started, done = time.monotonic(), 0
        self._write(label, 0, total, unit, started)

        def tick(n: int = 1) -> None:
            nonlocal done
            done += n
            self._check()
            if time.monotonic() - self._written >= EVERY:
                self._write(label, done, total, unit, started)

        yield tick
        self._write(label, done, total, unit, started, line=_told(label, done, unit, time.monotonic() - started))

    def _write(self, label: str, done: int, total: int | None, unit: str, started: float, line: str = "") -> None:
        self._written = time.monotonic()
        told: dict[str, Any] = {"label": label, "done": done, "total": total, "unit": unit, "eta": None}
        if total and done:
            left = (self._written - started) * (total - done) / done
            told["eta"] = self._clock.now() + int(max(left, 0.0) * SECOND)
        self._jobs.tell(self._identity, progress=told, line=line)


def _told(label: str, done: int, unit: str, seconds: float) -> str:
    amount = f": {done:,} {unit}".rstrip() if done else ""
    return f"{label}{amount}, {seconds:.1f} s"
