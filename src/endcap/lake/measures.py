"""Counts of a shop's data that say what can be learned from it: one pass each, over the newest tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from endcap.lake.checks.view import TablesView
from endcap.lake.event_types import is_left_out, plain
from endcap.lake.intake import parquet
from endcap.lake.offsets import TableKind
from endcap.lake.tables import Lake
from endcap.types import DAY, Micros, ShopKey

if TYPE_CHECKING:
    from deltalake import DeltaTable

BOUGHT = frozenset({"purchase", "order", "checkout"})
LOOKED = frozenset({"view", "detailpageview", "viewitem", "click", "selectitem"})
_COUNTED: Mapping[str, TableKind] = {"answers": "decisions", "actions": "action_interactions"}


def measure(lake: Lake, shop: ShopKey, now: Micros) -> dict[str, int]:
    """{measure of `recipes.needs`: how much of it there is}. Raises `StateError` without interactions."""
    with TablesView(lake, shop, now) as view:
        found = _of_interactions(view)
        found |= _of_tables(view)
    for name, kind in _COUNTED.items():
        if (newest := lake.newest(shop, kind)) is not None:
            found[name] = newest.rows
    if lake.exists(shop, "other_events"):
        found["searches"] += _searches(lake, shop)
    return found


def extent(table: DeltaTable) -> tuple[int, int, int]:
    """(time of the oldest row, of the newest, bytes) of a table by its files' own statistics: nothing is read. 0 where
    there are no times."""
    told = pa.table(table.get_add_actions(flatten=True))
    size = sum(told["size_bytes"].to_pylist()) if "size_bytes" in told.column_names else 0
    if "min.timestamp" not in told.column_names or "max.timestamp" not in told.column_names:
        return 0, 0, size
    low = [value for value in told["min.timestamp"].to_pylist() if value is not None]
    high = [value for value in told["max.timestamp"].to_pylist() if value is not None]
    return int(min(low, default=0)), int(max(high, default=0)), size


def _of_interactions(view: TablesView) -> dict[str, int]:
    out = [name for name in view.event_types if is_left_out(name)]
    learned = f"event_type NOT IN ({_listed(out)})" if out else "true"
    first, last = view.span
    bought, looked = _typed(view, BOUGHT), _typed(view, LOOKED)
    return {
        "interactions": view.number(f"SELECT count(*) FROM interactions WHERE {learned}"),
        "shoppers": view.number("SELECT count(*) FROM per_user WHERE events > 1"),
        "orders": _orders(view, bought),
        "views": view.number(f"SELECT count(*) FROM interactions WHERE {looked}"),
        "sessions": view.number(
            f"SELECT count(*) FROM (SELECT user_id FROM interactions WHERE {learned} GROUP BY user_id"
            " HAVING count(DISTINCT item_id) > 1)"
        ),
        "clicks": view.number(f"SELECT count(*) FROM interactions WHERE {learned} AND NOT ({bought})"),
        "again": view.number(
            f"SELECT sum(n - 1) FROM (SELECT count(DISTINCT timestamp) AS n FROM interactions WHERE {bought}"
            " GROUP BY user_id, item_id)"
        ),
        "days": (last - first) // DAY if last > 10**12 else 0,
    }


def _orders(view: TablesView, bought: str) -> int:
    """Orders by their number or, where there is none, what one shopper bought at one instant."""
    key = "order_id" if view.has("interactions", "order_id") else "user_id || ' ' || timestamp"
    return view.number(
        f"SELECT count(*) FROM (SELECT {key} AS o FROM interactions WHERE ({bought}) AND {key} IS NOT NULL"
        " GROUP BY o HAVING count(DISTINCT item_id) > 1)"
    )


def _of_tables(view: TablesView) -> dict[str, int]:
    words = [name for name in ("name", "product_description") if view.has("items", name)]
    known = [
        view.number(f"SELECT count(*) FROM {kind}")
        for kind in ("items", "users")
        if kind in view.columns and len(view.columns[kind]) > 1
    ]
    searched = view.has("interactions", "search_query")
    return {
        "texts": view.number(f"SELECT count(*) FROM items WHERE coalesce({', '.join(words)}, '') <> ''")
        if words
        else 0,
        "profiles": sum(known),
        "items": view.number("SELECT count(*) FROM items") if "items" in view.columns else view.n_items,
        "searches": view.number("SELECT count(*) FROM interactions WHERE search_query <> ''") if searched else 0,
        "answers": 0,
        "actions": 0,
    }


def _searches(lake: Lake, shop: ShopKey) -> int:
    import duckdb  # noqa: PLC0415 - few shops have such events

    files = lake.files(shop, "other_events")
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT count(*) FROM {parquet(files)} WHERE lower(event_type) IN ('search', 'view_search_results')"
        ).fetchall()
    return int(rows[0][0])


def _typed(view: TablesView, kinds: frozenset[str]) -> str:
    """SQL of whether an interaction is of these kinds; true where no types are recorded and purchases are meant."""
    names: Mapping[str, int] = view.event_types
    if not names:
        return "true" if "purchase" in kinds else "false"
    found = [name for name in names if plain(name) in kinds]
    return f"event_type IN ({_listed(found)})" if found else "false"


def _listed(names: list[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)
