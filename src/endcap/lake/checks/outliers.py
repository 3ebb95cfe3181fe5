"""Checks for extremes: bots, prices, quantities, and how much of the shop is its bestsellers."""

from __future__ import annotations

from collections.abc import Iterator

from endcap.lake.checks.finding import Finding, of
from endcap.lake.checks.times import day
from endcap.lake.checks.view import TablesView
from endcap.types import DAY

_FAR = 3.0
"""Fences of a box plot, in interquartile ranges of the logarithm, beyond which a value is far out."""
_LEAST_RANGE = {"price": 0.7, "quantity": 1.0}
"""Where most values are equal, the range is taken as this: a factor of 8 or 20 is then far out."""
_NOTHING = 0.0005
"""Prices below this are zeros that a division has smeared."""
_BOT_DEVIATIONS, _BOT_EVENTS = 3.5, 200
_BUSY_DAY = 1000


def bots(view: TablesView) -> Iterator[Finding]:
    """Users far more active than the others, by the logarithm of their events, or with impossible days."""
    query = f"""WITH shape AS (SELECT avg(ln(events)) AS m, stddev_pop(ln(events)) AS s FROM per_user),
        busy AS (SELECT user_id, max(n) AS most FROM
            (SELECT user_id, count(*) AS n FROM interactions GROUP BY user_id, timestamp // {DAY}) GROUP BY user_id)
        SELECT user_id, events, most, first, last FROM per_user JOIN busy USING (user_id), shape
        WHERE most > {_BUSY_DAY} OR (events >= {_BOT_EVENTS} AND ln(events) > m + {_BOT_DEVIATIONS} * s)
        ORDER BY events DESC, user_id"""
    found = view.rows(query)
    count = sum(int(row[1]) for row in found)
    if found:
        yield Finding(
            "bots",
            "warning" if count > 0.02 * view.n_interactions else "info",
            f"{len(found):,} users act far more than all others: {of(count, view.n_interactions, 'interactions')}.",
            "Bots, resellers, shop staff or one id shared by many: what they do is no one's taste, "
            "and it weighs on what goes with what.",
            "Leave them out of the import, or cap what one account may count in item-item recipes.",
            count,
            view.n_interactions,
            tuple(
                f"{user}: {events:,} events from {day(first)} to {day(last)}, up to {most:,} a day"
                for user, events, most, first, last in found[:5]
            ),
        )


def prices(view: TablesView) -> Iterator[Finding]:
    """Prices that are zero, negative or far from all others."""
    if view.has("items", "price"):
        yield from _extremes(view, "items", "price", "item_id")
    elif view.has("interactions", "price"):
        yield from _extremes(view, "interactions", "price", "item_id")


def quantities(view: TablesView) -> Iterator[Finding]:
    """Quantities far from all others."""
    if view.has("interactions", "quantity"):
        yield from _extremes(view, "interactions", "quantity", "user_id")


def _extremes(view: TablesView, kind: str, column: str, key: str) -> Iterator[Finding]:
    bounds = f"""SELECT quantile_cont(ln({column}), 0.25) AS a, quantile_cont(ln({column}), 0.75) AS b
        FROM {kind} WHERE {column} >= {_NOTHING}"""
    fence = f"{_FAR} * greatest(b - a, {_LEAST_RANGE[column]})"
    far = f"{column} >= {_NOTHING} AND (ln({column}) > b + {fence} OR ln({column}) < a - {fence})"
    total, wrong, outside = view.row(
        f"SELECT count({column}), count(*) FILTER ({column} < {_NOTHING}), count(*) FILTER ({far}) "
        f"FROM {kind}, ({bounds})"
    )
    if column == "price" and wrong:
        yield Finding(
            "bad-prices",
            "warning" if wrong > 0.01 * total else "info",
            f"{of(int(wrong), int(total), kind)} have a price of 0 or less.",
            "Gifts, corrections and write-offs look like purchases, and a filter “cheaper than” lets them all through.",
            "Leave such rows out in the mapping, or map them to another event type.",
            int(wrong),
            int(total),
        )
    if outside:
        rows = view.rows(
            f"SELECT {key}, {column} FROM {kind}, ({bounds}) WHERE {far} ORDER BY {column} DESC, {key} LIMIT 5"
        )
        yield Finding(
            f"{column}-outliers",
            "info",
            f"{of(int(outside), int(total), kind)} have a {column} far from all others.",
            "Manual bookings, wholesale, another currency or a slipped decimal point: averages and sums follow them.",
            "Look at the examples; correct them in the source, or leave such rows out in the mapping.",
            int(outside),
            int(total),
            tuple(f"{name}: {value:,.6g}" for name, value in rows),
        )


def long_tail(view: TablesView) -> Iterator[Finding]:
    """How much of all events the one per cent of most popular items takes."""
    top = max(1, view.n_items // 100)
    count = view.number(f"SELECT sum(events) FROM (SELECT events FROM per_item ORDER BY events DESC LIMIT {top})")
    half = view.number(
        """SELECT count(*) FROM (SELECT sum(events) OVER (ORDER BY events DESC, item_id) - events AS before
            FROM per_item) WHERE before < (SELECT sum(events) FROM per_item) / 2"""
    )
    yield Finding(
        "long-tail",
        "warning" if count > 0.5 * view.n_interactions else "info",
        f"The top 1 % of items ({top:,}) take {of(count, view.n_interactions, 'interactions')}; "
        f"{half:,} of {view.n_items:,} items take half.",
        "The more a few bestsellers take, the better popularity alone looks, and the less a number says about taste.",
        "Read coverage and novelty beside NDCG, and compare every recipe with popularity.",
        count,
        view.n_interactions,
    )
