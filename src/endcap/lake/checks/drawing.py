"""The plots of the check report: activity, long tail, time, missing values, outliers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import floor, log10

from endcap.lake.checks.times import day
from endcap.lake.checks.view import TablesView
from endcap.lake.page import Section, tiles
from endcap.lake.plots import bars, heat, histogram, line, number
from endcap.types import DAY, HOUR

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOST_DAYS = 200
"""Above so many days, activity is drawn by week."""
_MOST_TYPES = 4


def draw(view: TablesView) -> list[Section]:
    """Sections of plots for a shop's tables, the numbers to see first at the head."""
    first, last = view.span
    head = [
        ("Interactions", number(view.n_interactions)),
        ("Users", number(view.n_users)),
        ("Items with interactions", number(view.n_items)),
        ("From", day(first)),
        ("To", day(last)),
    ]
    if "items" in view.columns:
        head.insert(3, ("Items in the catalogue", number(view.number("SELECT count(*) FROM items"))))
    return [
        Section("At a glance", tiles(head), wide=True),
        Section("Activity and time", _activity(view) + _week(view) + _types(view)),
        Section("Long tail", _tail(view) + _per(view, "item") + _per(view, "user")),
        Section("Values", _missing(view) + _prices(view) + _quantities(view)),
    ]


def _activity(view: TablesView) -> str:
    first, last = view.span
    by_week = (last - first) // DAY > _MOST_DAYS
    # 1970-01-01 was a Thursday: weeks begin on Mondays
    step, shift = (7, 3) if by_week else (1, 0)
    names = list(view.event_types)[:_MOST_TYPES] or [""]
    kind = "coalesce(event_type, '')" if view.event_types else "''"
    query = f"SELECT (timestamp // {DAY} + {shift}) // {step}, {kind}, count(*) FROM interactions GROUP BY ALL"
    counts = {(int(period), str(name)): int(count) for period, name, count in view.rows(query)}
    periods = range((first // DAY + shift) // step, (last // DAY + shift) // step + 1)
    if len(periods) > 5000:  # times that the checks call wrong: nothing to be seen on such a scale
        return ""
    labels = [(date(1970, 1, 1) + timedelta(days=period * step - shift)).isoformat() for period in periods]
    series = {name or "events": [counts.get((period, name), 0) for period in periods] for name in names}
    unit = "week" if by_week else "day"
    return line("Activity", labels, series, axis=unit, description=f"Interactions per {unit} (UTC).")


def _week(view: TablesView) -> str:
    grid = [[0] * 24 for _ in range(7)]
    query = f"""SELECT (timestamp // {DAY} + 3) % 7, (timestamp % {DAY}) // {HOUR}, count(*)
        FROM interactions WHERE timestamp >= 0 GROUP BY ALL"""
    for weekday, hour, count in view.rows(query):
        grid[int(weekday)][int(hour)] = int(count)
    hours = [str(hour) for hour in range(24)]
    return heat("Time of day and weekday", _WEEKDAYS, hours, grid, description="Interactions by hour (UTC).")


def _types(view: TablesView) -> str:
    if len(view.event_types) < 2:
        return ""
    rows = [(name or "(none)", float(count)) for name, count in list(view.event_types.items())[:10]]
    return bars("Event types", rows, description="Interactions of each type.", axis="interactions")


def _tail(view: TablesView) -> str:
    query = """WITH ranked AS (SELECT row_number() OVER (ORDER BY events DESC, item_id) AS place,
            sum(events) OVER (ORDER BY events DESC, item_id) AS upto FROM per_item)
        SELECT ceil(place * 50.0 / (SELECT count(*) FROM per_item))::INT AS step, max(upto) FROM ranked GROUP BY step"""
    reached = {int(step): float(upto) for step, upto in view.rows(query)}
    total, before = view.n_interactions, 0.0
    shares = [0.0]
    for step in range(1, 51):
        before = reached.get(step, before)
        shares.append(100 * before / total)
    return line(
        "Per cent of interactions by share of items",
        [f"{2 * step} %" for step in range(51)],
        {"% of interactions": shares},
        axis="items, most popular first",
        description="How much of all interactions the most popular items take; a straight diagonal would be even.",
    )


def _per(view: TablesView, one: str) -> str:
    query = f"SELECT floor(log2(events))::INT AS step, count(*) FROM per_{one} GROUP BY step"
    counts = {int(step): int(count) for step, count in view.rows(query)}
    steps = range(max(counts, default=0) + 1)
    edges = [number(2**step) for step in range(len(steps) + 1)]
    return histogram(
        f"Interactions per {one}",
        edges,
        [counts.get(step, 0) for step in steps],
        description=f"How many {one}s have so many interactions; each column doubles.",
        axis="interactions",
        unit=f"{one}s",
    )


def _missing(view: TablesView) -> str:
    drawings = []
    for kind in view.columns:
        total, columns = view.filled(kind)
        rows = [(name, empty / total) for name, (empty, _) in columns.items() if total]
        rows = sorted((row for row in rows if row[1] > 0), key=lambda row: -row[1])[:20]
        if rows:
            text = f"Share of rows in which a column of the {kind} is empty; columns without any are not shown."
            drawings.append(bars(f"Missing values: {kind}", rows, share=True, description=text, axis="empty"))
    return "".join(drawings)


def _prices(view: TablesView) -> str:
    for kind in ("items", "interactions"):
        if view.has(kind, "price"):
            return _logarithmic(view, kind, "price", "Extremes stand far from the hill.")
    return ""


def _quantities(view: TablesView) -> str:
    if not view.has("interactions", "quantity"):
        return ""
    return _logarithmic(view, "interactions", "quantity", "Wholesale and slips of the keyboard stand to the right.")


def _logarithmic(view: TablesView, kind: str, column: str, hint: str) -> str:
    query = f"""SELECT floor(3 * log10({column}))::INT AS step, count(*), (SELECT quantile_cont({column}, 0.001)
        FROM {kind} WHERE {column} > 0) FROM {kind} WHERE {column} > 0 GROUP BY step"""
    found = [(int(step), int(count), float(low)) for step, count, low in view.rows(query)]
    if not found:
        return ""
    first = max(min(step for step, *_ in found), floor(3 * log10(found[0][2])))
    steps = range(first, max(step for step, *_ in found) + 1)
    counts = [sum(count for at, count, _ in found if max(at, first) == step) for step in steps]
    edges = [number(float(f"{10 ** (step / 3):.2g}")) for step in [*steps, steps[-1] + 1]]
    return histogram(
        f"{column.capitalize()} of {kind}",
        edges,
        counts,
        description=f"Three columns for each factor of ten; the first takes what is smaller still. {hint}",
        axis=column,
        unit=kind,
    )


def checked_on(now: int) -> str:
    """The moment of checking, for the footer."""
    return datetime.fromtimestamp(now / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
