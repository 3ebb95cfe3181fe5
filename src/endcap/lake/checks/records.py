"""Checks of rows: duplicates, returns, rejected rows, missing values."""

from __future__ import annotations

from collections.abc import Iterator

from endcap.lake.checks.finding import Finding, of
from endcap.lake.checks.view import TablesView
from endcap.lake.event_types import is_left_out
from endcap.lake.intake import parquet
from endcap.lake.schemas import DatasetKind
from endcap.lake.tables import Commit
from endcap.types import ITEM_ID, TIMESTAMP, USER_ID

MANY_MISSING = 0.5
"""From this share of empty values on, a column is spoken of."""

_WHY_GUESTS = "Orders without a customer cannot be linked over time, so they teach no one's taste."
_FOR_GUESTS = "To learn at least what is bought together, import the order number as the user id of such orders."
_WHY_REJECTS = "Rejected rows are missing from everything that is learned."


def exact_duplicates(view: TablesView) -> Iterator[Finding]:
    """Rows that came but were not stored because an equal one was there."""
    received = sum(commit.received for commit in _behind(view.histories["interactions"]))
    rows = view.histories["interactions"][0].rows
    if received > rows:
        yield Finding(
            "duplicates",
            "info",
            f"{of(received - rows, received, 'rows')} came twice, equal in every column; one of each was kept.",
            "Counted twice, they would make items look more popular and shoppers more loyal than they are.",
            "Nothing, unless two equal lines of one order mean two purchases: then import a quantity or a line number.",
            received - rows,
            received,
        )


def near_duplicates(view: TablesView) -> Iterator[Finding]:
    """The same user, item, time and type in several rows that differ elsewhere."""
    kind = ", event_type" if view.event_types else ""
    groups = f"""SELECT count(*) AS n, user_id || ' and item ' || item_id AS who FROM interactions
        GROUP BY user_id, item_id, timestamp{kind} HAVING count(*) > 1"""
    extra, examples = view.row(f"SELECT sum(n - 1), max_by(who, n, 3) FROM ({groups})")
    if extra:
        extra = int(extra)
        yield Finding(
            "near-duplicates",
            "warning" if extra > 0.05 * view.n_interactions else "info",
            f"{of(extra, view.n_interactions, 'interactions')} have another with their user, item, time and type.",
            "Each counts as an event of its own, so one purchase written as several lines weighs several times.",
            "Merge such lines in the import (add up the quantities), or keep them if they are separate decisions.",
            extra,
            view.n_interactions,
            tuple(f"user {who}" for who in examples),
        )


def returns(view: TablesView) -> Iterator[Finding]:
    """Events that take interest back, and purchases with a negative quantity, which hide the same."""
    out = {name: count for name, count in view.event_types.items() if is_left_out(name)}
    if count := sum(out.values()):
        yield Finding(
            "returns",
            "info",
            f"{of(count, view.n_interactions, 'interactions')} are of type {', '.join(out)} and are not learned from.",
            "Something sent back, taken out of the cart or merely shown is no sign of interest.",
            "Nothing. To learn from them anyway, name the event types when you train.",
            count,
            view.n_interactions,
        )
    if not view.has("interactions", "quantity"):
        return
    kept = " AND ".join(["true"] + [f"event_type <> '{name.replace(chr(39), chr(39) * 2)}'" for name in out])
    query = f"SELECT count(*) FILTER (quantity < 0), count(*) FILTER (quantity = 0) FROM interactions WHERE {kept}"
    negative, zero = view.row(query)
    if negative:
        yield Finding(
            "negative-quantities",
            "warning",
            f"{of(int(negative), view.n_interactions, 'interactions')} have a negative quantity and are not returns.",
            "A return read as a purchase teaches the opposite of what the shopper said.",
            "Map such rows to the event type Return in the import, or leave them out.",
            int(negative),
            view.n_interactions,
        )
    if zero:
        yield Finding(
            "zero-quantities",
            "warning" if zero > 0.01 * view.n_interactions else "info",
            f"{of(int(zero), view.n_interactions, 'interactions')} have quantity 0.",
            "Voided lines, coupons or corrections: nothing was bought, yet each counts as a purchase.",
            "Leave such rows out in the mapping of the import.",
            int(zero),
            view.n_interactions,
        )


def rejected(view: TablesView) -> Iterator[Finding]:
    """Rows that the imports behind the present tables refused, by reason; guest orders among them."""
    jobs = {commit.job for commits in view.histories.values() for commit in _behind(commits)}
    files = sorted(str(path) for job in jobs if job for path in (view.rejects / job).glob("**/*.parquet"))
    if not files:
        return
    columns = {str(row[0]) for row in view.rows(f"DESCRIBE SELECT * FROM {parquet(files)}")}
    reason = "coalesce(reason, 'not said')" if "reason" in columns else "'not said'"
    kind = "regexp_extract(filename, '([a-z_]+)[^/]*$', 1)"
    query = f"""SELECT {kind} AS kind, {reason} AS reason, count(*) AS n, sum(n) OVER (PARTITION BY {kind})
        FROM {parquet(files, with_names=True)} GROUP BY 1, 2 ORDER BY n DESC, kind, reason LIMIT 10"""
    for name, text, count, refused in view.rows(query):
        total = int(refused) + view.histories[name][0].rows if name in view.histories else int(refused)
        guest = "guest" in str(text).lower()
        why, advice = (_WHY_GUESTS, _FOR_GUESTS) if guest else (_WHY_REJECTS, f"Look at them in {view.rejects}.")
        yield Finding(
            "guest-orders" if guest else "rejected-rows",
            "warning" if count > 0.1 * total else "info",
            f"{of(int(count), total, f'rows of {name}')} were rejected: {text}.",
            why,
            advice,
            int(count),
            total,
        )


def missing_values(view: TablesView) -> Iterator[Finding]:
    """Columns that are mostly or wholly empty, and those with one value only."""
    for kind in view.columns:
        total, columns = view.filled(kind)
        for name, (empty, distinct) in columns.items():
            if name in (USER_ID, ITEM_ID, TIMESTAMP) or not total:
                continue
            if empty >= MANY_MISSING * total:
                yield _mostly_empty(kind, name, empty, total)
            elif distinct <= 1 < total and name != "event_type":
                yield Finding(
                    "constant-column",
                    "info",
                    f"Column {name} of the {kind} has the same value in every row that has one.",
                    "A column that never differs tells nothing apart.",
                    "Leave it out, or check that the mapping reads the column you meant.",
                    total - empty,
                    total,
                )


def _mostly_empty(kind: DatasetKind, name: str, empty: int, total: int) -> Finding:
    return Finding(
        "missing-values",
        "warning" if empty == total else "info",
        f"Column {name} of the {kind} is empty in {of(empty, total, 'rows')}.",
        "Filters on it hide everything without a value, and a model learns little from it.",
        "Check the mapping and the source's column name; leave the column out if the shop does not keep it.",
        empty,
        total,
    )


def _behind(commits: list[Commit]) -> list[Commit]:
    """The imports that made the newest version: back to the last FULL one."""
    for place, commit in enumerate(commits):
        if commit.mode == "FULL":
            return commits[: place + 1]
    return commits
