"""What sells to shoppers like one of whom nothing is known but who they are and where they ask from.

Of each segment (those of one region, those on phones) it holds how much likelier each item is there than in the shop at
large. Segments that apply together are combined as if they were independent given the item. Those of people seldom are
(who earns more is older), so theirs are tempered by the square root of their number, and those of contexts likewise:
score = log p + Σ_people log lift / √m + Σ_contexts log lift / √n.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from endcap.errors import ArtefactError
from endcap.types import DAY, HOUR, Float32, Int32, Int64

HOURS = "hour"
"""The name of the time of day among what is told."""
AGE = "age"
PART = 3
"""Hours in each part of the day; the day begins at 0:00 UTC, as in the events that it was learned from."""
KEPT = 512
"""Combinations of segments whose order is kept as it was made."""
_AGAIN = "Delete the directory; it is built again."


@dataclass(frozen=True)
class Segments:
    """`dimensions` are (column, its values): segments are numbered through all of them in this order; the first
    `people` segments are of shoppers' attributes, the others of contexts.

    `items` int32 [m] ordinals, `base` float32 [m] the logarithm of each item's share in the shop lately, `lift` float32
    [segments, m] what each segment adds to it.
    """

    dimensions: tuple[tuple[str, tuple[str, ...]], ...]
    people: int
    items: Int32
    base: Float32
    lift: Float32

    @cached_property
    def names(self) -> tuple[tuple[str, str], ...]:
        """(column, value) of each segment."""
        return tuple((column, value) for column, values in self.dimensions for value in values)

    @cached_property
    def _rows(self) -> dict[tuple[str, str], int]:
        return {(column, value.casefold()): row for row, (column, value) in enumerate(self.names)}

    @cached_property
    def _orders(self) -> dict[tuple[int, ...], Int32]:
        return {}

    @cached_property
    def _places(self) -> dict[int, int]:
        return {ordinal: place for place, ordinal in enumerate(self.items.tolist())}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """What is to be known of a shopper or a request, in lower case."""
        return tuple(column for column, _ in self.dimensions)

    def find(self, told: Mapping[str, str]) -> tuple[int, ...]:
        """The segments that what is told, by column, belongs to."""
        found = (self._rows.get((column, value_of(column, told[column]))) for column in self.columns if column in told)
        return tuple(row for row in found if row is not None)

    def order(self, rows: tuple[int, ...]) -> Int32:
        """int32 ordinals, best first, for who belongs to all of these segments."""
        held = self._orders.get(rows)
        if held is None:
            scores = self.base.copy()
            for part in ([row for row in rows if row < self.people], [row for row in rows if row >= self.people]):
                scores += self.lift[part].sum(axis=0) / np.float32(np.sqrt(max(len(part), 1)))
            if len(self._orders) >= KEPT:
                self._orders.clear()
            held = self._orders[rows] = self.items[np.argsort(-scores, kind="stable")]
        return held

    def because(self, rows: Sequence[int], ordinal: int) -> list[int]:
        """Of these segments those in which an item is likelier than in the shop at large, the most telling first."""
        place = self._places.get(ordinal)
        if place is None:
            return []
        lifts = self.lift[list(rows), place]
        return [rows[at] for at in np.argsort(-lifts, kind="stable").tolist() if lifts[at] > 0]

    def arrays(self) -> tuple[dict[str, np.ndarray], str]:
        """(named arrays, a text), to be saved."""
        return {"items": self.items, "base": self.base, "lift": self.lift}, json.dumps([self.people, self.dimensions])

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], text: str) -> Segments:
        """What `arrays` gave. Raises `ArtefactError` where the parts do not fit together."""
        try:
            people, given = json.loads(text)
            dimensions = tuple((str(name), tuple(map(str, values))) for name, values in given)
            made = cls(dimensions, int(people), arrays["items"], arrays["base"], arrays["lift"])
        except (KeyError, ValueError, TypeError) as error:
            raise ArtefactError(f"The segments are damaged: {error}.", fix=_AGAIN) from error
        shapes = made.base.shape == made.items.shape and made.lift.shape == (len(made.names), len(made.items))
        kinds = made.items.dtype == np.int32 and made.base.dtype == made.lift.dtype == np.float32
        if not shapes or not kinds or int(made.items.min(initial=0)) < 0:
            raise ArtefactError("The segments are damaged.", fix=_AGAIN)
        return made


NO_SEGMENTS = Segments((), 0, np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros((0, 0), np.float32))


def value_of(column: str, text: str) -> str:
    """A value as it is looked up: numbers of age and hour as their band, of several values the first."""
    told = text.split("|", maxsplit=1)[0].strip()
    if column == AGE:
        return _banded(told, band_of_age)
    return _banded(told, part_of_day) if column == HOURS else told.casefold()


def _banded(text: str, band: Callable[[int], str]) -> str:
    try:
        return band(int(float(text)))
    except (ValueError, OverflowError):
        return text.casefold()


def band_of_age(age: int) -> str:
    """Ten years; those under 20 and from 70 together."""
    decade = min(max(age // 10 * 10, 10), 70)
    return {10: "under 20", 70: "70 or more"}.get(decade, f"{decade}-{decade + 9}")


def part_of_day(hour: int) -> str:
    """The hours that count as the same time of day."""
    start = hour % 24 // PART * PART
    return f"{start:02}-{start + PART:02}"


Moments = TypeVar("Moments", int, Int64)


def hour_of(micros: Moments) -> Moments:
    """The hour of the day, UTC."""
    return micros % DAY // HOUR
