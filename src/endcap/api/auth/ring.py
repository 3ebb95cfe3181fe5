"""The access keys in memory: looked up without the database, and never older than a moment.

A key that was made or revoked counts within `SOON`; while the database is away the last known keys go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from endcap.api.wire import Refusal
from endcap.errors import EndcapError
from endcap.registry.keys import AccessKey, Keys

SOON = 0.5
"""Seconds after which the database is asked again, beside the requests …"""
LATE = 1.0
"""… and after which a request waits for the answer …"""
PATIENCE = 0.25
"""… this long at most: then the database is away, and nobody waits until it is back."""
FIRST = 5.0
"""Seconds that a request waits at most for the very first read, without which nobody can be let in."""
PAUSE = 0.01
"""Seconds between reads for ids that are not known: they may be brand new, or guesses without end."""

_log = logging.getLogger("endcap.api")


class KeyRing:
    """Belongs to one event loop."""

    def __init__(self, keys: Keys, *, tick: Callable[[], float] = time.monotonic) -> None:
        self._keys, self._tick = keys, tick
        self._known: Mapping[str, AccessKey] | None = None
        self._change: tuple[int, int] | None = None
        self._asked = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._begun = self._ended = 0
        self._patient = True

    async def find(self, identity: str) -> AccessKey | None:
        """A key that may be used, by its id. Raises `Refusal` (503) while no key could ever be read."""
        age = self._tick() - self._asked
        if age > SOON:
            asking = self._ask()
            if age > LATE:
                await self._wait(asking)
        key = self._find(identity) or await self._look_again(identity)
        if key is None and self._known is None:
            after = ((b"retry-after", b"1"),)
            raise Refusal(503, "ServiceUnavailableException", "Access keys cannot be read; try again.", after)
        return key

    def _find(self, identity: str) -> AccessKey | None:
        return None if self._known is None else self._known.get(identity)

    async def _look_again(self, identity: str) -> AccessKey | None:
        """An id that is not known counts as unknown only after a read that began later than the request came."""
        came = self._begun
        while self._find(identity) is None and self._ended <= came and self._patient:
            if self._asking is None:
                await asyncio.sleep(max(0.0, PAUSE - (self._tick() - self._asked)))
            await self._wait(self._ask())
        return self._find(identity)

    async def _wait(self, asking: asyncio.Task[None]) -> None:
        if self._patient:
            done, _ = await asyncio.wait((asking,), timeout=FIRST if self._known is None else PATIENCE)
            self._patient = bool(done)

    def _ask(self) -> asyncio.Task[None]:
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._read())
        return self._asking

    async def _read(self) -> None:
        self._begun += 1
        try:
            await self._update()
            self._asked, self._patient = self._tick(), True
        finally:
            self._ended, self._asking = self._begun, None

    async def _update(self) -> None:
        try:
            change = await asyncio.to_thread(self._keys.change)
            if change != self._change or self._known is None:
                living = await asyncio.to_thread(self._keys.living)
                self._known, self._change = {key.id: key for key in living}, change
        except EndcapError as error:
            _log.warning("Access keys cannot be read: %s", error)
