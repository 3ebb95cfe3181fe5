"""Which lake snapshot each shop is served from: a row is written when an import or the sink has made a new one."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select

from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import snapshots
from endcap.types import AccountKey, ShopKey

KEPT = 5
"""Generations of each shop that stay listed."""


class Snapshots:
    """Generations of the shops' data, newest highest."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def announce(self, shop: ShopKey, snapshot: str) -> int:
        """Serve from this snapshot (`Snapshot.text`) from now on; its generation. The newest one again is no news."""
        account, region, group = shop.parts()
        mine = (snapshots.c.account == account, snapshots.c.region == region, snapshots.c.shop == group)
        now = self._clock.now()

        def work(connection: Connection) -> int:
            query = select(snapshots.c.generation, snapshots.c.snapshot).where(*mine)
            newest = connection.execute(query.order_by(snapshots.c.generation.desc()).limit(1)).first()
            if newest is not None and newest.snapshot == snapshot:
                return int(newest.generation)
            generation = int(newest.generation) + 1 if newest is not None else 1
            row = {"account": account, "region": region, "shop": group, "generation": generation}
            connection.execute(insert(snapshots).values(**row, snapshot=snapshot, created=now))
            connection.execute(delete(snapshots).where(*mine, snapshots.c.generation <= generation - KEPT))
            return generation

        return self._database.write(work)

    def forget(self, shop: ShopKey) -> None:
        """Remove a shop's generations: the shop is gone."""
        account, region, group = shop.parts()
        mine = (snapshots.c.account == account, snapshots.c.region == region, snapshots.c.shop == group)
        with self._database.begin() as connection:
            connection.execute(delete(snapshots).where(*mine))

    def newest(self) -> dict[ShopKey, tuple[int, str]]:
        """{shop: (generation, snapshot)} of all shops."""
        key = (snapshots.c.account, snapshots.c.region, snapshots.c.shop)
        highest = select(*key, func.max(snapshots.c.generation).label("generation")).group_by(*key).subquery()
        same = [snapshots.c[name] == highest.c[name] for name in ("account", "region", "shop", "generation")]
        query = select(snapshots).select_from(snapshots).join(highest, same[0] & same[1] & same[2] & same[3])
        with self._database.read() as connection:
            return {
                ShopKey(AccountKey(row.account, row.region), row.shop): (int(row.generation), str(row.snapshot))
                for row in connection.execute(query)
            }
