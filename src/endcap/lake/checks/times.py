"""Checks of times: units, zones, precision, gaps, freshness."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from endcap.lake.checks.finding import Finding, of
from endcap.lake.checks.view import TablesView
from endcap.types import DAY, HOUR, MINUTE, SECOND

_EARLIEST = 788_918_400 * SECOND  # 1995, before which there were no online shops
_MOST_AT_ONE_HOUR = 0.9
_ENOUGH = 1000
"""Below this many events, the shape of the day says nothing."""


def day(time: int) -> str:
    """The date of a time, UTC."""
    try:
        return datetime.fromtimestamp(time / SECOND, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{time / (365.25 * DAY) + 1970:.0f} (year)"


def out_of_range(view: TablesView) -> Iterator[Finding]:
    """Times in the future, and times so old that their unit must be wrong."""
    ahead, old = view.row(
        f"SELECT count(*) FILTER (timestamp > {view.now + DAY}), count(*) FILTER (timestamp < {_EARLIEST}) "
        "FROM interactions"
    )
    if ahead:
        yield Finding(
            "future-times",
            "problem",
            f"{of(int(ahead), view.n_interactions, 'interactions')} lie in the future, up to {day(view.span[1])}.",
            "“Recent” is counted back from the newest event: a single wrong one makes all real events look old.",
            "Check the unit (seconds, milliseconds) and the time zone in the mapping, and import again.",
            int(ahead),
            view.n_interactions,
        )
    if old:
        yield Finding(
            "ancient-times",
            "problem",
            f"{of(int(old), view.n_interactions, 'interactions')} lie before 1995, back to {day(view.span[0])}.",
            "Times around 1970 are seconds read as milliseconds, or zeros that mean “unknown”; they have no order.",
            "Declare the unit of the time column in the mapping; leave out rows whose time is unknown.",
            int(old),
            view.n_interactions,
        )


def precision(view: TablesView) -> Iterator[Finding]:
    """Dates without a time of day, whole minutes, and parts of a second in some rows only."""
    days, distinct, minutes, parts, midnight = view.row(
        f"""SELECT count(DISTINCT timestamp // {DAY}), count(DISTINCT timestamp % {DAY}),
            count(*) FILTER (timestamp % {MINUTE} = 0), count(*) FILTER (timestamp % {SECOND} <> 0),
            count(*) FILTER (timestamp % {DAY} = 0) FROM interactions"""
    )
    total = view.n_interactions
    if days >= 10 and distinct <= 3:
        yield Finding(
            "dates-only",
            "warning",
            "Every interaction lies at the same time of day: the source has dates only.",
            "Nothing tells what came first within a day, so sequences and sessions cannot be learned.",
            "Import the full time if the shop has it. If not, all else works.",
            total,
            total,
        )
    elif distinct > 3 and midnight > 0.2 * total:
        yield Finding(
            "midnight",
            "warning",
            f"{of(int(midnight), total, 'interactions')} lie exactly at midnight UTC, the others do not.",
            "Two sources are mixed, one of them with dates only: their order within a day is wrong.",
            "Import them with their full times, or accept that sessions are wrong for those rows.",
            int(midnight),
            total,
        )
    elif minutes == total and total >= _ENOUGH and distinct > 3:
        yield Finding(
            "whole-minutes",
            "info",
            "All times are whole minutes.",
            "Events of one minute have no order among themselves beyond their order in the file.",
            "Nothing, unless the shop keeps seconds.",
            total,
            total,
        )
    if 0 < parts < 0.5 * total:
        yield Finding(
            "mixed-precision",
            "info",
            f"{of(int(parts), total, 'interactions')} have fractions of a second, the others none.",
            "Two sources with different clocks or units are mixed.",
            "Check that both declare the right unit in the mapping.",
            int(parts),
            total,
        )


def time_of_day(view: TablesView) -> Iterator[Finding]:
    """A shop sleeps at night; where it does not, the zone is wrong or the times were made up."""
    hours = [0] * 24
    for hour, count in view.rows(f"SELECT (timestamp % {DAY}) // {HOUR} AS h, count(*) FROM interactions GROUP BY h"):
        hours[int(hour) % 24] = int(count)
    total = sum(hours)
    if total < _ENOUGH or max(hours) > _MOST_AT_ONE_HOUR * total:
        return
    night = sum(hours[1:5])
    if night > 0.3 * total:
        yield Finding(
            "night-shoppers",
            "warning",
            f"{of(night, total, 'interactions')} happen between 1 and 5 in the morning, UTC.",
            "Local times were taken for UTC, or the shop is far from Greenwich: hour and weekday mean little.",
            "If the times are local, declare the zone in the mapping (for example Europe/London) and import again.",
            night,
            total,
        )
    elif max(hours) < 1.3 * min(hours):
        yield Finding(
            "no-daily-rhythm",
            "info",
            "Every hour of the day is equally busy.",
            "Real shoppers sleep: such times are generated, or shuffled for privacy.",
            "Do not read anything into times of day or sessions.",
            total,
            total,
        )


def same_instant(view: TablesView) -> Iterator[Finding]:
    """Events of one user at one instant that no order number explains."""
    if view.has("interactions", "order_id") and view.number("SELECT count(order_id) FROM interactions"):
        return
    count = view.number(
        "SELECT sum(n) FROM (SELECT count(*) AS n FROM interactions GROUP BY user_id, timestamp HAVING count(*) > 1)"
    )
    if count > 0.2 * view.n_interactions:
        yield Finding(
            "same-instant",
            "info",
            f"{of(count, view.n_interactions, 'interactions')} share their instant with another of the same user.",
            "Those are baskets, and nothing says so: what is bought together is learned better from order numbers.",
            "Map the order number to ORDER_ID in the import if the shop has one.",
            count,
            view.n_interactions,
        )


def gaps(view: TablesView) -> Iterator[Finding]:
    """The longest silence, where it is out of proportion."""
    query = f"""WITH days AS (SELECT DISTINCT timestamp // {DAY} AS d FROM interactions),
        steps AS (SELECT d, d - lag(d) OVER (ORDER BY d) AS step FROM days)
        SELECT step, d, (SELECT median(step) FROM steps) FROM steps
        WHERE step IS NOT NULL ORDER BY step DESC, d LIMIT 3"""
    long = [(int(step), int(at)) for step, at, usual in view.rows(query) if step > 4 and step > 4 * usual]
    if long:
        step, at = long[0]
        yield Finding(
            "gaps",
            "warning" if step > 14 else "info",
            f"No interaction for {step - 1} days, from {day((at - step + 1) * DAY)} to {day((at - 1) * DAY)}.",
            "The shop was closed, or a piece of the export is missing: windows that cross it see too little.",
            "If the shop was open, export those days and import them with INCREMENTAL.",
            step - 1,
            (view.span[1] - view.span[0]) // DAY + 1,
            tuple(f"{day((at - step + 1) * DAY)}: {step - 1} days" for step, at in long),
        )


def freshness(view: TablesView) -> Iterator[Finding]:
    """How old the newest interaction is."""
    age = (view.now - view.span[1]) // DAY
    if age > 30:
        yield Finding(
            "old-data",
            "info",
            f"The newest interaction is {age:,} days old ({day(view.span[1])}).",
            "What was popular then may be gone; time windows are counted from the newest event, not from today.",
            "For a demo or a comparison this is fine. For a live shop, import the latest export.",
            int(age),
        )
