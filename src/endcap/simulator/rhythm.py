"""When people shop: seasons of product types, days of the week, hours of the day."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from endcap.simulator.themes import Theme
from endcap.types import DAY, HOUR, Float32, Float64, Int64

WEEKDAYS = np.array([0.93, 0.9, 0.92, 0.97, 1.06, 1.2, 1.12])
"""Sessions of a day of the week over the mean's, Monday first (they are scaled to a mean of 1)."""
_PEAKS: Mapping[str, tuple[tuple[float, float, float], ...]] = {
    "morning": ((8.5, 2.0, 1.0), (17.5, 2.5, 0.4)),
    "lunch": ((12.5, 1.5, 1.0), (20.0, 2.5, 0.7)),
    "evening": ((20.0, 2.2, 1.0), (12.5, 2.0, 0.35)),
    "night": ((22.5, 2.0, 1.0), (16.5, 2.5, 0.5)),
}
"""Per rhythm: peaks as (hour, width in hours, height)."""
RHYTHMS: tuple[str, ...] = tuple(_PEAKS)
_YEAR = 365.25


def hours(rhythm: str) -> Float64:
    """float64 [24]: share of sessions that begin in each hour, UTC."""
    hour = np.arange(24) + 0.5
    level = np.full(24, 0.03)
    for peak, width, height in _PEAKS[rhythm]:
        away = np.abs(hour - peak)
        level += height * np.exp(-0.5 * (np.minimum(away, 24 - away) / width) ** 2)
    return np.asarray(level / level.sum())


def days(start: int, count: int) -> Float64:
    """float64 [count]: how busy each day is, mean 1 over a week; `start` is a midnight in microseconds UTC."""
    weekday = (start // DAY + 3 + np.arange(count)) % 7  # 1970-01-01 was a Thursday
    return np.asarray(WEEKDAYS[weekday] / WEEKDAYS.mean())


def seasons(theme: Theme, times: Int64) -> Float32:
    """float32 [times, types]: what the season adds to the log of demand, in ±amplitude."""
    peak = np.array([(each.peak + 0.5) / 12 for each in theme.types])
    amplitude = np.array([each.amplitude for each in theme.types])
    year = np.asarray(times, np.float64)[:, None] / (_YEAR * DAY) % 1  # 1970-01-01 began a year
    return np.asarray(amplitude * np.cos(2 * np.pi * (year - peak)), np.float32)


def hour_of(times: Int64) -> Int64:
    """0 … 23, UTC."""
    return np.asarray(times) // HOUR % 24
