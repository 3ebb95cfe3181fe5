"""Reports of imports, so that what came in, and what was refused, can be listed later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from endcap.registry.resources import ensure_shop
from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import imports
from endcap.types import Micros, ShopKey

_EMPTIED: Mapping[str, Any] = {"examples": [], "rejects": ""}
"""Members of a report that hold raw rows, or say where they are."""


@dataclass(frozen=True)
class ImportRecord:
    """One finished import: its job id, the dataset's kind and its report as JSON-able data."""

    shop: ShopKey
    job: str
    kind: str
    report: Mapping[str, Any]
    created: Micros


class Imports:
    """The import reports of all shops."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def record(self, shop: ShopKey, job: str, kind: str, report: Mapping[str, Any]) -> ImportRecord:
        """Keep a report; the same job recorded again replaces its own."""
        made = ImportRecord(shop, job, kind, dict(report), self._clock.now())
        account, region, group = shop.parts()
        key = {"account": account, "region": region, "shop": group}

        def work(connection: Connection) -> None:
            ensure_shop(connection, shop, made.created)
            connection.execute(delete(imports).where(*_of_shop(shop), imports.c.job == job))
            row = {**key, "job": job, "kind": kind, "report": made.report, "created": made.created}
            connection.execute(insert(imports).values(row))

        self._database.write(work)
        return made

    def forget(self, shop: ShopKey) -> None:
        """Remove a shop's reports: the shop is gone."""
        with self._database.begin() as connection:
            connection.execute(delete(imports).where(*_of_shop(shop)))

    def forget_examples(self, shop: ShopKey) -> None:
        """Remove the raw rows that reports show as examples of what was refused, and where all of them were kept."""

        def work(connection: Connection) -> None:
            for row in connection.execute(select(imports.c.job, imports.c.report).where(*_of_shop(shop))).all():
                mine = (*_of_shop(shop), imports.c.job == row.job)
                connection.execute(update(imports).where(*mine).values(report=_without_rows(row.report)))

        self._database.write(work)

    def list(self, shop: ShopKey) -> list[ImportRecord]:
        """A shop's imports, newest first."""
        query = select(imports).where(*_of_shop(shop)).order_by(imports.c.created.desc(), imports.c.job)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [ImportRecord(shop, row.job, row.kind, row.report, Micros(row.created)) for row in rows]


def _without_rows(data: Any) -> Any:
    """The same JSON-able data with nothing in what holds raw rows, at any depth."""
    if isinstance(data, dict):
        return {name: _EMPTIED[name] if name in _EMPTIED and not isinstance(value, dict) else _without_rows(value)
                for name, value in data.items()}  # fmt: skip
    return [_without_rows(each) for each in data] if isinstance(data, list) else data


def _of_shop(shop: ShopKey) -> tuple[Any, ...]:
    account, region, group = shop.parts()
    return imports.c.account == account, imports.c.region == region, imports.c.shop == group
