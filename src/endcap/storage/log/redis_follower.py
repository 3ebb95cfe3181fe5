"""Tells this process's subscribers what every process appends, and knows whether the server can be reached."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from endcap.errors import EndcapError
from endcap.storage.log.contract import Offset, Record
from endcap.storage.log.redis_place import Facts, RedisPlace
from endcap.storage.log.subscribers import Subscribers

PART = 250
"""Records of one partition that are told at once: folding them holds up acknowledgements."""
WAIT_MILLISECONDS = 100
PAUSES = (0.05, 0.1, 0.2)
"""Seconds between attempts to reach a server that is away; the last one is repeated."""
UNSAFE = "%s may lose acknowledged events in a power cut (appendfsync: %s). Set appendonly yes and appendfsync always."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Durable:
    """What this process appended: acknowledged (`settle`) when all up to these offsets was told here."""

    upto: dict[int, int]
    fresh: Sequence[tuple[Offset, Record]]
    settle: Callable[[], None]


class Follower:
    """One thread. While the server is away it tells what is durable already, and tries to reach it again."""

    def __init__(self, place: RedisPlace, facts: Facts, subscribers: Subscribers) -> None:
        self._place, self._facts, self._subscribers = place, facts, subscribers
        self.told = place.ends(facts.partitions)
        self.away = ""
        self.missed = 0
        """Records that were trimmed before they were told here: they are in the lake, and not in live state."""
        self.durability = ""
        self._durable: list[Durable] = []
        self._changed = threading.Condition()
        self._closing = False
        self._look()
        self._thread = threading.Thread(target=self._run, name="log-follower", daemon=True)
        self._thread.start()

    def settle_when_told(self, durable: Durable) -> None:
        """Acknowledge it as soon as it may be, perhaps at once."""
        with self._changed:
            self._durable.append(durable)
        self._settle(self._reached)

    def lost(self, error: EndcapError) -> None:
        """The server could not be reached."""
        with self._changed:
            if not self.away:
                _log.warning("%s", error)
            self.away = str(error)
            self._changed.notify_all()

    def wait(self, upto: Sequence[int], deadline: float) -> bool:
        """Until all up to these offsets was told, or the monotonic clock shows `deadline`."""
        with self._changed:
            while any(told < end for told, end in zip(self.told, upto, strict=True)):
                left = deadline - time.monotonic()
                if left <= 0 or self.away or self._closing:
                    return False
                self._changed.wait(left)
        return True

    def close(self) -> None:
        """Acknowledge what is durable, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._settle(lambda _: False)

    def _run(self) -> None:
        tries = 0
        while not self._closing or (self._durable and not self.away):
            try:
                if self.away:
                    self._settle(lambda _: False)
                    self._pause(PAUSES[min(tries, len(PAUSES) - 1)])
                    tries += 1
                    self._return()
                self._tell(self._place.follow(self.told, PART, WAIT_MILLISECONDS))
                tries = 0
            except EndcapError as error:
                self.lost(error)
            except Exception as error:  # what the server answers is not what it should be: another try may do
                _log.exception("the log's follower stumbled")
                self.lost(EndcapError(f"{self._place.shown} answers what nobody understands: {error}."))

    def _tell(self, rows: list[tuple[Offset, Record]]) -> None:
        if not rows:
            return
        self._subscribers.tell(rows)
        told = list(self.told)
        for (partition, n), _ in rows:
            if n > told[partition] + 1:
                self.missed += n - told[partition] - 1
            told[partition] = n
        with self._changed:
            self.told = tuple(told)
            self._changed.notify_all()
        self._settle(self._reached)

    def _reached(self, durable: Durable) -> bool:
        return all(self.told[partition] >= n for partition, n in durable.upto.items())

    def _settle(self, told: Callable[[Durable], bool]) -> None:
        """Acknowledge what was told. Of the rest nothing happens while the server is here; when it is away, the rest
        is told from this process's own memory, since it is durable: told again later it does no harm."""
        ready: list[Durable] = []
        rest: list[Durable] = []
        with self._changed:
            for each in self._durable:
                (ready if told(each) else rest).append(each)
            own = rest if self.away or self._closing else []
            self._durable = [] if own else rest
        for each in own:
            self._subscribers.tell(each.fresh)
        for each in (*ready, *own):
            with suppress(Exception):  # what waits for it may be gone
                each.settle()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._closing:
                self._changed.wait(seconds)

    def _return(self) -> None:
        """Raises what is in the way."""
        there = self._place.ends(self._facts.partitions)
        self._place.append(self._facts, self.told, [])
        if any(end < told for end, told in zip(there, self.told, strict=True)):
            _log.error("%s has lost records that it had acknowledged: see its appendfsync.", self._place.shown)
        self._look()
        _log.warning("%s answers again.", self._place.shown)
        with self._changed:
            self.away = ""
            self._changed.notify_all()

    def _look(self) -> None:
        """How far the server may be trusted; said where it is less than wanted, and when that changes."""
        found = self._place.durability()
        if found not in (self.durability, "always"):
            _log.warning(UNSAFE, self._place.shown, found)
        if self._place.evicts():
            _log.warning("%s evicts records when it is full. Set maxmemory-policy volatile-ttl.", self._place.shown)
        self.durability = found
