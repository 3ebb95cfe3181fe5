"""Records of the registry that every request needs: kept for half a second, then read again, off the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from endcap.errors import EndcapError, UnavailableError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
SECONDS = 0.5
"""What was changed or deleted is noticed within this time."""
MOST = 4096
_POOL = ThreadPoolExecutor(2, thread_name_prefix="known")


class Known(Generic[K, V]):
    """`read` is called in a thread; what it raises is told to whoever asked, and not kept."""

    def __init__(self, read: Callable[[K], V], *, tick: Callable[[], float] = time.monotonic) -> None:
        self._read, self._tick = read, tick
        self._held: dict[K, tuple[float, V]] = {}

    async def get(self, key: K) -> V:
        """The record. While the database is away, the one last read. Raises what `read` raises."""
        held = self._held.get(key)
        now = self._tick()
        if held is not None and now - held[0] < SECONDS:
            return held[1]
        if held is not None:
            # Whoever comes while this one reads takes what was there before.
            self._held[key] = (now, held[1])
        try:
            value = await asyncio.get_running_loop().run_in_executor(_POOL, self._read, key)
        except UnavailableError:
            if held is None:
                raise
            return held[1]
        except EndcapError:
            self._held.pop(key, None)
            raise
        if len(self._held) >= MOST:
            self._held.clear()
        self._held[key] = (self._tick(), value)
        return value
