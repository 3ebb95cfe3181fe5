"""This server's word that it lives, and what it serves: an update is active once every living server serves it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress

from endcap.errors import EndcapError
from endcap.registry.servers import Servers

RENEW_SECONDS = 4.0


class Lease:
    """Renewed from a thread of its own, so that loading a large model never lets it run out."""

    def __init__(self, servers: Servers, *, identity: str = "") -> None:
        self._servers, self.identity = servers, identity or str(uuid.uuid4())
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, loaded: Callable[[], Mapping[str, int]]) -> None:
        """Renew until `stop`; `loaded` gives the generation that is served under each ARN."""
        self._thread = threading.Thread(target=self._run, args=(loaded,), name="lease", daemon=True)
        self._thread.start()

    def renew(self, loaded: Mapping[str, int]) -> None:
        """Now, because something changed. While the database is away, the thread tries again."""
        with suppress(EndcapError):
            self._servers.renew(self.identity, loaded)

    def stop(self) -> None:
        """Give the lease back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        with suppress(EndcapError):
            self._servers.leave(self.identity)

    def _run(self, loaded: Callable[[], Mapping[str, int]]) -> None:
        while not self._stop.is_set():
            self.renew(loaded())
            self._stop.wait(RENEW_SECONDS)
