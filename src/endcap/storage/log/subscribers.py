"""Who is told what was committed."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from endcap.storage.log.contract import Committed, Offset, Record


class Subscribers:
    """Told one call at a time. One that raises stops nobody: what is durable stays acknowledged."""

    def __init__(self) -> None:
        self.failures = 0
        """How often one raised."""
        self._all: tuple[Committed, ...] = ()
        self._lock = threading.RLock()

    def add(self, committed: Committed) -> None:
        """Told of everything later."""
        with self._lock:
            self._all = (*self._all, committed)

    def tell(self, fresh: Sequence[tuple[Offset, Record]]) -> None:
        """Tell all of them; nothing happens where nothing is fresh."""
        if not fresh:
            return
        with self._lock:
            for subscriber in self._all:
                try:
                    subscriber(fresh)
                except Exception:
                    self.failures += 1
