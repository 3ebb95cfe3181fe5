"""State that serving keeps of shoppers and items: bytes by key, bounded in size and age. Opened by URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from endcap.errors import UnknownName
from endcap.seams import Clock
from endcap.storage.redis_server import server
from endcap.storage.state.contract import Bounds, StateStore
from endcap.storage.state.memory import MemoryState

__all__ = ["Bounds", "MemoryState", "StateStore", "open_state"]

SCHEMES = ("memory", "redis", "rediss")


def open_state(url: str = "memory:", *, bounds: Bounds | None = None, clock: Clock | None = None) -> StateStore:
    """State at `memory:`, which lives as long as this process, or at `redis://host:port/db?name=state`, which processes
    share. Raises `UnknownName` for another scheme; a server that does not answer is met when it is asked."""
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise UnknownName("state scheme", scheme, SCHEMES, fix="Write memory: or redis://HOST:PORT/DB.")
    if scheme == "memory":
        return MemoryState(bounds or Bounds(), clock)
    from endcap.storage.state.redis import RedisState  # noqa: PLC0415 - the driver is an extra

    return RedisState(server(url, ("name",)), bounds or Bounds(), clock)
