"""Asks the server how far the log goes, once for all who want to know at the same time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from endcap.errors import EndcapError

Ends = tuple[int, ...]
_log = logging.getLogger(__name__)


class Barrier:
    """One thread asks, so that whoever waits gives up in time even when the server hangs."""

    def __init__(self, ask: Callable[[], Ends], lost: Callable[[EndcapError], None]) -> None:
        """`ask` gives the newest offsets; `lost` is told when it cannot."""
        self._ask, self._lost = ask, lost
        self._changed = threading.Condition()
        self._wanted = self._begun = self._done = 0
        self._ends: Ends | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log-barrier", daemon=True)
        self._thread.start()

    def ends(self, deadline: float) -> Ends | None:
        """As they are at some time after this call; None when they are not told before the monotonic clock shows
        `deadline`."""
        with self._changed:
            mine = self._wanted = self._begun + 1  # the question underway may have been answered before this call
            self._changed.notify_all()
            while self._done < mine:
                left = deadline - time.monotonic()
                if left <= 0 or self._closing:
                    return None
                self._changed.wait(left)
            return self._ends

    def close(self) -> None:
        """Whoever waits is told nothing."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._wanted == self._begun and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                self._begun += 1
                mine = self._begun
            ends: Ends | None = None
            try:
                ends = self._ask()
            except EndcapError as error:
                self._lost(error)
            except Exception as error:  # without this thread nothing would ever be known to be fresh
                _log.exception("the log's barrier stumbled")
                self._lost(EndcapError(f"The log answers what nobody understands: {error}."))
            with self._changed:
                self._done, self._ends = mine, ends
                self._changed.notify_all()
