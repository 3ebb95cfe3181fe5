"""Plots as SVG text, each with a title, a description and the same numbers as a table; for pages without scripts.

Colours come from the page (`endcap.lake.page`), so that light and dark follow the reader's system.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from zlib import crc32

from endcap.lake.page import Section, page, tiles

__all__ = [
    "Section",
    "bars",
    "heat",
    "histogram",
    "intervals",
    "line",
    "number",
    "page",
    "percent",
    "rows_table",
    "tiles",
]

WIDTH = 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 26
_HEIGHT = 220
_ROW = 26
_TABLE_ROWS = 60


def number(value: float) -> str:
    """A number as short as reads well: 1,234 · 12.3k · 4.5M · 0.0123."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= limit:
            return f"{value / (1e3 if letter == 'k' else limit):.3g}{letter}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if size >= 100 else f"{value:.3g}"


def percent(value: float) -> str:
    """A share as a percentage: 0.123 → 12.3 %."""
    return f"{100 * value:.3g} %"


def bars(
    title: str, rows: Sequence[tuple[str, float]], *, description: str = "", share: bool = False, axis: str = "value"
) -> str:
    """Horizontal bars, one per (label, value ≥ 0); `share` writes values as percentages of a full bar of 1."""
    written = percent if share else number
    top = 1.0 if share else _largest(value for _, value in rows) or 1
    label_width, value_width = 150, 58
    room = WIDTH - label_width - value_width
    marks = []
    for place, (label, value) in enumerate(rows):
        y, width = place * _ROW, room * _within(value, top) / top
        marks.append(_text(label_width - 8, y + 18, _short(label, 20), "end"))
        marks.append(f'<rect class="track" x="{label_width}" y="{y + 5}" width="{room}" height="16" rx="3"/>')
        marks.append(_rect(label_width, y + 5, width, 16, f"{label}: {written(value)}", "mark", radius=3))
        marks.append(_text(WIDTH - value_width + 8, y + 18, written(value), "start", "strong"))
    table = [(label, written(value)) for label, value in rows]
    return _figure(title, description, marks, max(len(rows), 1) * _ROW + 4, ("", axis), table)


def line(
    title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], *, description: str = "", axis: str = ""
) -> str:
    """One or a few lines over equally spaced labels (dates, cut-offs); a single one is filled below."""
    top, ticks = _scale(_largest(value for values in series.values() for value in values))
    marks = _grid(top, ticks)
    for number_of, (name, values) in enumerate(series.items()):
        places = [(place, value) for place, value in enumerate(values) if math.isfinite(value)]
        points = [(_x(place, len(values)), _y(value, top)) for place, value in places]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        if len(series) == 1 and points:
            base = _HEIGHT - _BOTTOM
            area = f"{points[0][0]:.1f},{base} {path} {points[-1][0]:.1f},{base}"
            marks.append(f'<polygon class="area" points="{area}"/>')
        marks.append(
            f'<polyline class="stroke s{number_of % 4}" points="{path}"><title>{escape(name)}</title></polyline>'
        )
    marks += [_text(_x(place, len(labels)), _HEIGHT - 8, labels[place], side) for place, side in _label_places(labels)]
    table = [(label, *(number(values[place]) for values in series.values())) for place, label in enumerate(labels)]
    legend = _legend(list(series)) if len(series) > 1 else ""
    return _figure(title, description, marks, _HEIGHT, (axis, *series), table, legend)


def histogram(
    title: str,
    edges: Sequence[str],
    counts: Sequence[float],
    *,
    description: str = "",
    axis: str = "",
    unit: str = "count",
) -> str:
    """Columns between `edges` (one more label than counts), or one column per label where they are as many."""
    top, ticks = _scale(_largest(counts))
    marks, width = _grid(top, ticks), (WIDTH - _LEFT - _RIGHT) / max(len(counts), 1)
    between = len(edges) == len(counts) + 1
    names = [f"{edges[place]} – {edges[place + 1]}" if between else edges[place] for place in range(len(counts))]
    for place, (name, value) in enumerate(zip(names, counts, strict=True)):
        height = max(_HEIGHT - _BOTTOM - _y(value, top), 1.0 if value > 0 else 0.0)
        x, y = _LEFT + place * width + 0.75, _HEIGHT - _BOTTOM - height
        marks.append(_rect(x, y, max(width - 1.5, 0.5), height, f"{name}: {number(value)}", "mark"))
    step = max(1, math.ceil(len(edges) / _room_for(edges)))
    for place in range(0, len(edges), step):
        x = _LEFT + place * width if between else _LEFT + (place + 0.5) * width
        marks.append(_text(x, _HEIGHT - 8, edges[place], "middle"))
    return _figure(
        title, description, marks, _HEIGHT, (axis, unit), [(n, number(c)) for n, c in zip(names, counts, strict=True)]
    )


def heat(
    title: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]], *, description: str = ""
) -> str:
    """A grid of cells, the darker the larger: `values[row][column]` ≥ 0."""
    top = _largest(value for line in values for value in line) or 1
    width, height = (WIDTH - _LEFT - _RIGHT) / max(len(columns), 1), 24
    marks = []
    for row, label in enumerate(rows):
        marks.append(_text(_LEFT - 8, row * height + 16, label, "end"))
        for place, name in enumerate(columns):
            value = values[row][place]
            marks.append(
                f'<rect class="cell" x="{_LEFT + place * width:.1f}" y="{row * height}" width="{width - 1.5:.1f}" '
                f'height="{height - 1.5}" rx="2" style="--heat:{100 * value / top:.0f}%">'
                f"<title>{escape(f'{label} {name}: {number(value)}')}</title></rect>"
            )
    step = max(1, math.ceil(len(columns) / 8))
    for place in range(0, len(columns), step):
        marks.append(_text(_LEFT + (place + 0.5) * width, len(rows) * height + 17, columns[place], "middle"))
    table = [(label, *(number(value) for value in values[row])) for row, label in enumerate(rows)]
    return _figure(title, description, marks, len(rows) * height + _BOTTOM, ("", *columns), table)


def intervals(
    title: str, rows: Sequence[tuple[str, float, float, float]], *, description: str = "", axis: str = "value"
) -> str:
    """A dot with its confidence interval per (label, value, low, high), on one scale that starts at zero."""
    top, ticks = _scale(_largest(high for *_, high in rows))
    left, room = 150, WIDTH - 150 - 70
    bottom = len(rows) * _ROW + 4
    marks = []
    for tick in ticks:
        x = left + room * tick / top
        marks.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>')
        marks.append(_text(x, bottom + 18, number(tick), "middle"))
    for place, (label, value, low, high) in enumerate(rows):
        y = place * _ROW + 14
        x, start, stop = (left + room * _within(part, top) / top for part in (value, low, high))
        marks.append(_text(left - 8, y + 4, _short(label, 20), "end"))
        ends = f"M{start:.1f} {y - 5}v10M{start:.1f} {y}H{stop:.1f}M{stop:.1f} {y - 5}v10"
        marks.append(f'<path class="whisker" d="{ends}"/>')
        note = escape(f"{label}: {number(value)} ({number(low)} – {number(high)})")
        marks.append(f'<circle class="mark" cx="{x:.1f}" cy="{y}" r="3.5"><title>{note}</title></circle>')
        marks.append(_text(WIDTH - 62, y + 4, f"{value:.4g}", "start", "strong"))
    table = [(label, f"{value:.4g}", f"{low:.4g}", f"{high:.4g}") for label, value, low, high in rows]
    return _figure(title, description, marks, bottom + 26, ("", axis, "low", "high"), table)


MOST_OF_A_NUMBER = 30
"""Longer cells of a table are sentences: they are broken."""
WORDY = ' class="words"'


def rows_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table; cells are escaped, all columns but the first are set as numbers."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in headers)
    body = "".join(
        f'<tr><th scope="row">{escape(str(row[0]))}</th>'
        + "".join(
            f"<td{WORDY if len(str(cell)) > MOST_OF_A_NUMBER else ''}>{escape(str(cell))}</td>" for cell in row[1:]
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _figure(
    title: str,
    description: str,
    marks: Sequence[str],
    height: float,
    headers: Sequence[str],
    table: Sequence[Sequence[str]],
    legend: str = "",
) -> str:
    drawing = "".join(marks)
    own = f"plot{crc32((title + drawing).encode()):08x}"
    more = len(table) - _TABLE_ROWS
    rest = f"<p class='muted'>and {more:,} more rows</p>" if more > 0 else ""
    caption = f"<p>{escape(description)}</p>" if description else ""
    return (
        f"<figure><figcaption><h3>{escape(title)}</h3>{caption}{legend}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="{own}t {own}d">'
        f'<title id="{own}t">{escape(title)}</title><desc id="{own}d">{escape(description or title)}</desc>'
        f"{drawing}</svg>"
        f"<details><summary>Numbers</summary>{rows_table(headers, table[:_TABLE_ROWS])}{rest}</details></figure>"
    )


def _legend(names: Sequence[str]) -> str:
    parts = (f'<span class="key k{place % 4}">{escape(name)}</span>' for place, name in enumerate(names))
    return f'<p class="legend">{" ".join(parts)}</p>'


def _grid(top: float, ticks: Sequence[float]) -> list[str]:
    marks = []
    for tick in ticks:
        y = _y(tick, top)
        marks.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        marks.append(_text(_LEFT - 6, y + 4, number(tick), "end"))
    return marks


def _scale(largest: float) -> tuple[float, list[float]]:
    """A round upper end and its ticks."""
    if largest <= 0:
        return 1.0, [0.0, 1.0]
    step = 10 ** math.floor(math.log10(largest))
    step = next(step * part for part in (0.2, 0.25, 0.5, 1, 2, 2.5) if step * part * 5 >= largest)
    ticks = [step * place for place in range(math.ceil(largest / step - 1e-9) + 1)]
    return ticks[-1], ticks


def _label_places(labels: Sequence[str]) -> list[tuple[int, str]]:
    """Which labels are written below the axis, and how each is anchored: as many as there is room for, at most 8."""
    size = len(labels)
    if size < 2:
        return [(0, "middle")][:size]
    some = min(size, _room_for(labels))
    places = sorted({round(part * (size - 1) / (some - 1)) for part in range(some)})
    return [(place, "start" if place == 0 else "end" if place == size - 1 else "middle") for place in places]


def _largest(values: Iterable[float]) -> float:
    return max((value for value in values if math.isfinite(value)), default=0.0)


def _within(value: float, top: float) -> float:
    return min(max(value, 0.0), top) if math.isfinite(value) else 0.0


def _room_for(labels: Sequence[str]) -> int:
    """How many labels fit side by side."""
    widest = max((len(label) for label in labels), default=1)
    return max(2, min((WIDTH - _LEFT - _RIGHT) // (9 * widest + 12), 9))


def _x(place: int, size: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (place / (size - 1) if size > 1 else 0.5)


def _y(value: float, top: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / top)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, note: str, kind: str, *, radius: float = 1) -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}"'
    return f'<rect class="{kind}" {size}><title>{escape(note)}</title></rect>'


def _short(label: str, size: int) -> str:
    return label if len(label) <= size else label[: size - 1] + "…"
