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
SWAP = """
local stayed = {}
for i, key in ipairs(KEYS) do
  local there = redis.call('GET', key)
  if there and struct.unpack('>i8', there) <= tonumber(ARGV[1]) then there = false end
  local held, fresh = ARGV[2 * i + 1], ARGV[2 * i + 2]
  if held ~= (there and '=' .. string.sub(there, 9) or '') then
    stayed[#stayed + 1] = i
  elseif fresh == '' then
    redis.call('DEL', key)
  else
    redis.call('SET', key, fresh, 'PX', ARGV[2])
  end
end
return stayed
"""
"""Keys; the reader's time, milliseconds to live, and for each key what was held (after `=`; empty for nothing) and the
value (empty to delete). Gives the places of keys that hold something else by now."""


class RedisState:
    """Keys lie under `endcap:NAME:`. Raises `UnavailableError` when the server does not answer, `ResourceError` when it
    is full. Of the bounds only the age is kept here."""

    def __init__(self, server: Server, bounds: Bounds, clock: Clock | None = None) -> None:
        self._server, self._bounds, self._clock = server, bounds, clock or SystemClock()
        self._client = client(server)
        self._swap = self._client.register_script(SWAP)
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
        date, milliseconds = self._dated(self._clock.now(), until)
        entries = list(values.items())
        for start in range(0, len(entries), PART):
            with answering(self._server):
                pipeline = self._client.pipeline(transaction=False)
                for key, value in entries[start : start + PART]:
                    pipeline.set(self._prefix + key, date + value, px=milliseconds)
                pipeline.execute()

    def swap_many(
        self, values: Mapping[str, bytes | None], held: Mapping[str, bytes | None], *, until: int = 0
    ) -> list[str]:
        """As `put_many` where a key has what was held; the keys where it has not."""
        now = self._clock.now()
        date, milliseconds = self._dated(now, until)
        stayed, keys = list[str](), list(values)
        told: list[bytes | int]
        for start in range(0, len(keys), PART):
            part, told = keys[start : start + PART], [now, milliseconds]
            for key in part:
                before, value = held.get(key), values[key]
                told += (b"" if before is None else b"=" + before, b"" if value is None else date + value)
            with answering(self._server):
                places = self._swap([self._prefix + key for key in part], told)
            stayed += [part[place - 1] for place in places]
        return stayed

    def _dated(self, now: int, until: int) -> tuple[bytes, int]:
        """(what a value begins with, milliseconds that the server keeps it)."""
        end = min(now + self._bounds.age + 1, until or _NEVER)
        return _DATE.pack(end), max(0, end - now + 999) // 1000 + GRACE // 1000

    def delete(self, key: str) -> None:
        """Nothing happens where there is nothing."""
        with answering(self._server):
            self._client.delete(self._prefix + key)

    def __len__(self) -> int:
        """Goes through all keys of the server's database: not for every request."""
        with answering(self._server):
            return len(set(self._client.scan_iter(f"{self._prefix}*", count=PART)))
