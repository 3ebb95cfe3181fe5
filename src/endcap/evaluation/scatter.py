"""One plot of points with names: two numbers of each recipe against each other. SVG text for pages without scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from zlib import crc32

from endcap.lake.plots import number, rows_table

WIDTH, HEIGHT = 480, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 24, 14, 44
LINE = 15


def scatter(
    title: str, points: Sequence[tuple[str, float, float]], *, across: str, up: str, description: str = ""
) -> str:
    """A named dot per (label, x ≥ 0, y ≥ 0), both axes from zero; labels move up or down so that none overlap."""
    right = _round_end(max((x for _, x, _ in points), default=0.0))
    top = _round_end(max((y for _, _, y in points), default=0.0))
    placed = [(label, *_place(x / right, y / top)) for label, x, y in points]
    marks = [*_frame(right, top, across, up)]
    for (label, x, y), (_, first, second) in zip(placed, points, strict=True):
        note = escape(f"{label}: {across} {number(first)}, {up} {number(second)}")
        marks.append(f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{note}</title></circle>')
    for place, x, y, anchor in _labels(placed):
        label, dot_x, dot_y = placed[place]
        if y > dot_y + 5:
            marks.append(f'<line class="whisker" x1="{dot_x:.1f}" x2="{x:.1f}" y1="{dot_y:.1f}" y2="{y - 4:.1f}"/>')
        marks.append(_text(x, y, label, anchor, "strong"))
    table = [(label, number(x), number(y)) for label, x, y in points]
    return _figure(title, description, "".join(marks), rows_table(("", across, up), table))


def _round_end(largest: float) -> float:
    """The end of an axis, with some air, so that its quarters are round numbers."""
    if largest <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(1.05 * largest))
    return float(next(unit * part for part in (1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if unit * part >= 1.05 * largest))


def _place(x: float, y: float) -> tuple[float, float]:
    return LEFT + (WIDTH - LEFT - RIGHT) * x, TOP + (HEIGHT - TOP - BOTTOM) * (1 - y)


def _frame(right: float, top: float, across: str, up: str) -> list[str]:
    marks = []
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _place(part, part)
        base = HEIGHT - BOTTOM
        marks.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        marks.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{base}"/>')
        marks.append(_text(LEFT - 6, y + 4, f"{part * top:.3g}", "end"))
        marks.append(_text(x, base + 17, f"{part * right:.3g}", "middle"))
    marks.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, f"{across} →", "middle"))
    marks.append(_text(LEFT + 6, TOP + 12, f"↑ {up}", "start"))
    return marks


def _labels(placed: Sequence[tuple[str, float, float]]) -> list[tuple[int, float, float, str]]:
    """Where each label goes, by its place in the points: beside its dot, or lower and further out where one is there.

    Never on another dot either.
    """
    taken = [(x - 6, x + 6, y + 4) for _, x, y in placed]
    found = []
    for place in sorted(range(len(placed)), key=lambda each: placed[each][2]):
        label, x, y = placed[place]
        width = 7.2 * len(label)
        left = x + 9 + width > WIDTH
        gap, height = 9.0, y + 4
        while _overlaps(start := x - gap - width if left else x + gap, width, height, taken):
            gap, height = 22.0, height + LINE
        taken.append((start, start + width, height))
        found.append((place, x - gap if left else x + gap, height, "end" if left else "start"))
    return found


def _overlaps(start: float, width: float, height: float, taken: Sequence[tuple[float, float, float]]) -> bool:
    return any(start < end and begin < start + width and abs(height - other) < LINE for begin, end, other in taken)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _figure(title: str, description: str, drawing: str, table: str) -> str:
    own = f"scatter{crc32((title + drawing).encode()):08x}"
    return (
        f"<figure><figcaption><h3>{escape(title)}</h3><p>{escape(description)}</p></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{own}t {own}d">'
        f'<title id="{own}t">{escape(title)}</title><desc id="{own}d">{escape(description or title)}</desc>'
        f"{drawing}</svg><details><summary>Numbers</summary>{table}</details></figure>"
    )
