"""Actions that must not be offered: expired ones, and those that the shopper answered too short a time ago."""

from __future__ import annotations

import numpy as np

from endcap.serving.slate import Slate
from endcap.types import DAY, Int32

EXPIRES, REPEATS = "expiration_timestamp", "repeat_frequency"
"""Microseconds; days to wait after the shopper has taken or refused it."""


def unofferable(slate: Slate) -> list[Int32]:
    """int32 ordinals, in parts."""
    known = slate.snapshot.attributes.items
    asked = range(slate.size) if EXPIRES in known.table.columns else [at for at in known.now().rows if at < slate.size]
    expired = [at for at in asked if isinstance(end := known.value(at, EXPIRES), int) and end <= slate.now]
    recent = []
    for ordinal, time in _newest(slate).items():
        wait = known.value(ordinal, REPEATS)
        if isinstance(wait, int | float) and slate.now - time < wait * DAY:
            recent.append(ordinal)
    return [np.array(expired, np.int32), np.array(recent, np.int32)]


def _newest(slate: Slate) -> dict[int, int]:
    """{ordinal: microseconds} of the shopper's newest answer to each action."""
    found: dict[int, int] = {}
    if slate.row >= 0:
        past = slate.snapshot.state.histories.past.slice(slate.row)
        found = dict(zip(past.item.tolist(), past.time.tolist(), strict=True))
    if slate.fresh is not None:
        for ordinal, time in zip(slate.fresh.item.tolist(), slate.fresh.time.tolist(), strict=True):
            found[ordinal] = max(time, found.get(ordinal, 0))
    return found
