"""How this process follows the log, and how the log is: looked at once a second at most, for health and metrics."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from endcap.errors import EndcapError
from endcap.jobs.following import Note, Notes
from endcap.lake.tables import Lake
from endcap.seams import Clock
from endcap.storage.log import Log, SpooledLog
from endcap.types import SECOND, Micros

LOOK_SECONDS = 0.5
SOON_SECONDS = 0.1
"""How often a process tells of itself, and listens to others, as long as answers are marked or it owes the log."""
SETTLE_SECONDS = 2.0
"""So long after the log's return processes on other machines, which are not heard from, may owe it something."""
_log = logging.getLogger("endcap.api")


@dataclass(frozen=True)
class Look:
    """What was seen. Offsets are of each partition: the log's newest, the newest told here, the newest in the lake."""

    at: float = 0.0
    ends: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
    sunk: Mapping[int, int] = field(default_factory=dict)
    rate: float = 0.0
    """Records a second since the look before."""

    @property
    def lag(self) -> int:
        """Records that this process has not folded yet."""
        return sum(max(0, end - told) for end, told in zip(self.ends, self.told, strict=False))

    @property
    def sink_lag(self) -> int:
        """Records that are not in the lake yet."""
        return sum(max(0, end - self.sunk.get(partition, 0)) for partition, end in enumerate(self.ends))


class Tail:
    """Of one log. Looks when asked; a log that may be away is looked at by a thread of its own, and never asked for."""

    def __init__(
        self,
        log: Log,
        lake: Lake,
        *,
        spool: SpooledLog | None = None,
        poisoned: Callable[[], int] = lambda: 0,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        """`spool` is where records wait on this machine for a log that is away, `poisoned` counts what could not be
        folded."""
        self._log, self._lake, self._tick = log, lake, tick
        self._spool, self._poisoned = spool, poisoned
        self._seen = Look()
        self._elsewhere = 0
        self._unheard = False
        self._was_away = -SETTLE_SECONDS
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def away(self) -> str:
        """Why the log cannot be reached; empty when it can."""
        return self._log.away

    @property
    def behind(self) -> str:
        """Why what others acknowledged may not be known here, whatever `sync` says; empty where it is."""
        if self._log.away:
            self._was_away = self._tick()
            return self._log.away
        if self._elsewhere:
            return f"{self._elsewhere:,} records wait in spools of other processes to be sent to the log."
        if self._unheard:
            return "Another process has not said yet that it reaches the log again."
        if self._tick() - self._was_away < SETTLE_SECONDS:
            return "The log answers again since a moment."
        return ""

    def sync(self, seconds: float) -> bool:
        """As `Log.sync`."""
        return self._log.sync(seconds)

    @property
    def durability(self) -> str:
        """As `Log.durability`."""
        return self._log.durability

    @property
    def spooled(self) -> int:
        """Records that wait here for a log that is away."""
        return self._spool.waiting if self._spool is not None else 0

    @property
    def owed(self) -> int:
        """Those among them that were acknowledged."""
        return self._spool.owed if self._spool is not None else 0

    @property
    def poisoned(self) -> int:
        """Records that could not be folded, and were passed over."""
        return self._poisoned()

    def seen(self) -> Look:
        """The newest look."""
        if self._thread is None and self._tick() - self._seen.at >= LOOK_SECONDS:
            self._look()
        return self._seen

    def start(self, notes: Notes, name: str, clock: Clock, metrics: Callable[[], bytes]) -> None:
        """From now on look in a thread, and leave a note of it under a name."""

        def run() -> None:
            while not self._stop.is_set():
                try:
                    self._round(notes, name, clock, metrics)
                except Exception:  # the next look may succeed; without one, answers would never be marked again
                    _log.exception("The log's state could not be looked at.")
                self._stop.wait(SOON_SECONDS if self.behind or self.owed else LOOK_SECONDS)
            notes.forget(name)

        self._thread = threading.Thread(target=run, name="tail", daemon=True)
        self._thread.start()

    def _round(self, notes: Notes, name: str, clock: Clock, metrics: Callable[[], bytes]) -> None:
        """Say how this process is, and listen to the others of this machine."""
        if self._tick() - self._seen.at >= LOOK_SECONDS:
            self._look()
            notes.leave(self.note(name, clock), metrics())
        else:
            notes.leave(self.note(name, clock))
        self.listen([each for each in notes.living(clock.now()) if each.name != name], clock.now())

    def listen(self, others: Sequence[Note], now: Micros) -> None:
        """What other processes said of themselves, newest word of each, as of `now` (microseconds).

        Whoever has not said since the log's return that it reaches it too may still acknowledge from its spool.
        """
        since = now - int((self._tick() - self._was_away) * SECOND)
        self._elsewhere = sum(each.owed for each in others)
        self._unheard = any(each.away or each.at <= since for each in others)

    def note(self, name: str, clock: Clock) -> Note:
        """What is told of this process."""
        seen = self._seen
        return Note(
            name=name,
            process=os.getpid(),
            at=clock.now(),
            ends=seen.ends,
            told=seen.told,
            away=self.away,
            spooled=self.spooled,
            owed=self.owed,
            poisoned=self.poisoned,
            durability=self.durability,
        )

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _look(self) -> None:
        before, at = self._seen, self._tick()
        told, ends, sunk = self._log.told, before.ends, before.sunk
        with suppress(EndcapError, OSError):  # what cannot be asked stays as it was
            sunk = self._lake.places.sunk(self._log.identity)
            ends = ends if self._log.away else self._log.ends()
        come = sum(ends) - sum(before.ends) if before.at else 0
        self._seen = Look(at, ends, told, sunk, come / max(at - before.at, 1e-9))
