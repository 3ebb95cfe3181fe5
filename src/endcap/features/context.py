"""When and where is asked: hour of the week, season, channel and device."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import numpy as np

from endcap.features.family import Block, Family, Feature
from endcap.types import DAY, HOUR, Float32

CODES = 1024
"""Texts become one of so many numbers, the same everywhere."""


def code(context: Mapping[str, str], name: str) -> float:
    """A number for what the context says under a name (in any case); NaN where it says nothing."""
    text = next((value for key, value in context.items() if key.lower() == name), "")
    return float(crc32(text.strip().lower().encode()) % CODES) if text else float("nan")


def _of(block: Block, out: Float32) -> None:
    told = np.full((len(block.now), 4), np.nan)
    told[:, 0] = (block.now // HOUR + 72) % 168  # the epoch was a Thursday
    days = (block.now // DAY).astype("datetime64[D]")
    told[:, 1] = (days - days.astype("datetime64[Y]")).astype(np.int64) + 1
    for query, context in enumerate(block.contexts):
        if context:
            told[query, 2:] = code(context, "channel"), code(context, "device")
    out[:] = told[0] if len(told) == 1 else np.repeat(told, np.diff(block.indptr), axis=0)


CONTEXT = Family(
    (
        Feature("hour_of_week", "context", "0 for the first hour of Monday (UTC) to 167."),
        Feature("season", "context", "Day of the year, 1 to 366."),
        Feature("channel", "context", f"CHANNEL of the request's context, as one of {CODES} numbers."),
        Feature("device", "context", f"DEVICE of the request's context, as one of {CODES} numbers."),
    ),
    _of,
)
