"""Keeps the online store up with the log: filled from the offline tables at start, then record by record."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from endcap.errors import EndcapError
from endcap.features.online import OnlineStore
from endcap.storage.log import Log
from endcap.storage.state import StateStore
from endcap.stream.live import Records
from endcap.stream.replay import BATCH

AGAIN = 1.0
"""Seconds after which filling is tried again that failed."""
PATIENCE = 5.0
"""Seconds that closing waits for the thread."""
MOST_WAITING = 50_000
"""Records that wait while the store is being filled; what comes beyond is folded from the log again."""
LOOK = 2.0
"""Seconds between looks for what was backfilled."""


class Load(Protocol):
    """Folds what the offline tables hold."""

    def everything(self, store: OnlineStore) -> object: ...

    def backfilled(self, store: OnlineStore) -> object:
        """What was put there beside the log since the last time."""

    def is_erased(self) -> bool:
        """Whether anything was removed there since."""


_log = logging.getLogger("endcap.features")


class OnlineFeed:
    """For a process that serves features. What is committed while the store is being filled waits for its turn, so that
    each record's operations are folded in the order of the log."""

    def __init__(
        self,
        log: Log,
        store: OnlineStore,
        load: Load,
        sunk: Callable[[], Mapping[int, int]],
        fresh: Callable[[], StateStore] | None = None,
    ) -> None:
        """`sunk` says how much of the log the offline tables hold, by partition: what is moved there while the store is
        being filled may be trimmed from the log, and is looked for again. `fresh` makes an empty state, where the
        store's is this process's own: after rows were removed from the tables it is filled anew."""
        self._records, self._store, self._load, self._sunk = log, store, load, sunk
        self._fresh = fresh
        self._waiting: list[Records] | None = []
        self._held, self._dropped = 0, False
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        log.subscribe(self._committed)

    @property
    def is_ready(self) -> bool:
        """Whether the store has everything that was acknowledged."""
        return self._waiting is None

    def start(self) -> None:
        """Fill the store, and keep it filled, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="features", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give up filling."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def fill(self) -> None:
        """Fill the store now: from the offline tables, from the log, and with what came meanwhile."""
        while True:
            before = self._sunk()
            with self._lock:
                self._dropped = False
            self._load.everything(self._store)
            self._replay(before)
            moved = before != self._sunk()
            with self._lock:
                if moved or self._dropped:
                    continue
                for records in self._waiting or ():
                    self._store.fold(records)
                self._waiting, self._held = None, 0
                return

    def renew(self) -> None:
        """Begin again with an empty state where something was removed from the tables."""
        if self._fresh is not None and self._load.is_erased():
            with self._lock:
                self._waiting, self._held = [], 0
            self._store.renew(self._fresh())
            self.fill()

    def _wait(self, records: Records) -> None:
        """What does not wait is in the log by now, or comes again when a spool is emptied."""
        assert self._waiting is not None
        self._waiting.append(records)
        self._held += len(records)
        if self._held > MOST_WAITING:
            self._waiting.clear()
            self._held, self._dropped = 0, True

    def _replay(self, sunk: Mapping[int, int]) -> None:
        """Fold what the log holds beyond the tables."""
        for partition, end in enumerate(self._records.ends()):
            after = sunk.get(partition, 0)
            while after < end and (rows := self._records.read(partition, after, min(BATCH, end - after))):
                self._store.fold(rows)
                after = rows[-1][0].n

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self.is_ready:
                    self.renew()
                    self._load.backfilled(self._store)
                else:
                    self.fill()
            except (EndcapError, OSError) as error:
                _log.warning("The online feature store cannot be filled yet: %s", error)
            except Exception:  # a thread that died would leave the store unfilled for ever
                _log.exception("Filling the online feature store failed; it is tried again")
            self._stop.wait(LOOK if self.is_ready else AGAIN)

    def _committed(self, records: Records) -> None:
        if not any(record.kind == "feature" for _, record in records):
            return
        with self._lock:
            if self._waiting is not None:
                self._wait(records)
                return
        try:
            self._store.fold(records)
        except EndcapError as error:  # they are in the log: nobody reads until they have been folded from there
            _log.warning("The online feature store cannot be written: %s", error)
            with self._lock:
                self._waiting, self._held = [records], len(records)
