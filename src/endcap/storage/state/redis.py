"""State in Redis or Valkey, shared by processes.

Each value begins with the moment from which it is not there any more (8 bytes, microseconds), which readers hold
against their own clock; the server removes it a little later. How much it may hold is the server's to say: with
`maxmemory-policy volatile-ttl` what would go first anyway goes when memory is full, and nothing of the log does.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from endcap.seams import Clock, SystemClock
from endcap.storage.redis_server import Server, answering, client
from endcap.storage.state.contract import Bounds
from endcap.types import MINUTE

GRACE = 1 * MINUTE
"""The server's clock may be ahead of a reader's by so much."""
PART = 1_000
"""Values that are written, or looked for, in one go."""
_DATE = struct.Struct(">q")
_NEVER = 2**62


class RedisState:
    """Keys lie under `endcap:NAME:`. Raises `UnavailableError` when the server does not answer, `ResourceError` when it
    is full. Of the bounds only the age is kept here."""

    def __init__(self, server: Server, bounds: Bounds, clock: Clock | None = None) -> None:
        self._server, self._bounds, self._clock = server, bounds, clock or SystemClock()
        self._client = client(server)
        self._prefix = f"endcap:{server.options.get('name', 'state')}:"

    def get(self, key: str) -> bytes | None:
        """None where there is nothing, or it is too old."""
        return self.get_many([key])[0]

    def put(self, key: str, value: bytes, *, until: int = 0) -> None:
        """Store or replace."""
        self.put_many({key: value}, until=until)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """As `get`, in the order of the keys, by one command."""
        if not keys:
            return []
        with answering(self._server):
            found = self._client.mget([self._prefix + key for key in keys])
        now = self._clock.now()
        return [None if value is None or _DATE.unpack_from(value)[0] <= now else value[8:] for value in found]

    def put_many(self, values: Mapping[str, bytes], *, until: int = 0) -> None:
        """As `put`, in the order of the mapping, a thousand in one go."""
        now = self._clock.now()
        end = min(now + self._bounds.age + 1, until or _NEVER)
        date = _DATE.pack(end)
        milliseconds = max(0, end - now + 999) // 1000 + GRACE // 1000
        entries = list(values.items())
        for start in range(0, len(entries), PART):
            with answering(self._server):
                pipeline = self._client.pipeline(transaction=False)
                for key, value in entries[start : start + PART]:
                    pipeline.set(self._prefix + key, date + value, px=milliseconds)
                pipeline.execute()

    def delete(self, key: str) -> None:
        """Nothing happens where there is nothing."""
        with answering(self._server):
            self._client.delete(self._prefix + key)

    def __len__(self) -> int:
        """Goes through all keys of the server's database: not for every request."""
        with answering(self._server):
            return len(set(self._client.scan_iter(f"{self._prefix}*", count=PART)))
