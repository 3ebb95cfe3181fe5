"""State that serving keeps of shoppers and items: bytes by key, bounded in size and age. Opened by URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from endcap.errors import UnknownName
from endcap.seams import Clock
from endcap.storage.state.contract import Bounds, StateStore
from endcap.storage.state.memory import MemoryState

__all__ = ["Bounds", "MemoryState", "StateStore", "open_state"]

SCHEMES = ("memory",)


def open_state(url: str = "memory:", *, bounds: Bounds | None = None, clock: Clock | None = None) -> StateStore:
    """State at `memory:`, which lives as long as this process. Raises `UnknownName` for another scheme."""
    scheme = urlsplit(url).scheme
    if scheme != "memory":
        raise UnknownName("state scheme", scheme, SCHEMES, fix="Write memory:")
    return MemoryState(bounds or Bounds(), clock)
