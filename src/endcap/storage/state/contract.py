"""What a store of state is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from endcap.types import DAY


@dataclass(frozen=True)
class Bounds:
    """What a store may hold: entries, bytes of keys and values, and how long (microseconds) after the last `put`."""

    entries: int = 5_000_000
    bytes: int = 2 << 30
    age: int = 90 * DAY


class StateStore(Protocol):
    """Packed values by key. Above its bounds the longest unwritten goes first. Every method may be called from any
    thread; a value is replaced whole."""

    def get(self, key: str) -> bytes | None:
        """None where there is nothing, or nothing any more."""

    def put(self, key: str, value: bytes, *, until: int = 0) -> None:
        """Store or replace. From `until` (microseconds UTC) on it is not there any more; 0 leaves that to the bounds'
        age, which holds in any case."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """As `get`, in the order of the keys."""

    def put_many(self, values: Mapping[str, bytes], *, until: int = 0) -> None:
        """As `put`, in the order of the mapping; `until` is of all of them."""

    def swap_many(
        self, values: Mapping[str, bytes | None], held: Mapping[str, bytes | None], *, until: int = 0
    ) -> list[str]:
        """As `put_many` (None: `delete`), but only where a key still has what was `held`, None for nothing: so nobody
        who read, decided and wrote meanwhile is overwritten. The keys where it has not."""

    def delete(self, key: str) -> None:
        """Nothing happens where there is nothing."""

    def __len__(self) -> int:
        """How many entries are held, those among them that are too old but not swept yet."""
