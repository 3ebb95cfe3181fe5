"""Web processes that are alive, and what each has loaded: an update is active once all of them serve it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select, update

from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import servers
from endcap.types import SECOND

LEASE_SECONDS = 15
"""A server that has not renewed its lease for so long is taken for dead."""


class Servers:
    """Leases of web processes."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def renew(self, identity: str, loaded: Mapping[str, int]) -> None:
        """Alive for another lease; `loaded` says which generation is served under each ARN."""
        now = self._clock.now()
        values = {"expires": now + LEASE_SECONDS * SECOND, "loaded": dict(loaded)}

        def work(connection: Connection) -> None:
            connection.execute(delete(servers).where(servers.c.expires < now))
            if connection.execute(update(servers).where(servers.c.id == identity).values(values)).rowcount == 0:
                connection.execute(insert(servers).values(id=identity, **values))

        self._database.write(work)

    def leave(self, identity: str) -> None:
        """Give the lease back."""
        with self._database.begin() as connection:
            connection.execute(delete(servers).where(servers.c.id == identity))

    def have_loaded(self, arn: str, generation: int) -> bool:
        """Whether every living server serves this generation, or a newer one; true where none lives."""
        return all(int(loaded.get(arn, 0)) >= generation for loaded in self._alive())

    def have_left(self, arn: str, generation: int) -> bool:
        """Whether no living server serves anything older under this name."""
        return all(int(loaded.get(arn, generation)) >= generation for loaded in self._alive())

    def have_dropped(self, arn: str) -> bool:
        """Whether no living server answers for this any more."""
        return all(arn not in loaded for loaded in self._alive())

    def _alive(self) -> list[dict[str, int]]:
        alive = select(servers.c.loaded).where(servers.c.expires >= self._clock.now())
        with self._database.read() as connection:
            return [dict(loaded) for loaded in connection.execute(alive).scalars()]
