"""A seeded shop: everything about it that is fixed before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from endcap.errors import InputError
from endcap.simulator.catalogue import Catalogue, make_catalogue
from endcap.simulator.choice import Behaviour
from endcap.simulator.population import Population, demand, make_population
from endcap.simulator.rhythm import seasons
from endcap.simulator.streams import CATALOGUE, stream
from endcap.simulator.themes import Theme, theme
from endcap.types import DAY, Float32, Float64, Int16, Int32

UNTIL = 1_767_225_600_000_000
"""2026-01-01: when a run ends unless said otherwise."""
VISITS = 4.0
"""Visits a month of the shopper in the middle."""


@dataclass(frozen=True)
class Shop:
    """A shop of a theme and a seed; the run of `days` ends at midnight `start + days` (microseconds UTC)."""

    theme: Theme
    seed: int
    start: int
    days: int
    catalogue: Catalogue
    population: Population
    visits: float = VISITS
    behaviour: Behaviour = field(default_factory=Behaviour)

    @property
    def end(self) -> int:
        """When the run ends, microseconds UTC."""
        return self.start + self.days * DAY

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Item ids to their places in the catalogue."""
        return {name: place for place, name in enumerate(self.catalogue.ids.to_pylist())}

    @cached_property
    def demand(self) -> Float64:
        """float64 [personas, types]: what share of a persona's interest each type has."""
        return demand(self.theme, self.catalogue)

    @cached_property
    def family(self) -> Int16:
        """int16 [types]: number of each type's category, which groups related types."""
        names = [(each.department, each.category) for each in self.theme.types]
        order = list(dict.fromkeys(names))
        return np.array([order.index(name) for name in names], np.int16)

    @cached_property
    def consumable(self) -> Float64:
        """float64 [types]: days between repeat purchases, 0 for what is bought once."""
        return np.array([each.every for each in self.theme.types])

    @cached_property
    def complements(self) -> Int16:
        """int16 [types, 2]: what goes with each type; mostly of the same department, never of the same category."""
        random = stream(self.seed, CATALOGUE, 2)
        kinds = self.theme.types
        found = []
        for number, kind in enumerate(kinds):
            others = [n for n, each in enumerate(kinds) if self.family[n] != self.family[number]]
            near = [n for n in others if kinds[n].department == kind.department] or others
            first = int(random.choice(near))
            found.append((first, int(random.choice([n for n in others if n != first]))))
        return np.array(found, np.int16)

    @cached_property
    def nearby(self) -> Int16:
        """int16 [types, 8]: types of the same category (itself too) and what goes with it, repeated to fill."""
        found = []
        for number, family in enumerate(self.family):
            near = [*np.flatnonzero(self.family == family), *self.complements[number]]
            found.append([near[place % len(near)] for place in range(8)])
        return np.array(found, np.int16)

    @cached_property
    def bestsellers(self) -> tuple[Int32, ...]:
        """Places of each type's ten heaviest products at most, the heaviest first."""
        goods = self.catalogue
        found = []
        for first, last in pairwise(goods.starts.tolist()):
            order = np.argsort(-goods.weight[first:last], kind="stable")[:10]
            found.append((first + order).astype(np.int32))
        return tuple(found)

    def season(self, day: int) -> Float32:
        """float32 [types]: what the season of a day (since 1970) adds to the log of demand."""
        if day not in self._seasons:
            self._seasons[day] = seasons(self.theme, np.array([day * DAY]))[0]
        return self._seasons[day]

    @cached_property
    def _seasons(self) -> dict[int, Float32]:
        return {}


def open_shop(
    kind: str = "grocery",
    *,
    users: int = 2_000,
    items: int = 1_000,
    days: int = 90,
    seed: int = 0,
    until: int = UNTIL,
    visits: float = VISITS,
    behaviour: Behaviour | None = None,
) -> Shop:
    """A shop whose run ends at the midnight at or before `until` (microseconds UTC); equal arguments, equal shop.

    Raises `UnknownName` for a theme, `InputError` for sizes that make no shop.
    """
    found = theme(kind)
    least = len(found.types)
    if users < 1 or days < 1 or items < least or seed < 0:
        raise InputError(
            f"users={users}, items={items}, days={days}, seed={seed} make no {kind} shop.",
            fix=f"Give at least 1 user, {least} items (one of each type), 1 day, and a seed of 0 or more.",
        )
    start = until // DAY * DAY - days * DAY
    catalogue = make_catalogue(found, items, seed, start, days)
    population = make_population(found, catalogue, users, visits, (seed, start, days))
    return Shop(found, seed, start, days, catalogue, population, visits, behaviour or Behaviour())
