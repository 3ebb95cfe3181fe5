"""Checks for knowledge that would not have been there in time: popularity in disguise, the future, identities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Literal

from endcap.lake.checks.finding import Finding, of
from endcap.lake.checks.times import day
from endcap.lake.checks.view import TablesView
from endcap.lake.intake import quoted
from endcap.types import DAY

_SUSPECT = re.compile(
    r"sales|sold|orders?($|_)|purchas|bought|popular|best_?sell|revenue|turnover|n_lines|view_?count|clicks?|conversion"
    r"|(total|avg|average)_(spen|value|order)|spent|frequency|last_(order|purchase|seen|visit)|churn|lifetime",
)
_NAMED, _UNNAMED = 0.5, 0.9
"""Rank correlation with the number of events from which a column is a leak: by its name, and whatever its name."""
_ENOUGH = 30
_RECORDS: tuple[tuple[Literal["items", "users"], str], ...] = (("items", "item"), ("users", "user"))


def counts_in_disguise(view: TablesView) -> Iterator[Finding]:
    """Numeric metadata that ranks items or users like the very events a model is to foretell."""
    for kind, one in _RECORDS:
        for name in view.numeric(kind):
            correlation, size = _correlation(view, kind, one, name)
            suspect = bool(_SUSPECT.search(name))
            if size < _ENOUGH or correlation < (_NAMED if suspect else _UNNAMED):
                continue
            yield Finding(
                "leak-counts",
                "warning",
                f"Column {name} of the {kind} follows the number of interactions (rank correlation {correlation:.2f}).",
                "It was counted from the same events, later ones included: a model that reads it knows the test "
                "period, scores well in evaluation, and worse in the shop.",
                f"Leave {name} out of training; it may still be shown and filtered on.",
                size,
                size,
            )


def _correlation(view: TablesView, kind: str, one: str, name: str) -> tuple[float, int]:
    """Spearman's rank correlation of a column with the events of its item or user, and over how many."""
    column = quoted(name)
    correlation, size = view.row(
        f"""WITH pairs AS (SELECT {column} AS x, events AS y FROM {kind} JOIN per_{one} USING ({one}_id)
                WHERE {column} IS NOT NULL),
            places AS (SELECT rank() OVER (ORDER BY x) + (count(*) OVER (PARTITION BY x)) / 2 AS a,
                rank() OVER (ORDER BY y) + (count(*) OVER (PARTITION BY y)) / 2 AS b FROM pairs)
        SELECT corr(a, b), count(*) FROM places"""
    )
    return (float(correlation) if correlation is not None and isfinite(correlation) else 0.0), int(size)


def created_after_use(view: TablesView) -> Iterator[Finding]:
    """Items and users created, as their record says, after their first event."""
    for kind, one in _RECORDS:
        if not view.has(kind, "creation_timestamp"):
            continue
        count, total, worst = view.row(
            f"""SELECT count(*) FILTER (creation_timestamp > first + {DAY}), count(*), max(creation_timestamp - first)
                FROM {kind} JOIN per_{one} USING ({one}_id) WHERE creation_timestamp IS NOT NULL"""
        )
        if count:
            yield Finding(
                "created-after-use",
                "warning",
                f"{of(int(count), int(total), kind)} were created after their first interaction, "
                f"by up to {int(worst) // DAY:,} days.",
                "A creation date that is really the last change gives away the future, and makes old items look new.",
                "Map the first publication to CREATION_TIMESTAMP, or leave it out: the first event then stands in.",
                int(count),
                int(total),
            )


def from_the_future(view: TablesView) -> Iterator[Finding]:
    """Metadata that speak of times after the newest interaction."""
    last = view.span[1]
    for kind, _ in _RECORDS:
        for name in view.numeric(kind):
            if not re.search(r"timestamp|_at$|_time$|date", name) or name.startswith("expiration"):
                continue
            count, total, newest = view.row(
                f"SELECT count(*) FILTER ({quoted(name)} > {last + DAY}), count({quoted(name)}), max({quoted(name)}) "
                f"FROM {kind}"
            )
            if count:
                yield Finding(
                    "leak-future",
                    "warning",
                    f"{of(int(count), int(total), kind)} have a {name} after the last event, up to {day(int(newest))}.",
                    "The metadata were exported later than the events, so they may describe what happened since.",
                    "Export both at the same time, and keep columns that change (stock, rating) out of evaluation.",
                    int(count),
                    int(total),
                )


def identities(view: TablesView) -> Iterator[Finding]:
    """Columns of users that name a person."""
    for name in view.textual("users"):
        count, total = view.row(
            f"SELECT count(*) FILTER (regexp_matches({quoted(name)}, '^[^@\\s|]+@[^@\\s|]+\\.[a-z]+$')), "
            f"count({quoted(name)}) FROM users"
        )
        if total and count > 0.5 * total:
            yield Finding(
                "identities",
                "warning",
                f"Column {name} of the users holds e-mail addresses.",
                "They teach nothing about taste, and every copy of them is one more to protect and to erase.",
                "Leave the column out of the import; if it is the user id, import a pseudonym in its place.",
                int(count),
                int(total),
            )
