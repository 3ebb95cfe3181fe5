"""Keeps the online store up with the log: filled from the offline tables at start, then record by record."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from endcap.errors import EndcapError
from endcap.features.online import OnlineStore
from endcap.storage.log import Log
from endcap.stream.live import Records
from endcap.stream.replay import replay

AGAIN = 1.0
"""Seconds after which filling is tried again that failed."""
Load = Callable[[OnlineStore], object]
"""Folds what the offline tables hold."""

_log = logging.getLogger("endcap.features")


class OnlineFeed:
    """For a process that serves features. What is committed while the store is being filled waits for its turn, so that
    each record's operations are folded in the order of the log."""

    def __init__(self, log: Log, store: OnlineStore, load: Load, sunk: Callable[[], object]) -> None:
        """`sunk` says how much of the log the offline tables hold: what is moved there while the store is being filled
        may be trimmed from the log, and is looked for again."""
        self._records, self._store, self._load, self._sunk = log, store, load, sunk
        self._waiting: list[Records] | None = []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        log.subscribe(self._committed)

    @property
    def is_ready(self) -> bool:
        """Whether the store has everything that was acknowledged."""
        return self._waiting is None

    def start(self) -> None:
        """Fill the store, in a thread of its own; again until it succeeds."""
        self._thread = threading.Thread(target=self._run, name="features", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give up filling."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(AGAIN)

    def fill(self) -> None:
        """Fill the store now: from the offline tables, from the log, and with what came meanwhile."""
        before = None
        while before is None or before != self._sunk():
            before = self._sunk()
            self._load(self._store)
            replay(self._records, self._store)
        with self._lock:
            for records in self._waiting or ():
                self._store.fold(records)
            self._waiting = None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.fill()
            except (EndcapError, OSError) as error:
                _log.warning("The online feature store cannot be filled yet: %s", error)
                self._stop.wait(AGAIN)
            else:
                return

    def _committed(self, records: Records) -> None:
        if not any(record.kind == "feature" for _, record in records):
            return
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(records)
                return
        try:
            self._store.fold(records)
        except EndcapError as error:  # they are in the log: nobody reads until they have been folded from there
            _log.warning("The online feature store cannot be written: %s", error)
            with self._lock:
                self._waiting = [records]
            self.start()
