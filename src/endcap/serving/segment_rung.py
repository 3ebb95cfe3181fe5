"""The rung for those of whom nothing is known but who they are and where they ask from: their segments' bestsellers.

What a request's context tells goes before what the shop knows of the shopper. The hour is that of asking where the
context names none; by itself it makes no segment.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from endcap.serving.segments import HOURS, Segments, hour_of
from endcap.serving.slate import Slate
from endcap.types import Int32

RUNG = "segment"
SAID = 2
"""Most segments that a reason names."""
_NONE = np.zeros(0, np.int32)
_FRAMES: Mapping[str, str] = {
    **dict.fromkeys(("location", "region", "state", "city", "country", "store"), "in {}"),
    **dict.fromkeys(("age", "age_group"), "with shoppers aged {}"),
    "gender": "with shoppers who are {}",
    **dict.fromkeys(("membership", "membership_status", "loyalty"), "with {} members"),
    "income": "with shoppers who earn {}",
    "occupation": "with shoppers who work as {}",
    "household_size": "in households of {}",
    "event_attribution_source": "with shoppers who come from {}",
    HOURS: "at this time of day",
}
_REGIONS = ("location", "region", "state", "city")
_WORDS: Mapping[str, Mapping[str, str]] = {
    "device": {
        **dict.fromkeys(("phone", "mobile", "smartphone", "mobile phone"), "on phones"),
        **dict.fromkeys(("desktop", "computer", "pc", "laptop"), "on computers"),
        "tablet": "on tablets",
    },
    "channel": {
        **dict.fromkeys(("online", "web", "website"), "online"),
        **dict.fromkeys(("store", "in_store", "in-store", "in store", "pos"), "in the store"),
        **dict.fromkeys(("app", "mobile app", "mobile"), "in the app"),
    },
}


def find(slate: Slate) -> Int32:
    """int32 ordinals, best first, of what sells in the segments of who asks; empty where that is no question for them.

    Notes the segments on the slate.
    """
    segments, snapshot = slate.snapshot.state.segments, slate.snapshot
    if slate.retrieved or snapshot.is_related or not segments.columns:
        return _NONE
    if not slate.segments:
        slate.segments = segments.find(told(slate, segments))
    return segments.order(slate.segments) if slate.segments else _NONE


def told(slate: Slate, segments: Segments) -> Mapping[str, str]:
    """What is known of who asks and from where, by column; nothing where it is the hour alone."""
    request, users = slate.request, slate.snapshot.attributes.users
    found = {}
    if request.user_id:
        users.now()  # who was put just now has a row after this
        row = slate.snapshot.attributes.user_row(request.user_id)
        for column in segments.columns if row >= 0 else ():
            value = users.value(row, column)
            if value is not None:
                found[column] = str(value)
    found |= {name.lower(): value for name, value in request.context.items() if value}
    if HOURS in segments.columns and HOURS not in found and segments.find(found) and request.asked:
        found[HOURS] = str(hour_of(request.asked))
    return found


def words(slate: Slate, ordinal: int) -> str:
    """Why an item is there: the segments in which it sells better than in the shop; empty where it does in none."""
    segments = slate.snapshot.state.segments
    because = segments.because(slate.segments, ordinal)[:SAID]
    # Who comes before where and when.
    said = [phrase(*segments.names[row]) for row in sorted(because)]
    people = [text.removeprefix("with ") for text in said if text.startswith("with ")]
    others = [text for text in said if not text.startswith("with ")]
    parts = [f"with {' and '.join(people)}"] * bool(people) + others
    return f"Popular {', '.join(parts)}" if parts else ""


def phrase(column: str, value: str) -> str:
    """A segment in words."""
    known = _WORDS.get(column, {}).get(value.casefold())
    if known is not None:
        return known
    if column in _REGIONS:
        return f"with shoppers in {value}"
    frame = _FRAMES.get(column)
    if frame is not None:
        return frame.format(value)
    return f"with shoppers of {column.replace('_', ' ')} {value}"
