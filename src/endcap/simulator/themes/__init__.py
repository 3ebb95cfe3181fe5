"""Kinds of shops: word lists of what they sell, and the personas that shop there.

A line of TYPES: `department > category > product type | median price | days between repeat purchases, 0 for none |
season as month+amplitude, - for none | variants | sizes`. Of STYLES: `name | words | factor on the price`.
Of PERSONAS: `name | department:factor, … | ages | share of women | price sensitivity | liked price, in log units around
the median | styles | rhythm of the day | activity`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from endcap.errors import UnknownName
from endcap.simulator.themes import electronics, fashion, grocery, home

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class ProductType:
    """One kind of product: `every` days between repeat purchases (0: bought once), season peaking in `peak` (0-11)."""

    department: str
    category: str
    name: str
    price: float
    every: float
    peak: int
    amplitude: float
    variants: tuple[str, ...]
    sizes: tuple[str, ...]


@dataclass(frozen=True)
class Style:
    """A direction of taste that runs through all product types, seen in the title's first word and in the price."""

    name: str
    words: tuple[str, ...]
    price: float


@dataclass(frozen=True)
class Persona:
    """A kind of shopper; factors on departments not named are 1."""

    name: str
    departments: Mapping[str, float]
    ages: tuple[int, int]
    women: float
    sensitivity: float
    liked_price: float
    styles: tuple[str, ...]
    rhythm: str
    activity: float


@dataclass(frozen=True)
class Theme:
    """A kind of shop. `exponent` and `shift` are Zipf–Mandelbrot's a and q of item popularity (see the guide)."""

    name: str
    types: tuple[ProductType, ...]
    styles: tuple[Style, ...]
    brands: tuple[str, ...]
    personas: tuple[Persona, ...]
    exponent: float
    shift: float
    margin: tuple[float, float]
    returns: float
    """Share of purchases that come back."""
    in_store: float
    """Share of repeat purchases made in a branch, without a visit to the site."""


_SOURCES: Mapping[str, tuple[ModuleType, float, float, tuple[float, float], float, float]] = {
    "grocery": (grocery, 1.0, 50.0, (0.12, 0.38), 0.01, 0.25),
    "fashion": (fashion, 0.8, 100.0, (0.40, 0.68), 0.22, 0.0),
    "home": (home, 0.8, 80.0, (0.30, 0.58), 0.07, 0.05),
    "electronics": (electronics, 0.75, 100.0, (0.06, 0.32), 0.06, 0.05),
}
THEMES: tuple[str, ...] = tuple(_SOURCES)


@cache
def theme(name: str) -> Theme:
    """The theme of a name. Raises `UnknownName`, listing those that exist."""
    if name not in _SOURCES:
        raise UnknownName("theme", name, THEMES)
    source, exponent, shift, margin, returns, in_store = _SOURCES[name]
    return Theme(
        name,
        tuple(_type(cells) for cells in _rows(source.TYPES)),
        tuple(Style(cells[0], _words(cells[1]), float(cells[2])) for cells in _rows(source.STYLES)),
        _words(source.BRANDS),
        tuple(_persona(cells) for cells in _rows(source.PERSONAS)),
        exponent,
        shift,
        margin,
        returns,
        in_store,
    )


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _sizes(text: str) -> tuple[str, ...]:
    """Sizes; a comma followed by three digits belongs to the number."""
    words: list[str] = []
    for part in text.split(","):
        if words and words[-1][-1:].isdigit() and re.match(r"\d{3}(?!\d)", part):
            words[-1] += "," + part
        else:
            words.append(part.strip())
    return tuple(words)


def _type(cells: list[str]) -> ProductType:
    department, category, name = (part.strip() for part in cells[0].split(">"))
    month, _, amplitude = cells[3].partition("+")
    peak = MONTHS.index(month) if amplitude else 0
    return ProductType(
        department,
        category,
        name,
        float(cells[1]),
        float(cells[2]),
        peak,
        float(amplitude or 0),
        _words(cells[4]),
        _sizes(cells[5]),
    )


def _persona(cells: list[str]) -> Persona:
    factors = {name: float(factor) for name, _, factor in (each.rpartition(":") for each in _words(cells[1]))}
    first, _, last = cells[2].partition("-")
    return Persona(
        cells[0],
        factors,
        (int(first), int(last)),
        float(cells[3]),
        float(cells[4]),
        float(cells[5]),
        _words(cells[6]),
        cells[7],
        float(cells[8]),
    )
