"""Rows of all accounts at once: for what looks after every shop, never for what answers a caller."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from endcap.registry.resources import Resource, of_row
from endcap.storage.db import Database
from endcap.storage.schema import resources


def every(database: Database, kinds: Sequence[str]) -> list[Resource]:
    """All resources of these kinds, oldest first."""
    query = select(resources).where(resources.c.kind.in_(kinds)).order_by(resources.c.created, resources.c.id)
    with database.read() as connection:
        return [of_row(row) for row in connection.execute(query)]
