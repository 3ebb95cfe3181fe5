"""Times of all wire units as int64 microseconds UTC: units are declared, found out from the first rows, or refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from endcap.errors import DataError
from endcap.lake.importers.mapping import Unit, Value

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
FIRST, LAST = -2_208_988_800, 4_102_444_800
"""Times from 1900 to 2100, in seconds, are taken for times; anything else is a mistake."""
FORMATS = tuple(
    date + time
    for date in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y")
    for time in ("", " %H:%M", " %H:%M:%S")
)
_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*")
_ISO = re.compile(r"\s*\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?\s*")
_OFFSET = r"\d\d:\d\d.*([zZ]|[+-]\d\d(:?\d\d)?)$"


@dataclass(frozen=True)
class TimeReading:
    """How one column's times are read: from a number of `unit`, from text (`iso` or `format`), or `native`."""

    unit: str
    zone: str
    format: str = ""

    def sql(self, column: str) -> str:
        """SQL of the column's times in microseconds; NULL where they do not fit."""
        if self.unit in PER_SECOND:
            number = f"TRY_CAST({column} AS DOUBLE)"
            exact = f"TRY_CAST({column} AS BIGINT)"
            low, high = FIRST * PER_SECOND[self.unit], LAST * PER_SECOND[self.unit]
            return f"CASE WHEN {number} BETWEEN {low} AND {high} THEN {_scaled(self.unit, exact, number)} END"
        if self.unit == "native":
            return self._native(f"CAST({column} AS TIMESTAMP)")
        if self.unit == "zoned":
            return _in_range(f"timezone('UTC', CAST({column} AS TIMESTAMPTZ))")
        text = f"trim({column})"
        if self.unit == "format":
            return _in_range(self._local(f"try_strptime({text}, '{_escaped(self.format)}')"))
        # A cast to TIMESTAMP drops an offset without a word; the one with a zone (UTC in our sessions) obeys it.
        parsed = f"timezone('UTC', TRY_CAST({text} AS TIMESTAMPTZ))"
        if self.zone == "UTC":
            return _in_range(parsed)
        offset = f"regexp_matches({text}, '{_OFFSET}')"
        return _in_range(f"CASE WHEN {offset} THEN {parsed} ELSE {self._local(parsed)} END")

    def misfit(self, field: str) -> str:
        """The reason for which a value that does not fit is rejected."""
        if self.unit in WORDS:
            return f"{field} is not a time in {WORDS[self.unit]} between 1900 and 2100"
        expected = f"of the form {self.format}" if self.unit == "format" else "in ISO 8601"
        return f"{field} is not a time {expected} between 1900 and 2100"

    def said(self, field: str) -> str:
        """What to tell the user about it."""
        if self.unit in WORDS:
            return f"{field}: read as {WORDS[self.unit]} since 1970."
        form = f" of the form {self.format}" if self.unit == "format" else ""
        return f"{field}: read as date and time{form}" + ("." if self.unit == "zoned" else f", {self.zone}.")

    def _native(self, local: str) -> str:
        """A zone's calendar costs 0.15 µs a row; between its changes its distance from UTC is one subtraction."""
        exact = _in_range(self._local(local))
        periods = offsets(self.zone) if self.zone != "UTC" else ()
        return _by_period(periods, local, exact) if periods else exact

    def _local(self, timestamp: str) -> str:
        if self.zone == "UTC":
            return timestamp
        return f"timezone('UTC', timezone('{_escaped(self.zone)}', {timestamp}))"


@lru_cache(maxsize=16)
def offsets(zone: str) -> tuple[tuple[str, str, int], ...]:
    """Periods (first and last local time, microseconds ahead of UTC) in which a zone's distance from UTC is constant.

    From 1995 to 2035 without a day around each change, where the calendar must decide.
    """
    day = "range(TIMESTAMP '1995-01-01', TIMESTAMP '2036-01-01', INTERVAL 1 DAY) days(day)"
    ahead = f"epoch_us(day) - epoch_us(timezone('UTC', timezone('{_escaped(zone)}', day)))"
    query = (
        "SELECT (min(day) + INTERVAL 1 DAY)::VARCHAR, (max(day) - INTERVAL 1 DAY)::VARCHAR, ahead FROM (SELECT *, sum("
        " CASE WHEN ahead = before THEN 0 ELSE 1 END) OVER (ORDER BY day) AS period FROM (SELECT day, ahead,"
        f" lag(ahead) OVER (ORDER BY day) AS before FROM (SELECT day, {ahead} AS ahead FROM {day})))"
        " GROUP BY period, ahead HAVING count(*) > 3 ORDER BY 1"
    )
    with duckdb.default_connection().cursor() as connection:
        return tuple((str(first), str(last), int(us)) for first, last, us in connection.execute(query).fetchall())


def read_times(value: Value, field: str, column: pa.ChunkedArray | None, kind: str, zone: str) -> TimeReading:
    """How to read a column of times, from its DuckDB type and its first rows.

    Raises `DataError` where the unit is not declared and the rows leave it open, saying what to declare.
    """
    zone = value.zone or zone
    if kind.startswith(("TIMESTAMP", "DATE")):
        return TimeReading("zoned" if "WITH TIME ZONE" in kind or "TZ" in kind else "native", zone)
    if value.format:
        return TimeReading("format", zone, value.format)
    if value.unit != "auto" or column is None:
        return TimeReading("s" if value.unit == "auto" else value.unit, zone)
    if kind == "VARCHAR":
        values = [text for text in column.cast(pa.string()).to_pylist() if text and text.strip()]
        numbers: Sequence[Any] = [float(text) for text in values if _NUMBER.fullmatch(text)]
        if len(numbers) * 2 < len(values):
            return _text_reading(field, values, zone)
    else:
        numbers = column.drop_null().cast(pa.float64()).to_pylist()
    return TimeReading(_unit_of(field, numbers), zone)


def _unit_of(field: str, numbers: Sequence[float]) -> Unit:
    sizes = [abs(number) for number in numbers if math.isfinite(number)]
    if not sizes:
        return "s"
    found = {_magnitude(size) for size in sizes}
    if len(found) == 1 and (unit := found.pop()):
        return unit
    low, high = min(numbers), max(numbers)
    raise DataError(
        f"{field} holds numbers from {low:.15g} to {high:.15g}: not one of seconds, milliseconds, microseconds or"
        " nanoseconds since 1970.",
        column=field,
        fix="Say which with --map time_unit=s (or ms, us, ns), or map another column.",
    )


def _magnitude(size: float) -> Unit | None:
    # Four ranges that do not touch: 1973 onwards in each unit.
    bounds: tuple[tuple[Unit, float], ...] = (("s", 1e8), ("ms", 1e11), ("us", 1e14), ("ns", 1e17))
    return next((unit for unit, low in bounds if low <= size < low * 1e2), None)


def _text_reading(field: str, values: Sequence[str], zone: str) -> TimeReading:
    sample = values[:2_000]
    if sum(bool(_ISO.fullmatch(text)) for text in sample) * 2 > len(sample):
        return TimeReading("iso", zone)
    fits = {form: _fit(form, sample) for form in FORMATS}
    best = max(fits.values(), default=0)
    fitting = [form for form, count in fits.items() if count == best and best * 2 > len(sample)]
    if len(fitting) == 1:
        return TimeReading("format", zone, fitting[0])
    shown = sample[0][:40] if sample else ""
    told = f"could be {' or '.join(fitting)}" if fitting else "is none of the known forms"
    raise DataError(
        f"{field} {shown!r} {told}.",
        row=1,
        column=field,
        fix="Say which with --map time_format=FORMAT, such as '%d/%m/%Y %H:%M'.",
    )


def _fit(form: str, sample: Sequence[str]) -> int:
    import pyarrow.compute as pc  # noqa: PLC0415 - 20 ms, and only text without a declared form needs it

    # strptime of the C library is content with a prefix: the separators tell the forms apart.
    marks = [mark for mark in form if mark in "/.:-"]
    alike = [text.strip() for text in sample if [mark for mark in text if mark in "/.:-"] == marks]
    parsed = pc.strptime(pa.array(alike, pa.string()), format=form, unit="s", error_is_null=True)
    return len(alike) - int(parsed.null_count)


def _scaled(unit: str, exact: str, number: str) -> str:
    if unit == "s":
        return f"CASE WHEN {exact} = {number} THEN {exact} * 1000000 ELSE CAST({number} * 1000000 AS BIGINT) END"
    if unit == "ms":
        return f"CASE WHEN {exact} = {number} THEN {exact} * 1000 ELSE CAST({number} * 1000 AS BIGINT) END"
    return f"{exact} // 1000" if unit == "ns" else exact


def _in_range(timestamp: str) -> str:
    bounds = "TIMESTAMP '1900-01-01' AND TIMESTAMP '2100-01-01'"
    return f"CASE WHEN {timestamp} BETWEEN {bounds} THEN epoch_us({timestamp}) END"


def _by_period(periods: Sequence[tuple[str, str, int]], local: str, exact: str) -> str:
    """A tree of comparisons that ends in a subtraction, or in `exact` outside of all periods."""
    if len(periods) == 1:
        first, last, ahead = periods[0]
        inside = f"{local} BETWEEN TIMESTAMP '{first}' AND TIMESTAMP '{last}'"
        return f"CASE WHEN {inside} THEN epoch_us({local}) - {ahead} ELSE {exact} END"
    middle = len(periods) // 2
    below, above = _by_period(periods[:middle], local, exact), _by_period(periods[middle:], local, exact)
    return f"CASE WHEN {local} < TIMESTAMP '{periods[middle][0]}' THEN {below} ELSE {above} END"


def _escaped(text: str) -> str:
    return text.replace("'", "''")
