"""Rows that come into being with their first use: shops, and the names a shop takes in its account."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select

from endcap.errors import InputError
from endcap.storage.schema import shops
from endcap.types import AccountKey, Micros, ShopKey

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,62}")


def key_of(row: Row[Any]) -> ShopKey:
    """The shop that a row with columns `account, region, shop` belongs to."""
    return ShopKey(AccountKey(row.account, row.region), row.shop)


def ensure_shop(connection: Connection, shop: ShopKey, now: Micros) -> None:
    """Insert the shop's row where there is none."""
    account, region, group = shop.parts()
    mine = select(shops.c.shop).where(shops.c.account == account, shops.c.region == region, shops.c.shop == group)
    if connection.execute(mine).first() is None:
        connection.execute(insert(shops).values(account=account, region=region, shop=group, created=now))


def ensure_named(connection: Connection, table: Table, shop: ShopKey, name: str, now: Micros) -> None:
    """Insert the row of a solution or campaign where there is none.

    Raises `InputError` for an impossible name, or one that another shop of the account has taken.
    """
    kind = table.name.removesuffix("s")
    if not NAME.fullmatch(name):
        raise InputError(f"{kind} name {name!r} must be 1-63 of [a-zA-Z0-9-_], starting with a letter or digit.")
    account, region, group = shop.parts()
    row = connection.execute(
        select(table.c.shop).where(table.c.account == account, table.c.region == region, table.c[kind] == name)
    ).first()
    if row is None:
        ensure_shop(connection, shop, now)
        values = {"account": account, "region": region, "shop": group, kind: name, "created": now}
        connection.execute(insert(table).values(values))
    elif row.shop != group:
        raise InputError(
            f"The {kind} {name!r} belongs to shop {row.shop!r}; names are unique in an account and region.",
            fix="Take another name.",
        )
