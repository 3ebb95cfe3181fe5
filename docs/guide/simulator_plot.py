"""Draw `simulator.svg`: a simulated grocer's hours of the day and popularity, counted and as told by its truth.

python docs/guide/simulator_plot.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from endcap.simulator import Shop, history, open_shop
from endcap.simulator.rhythm import hours
from endcap.types import HOUR, Float64

WIDTH, HEIGHT, GAP, EDGE = 340, 220, 60, 40
INK, TOLD, COUNTED = "#475569", "#94a3b8", "#2563eb"


def path(x: Float64, y: Float64, left: int, colour: str, dashes: str = "") -> str:
    """A line through points given as shares of the panel."""
    points = " ".join(f"{left + a * WIDTH:.0f},{EDGE + (1 - b) * HEIGHT:.0f}" for a, b in zip(x, y, strict=True))
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dashed} points="{points}"/>'


def panel(left: int, title: str, below: tuple[str, str, str]) -> list[str]:
    """The frame of one plot, with its title and the words at the start, middle and end of its axis."""
    bottom = EDGE + HEIGHT
    frame = f'<path d="M{left},{EDGE} V{bottom} H{left + WIDTH}" fill="none" stroke="{TOLD}"/>'
    words = [f'<text x="{left}" y="{EDGE - 14}" font-weight="600">{title}</text>']
    for share, anchor, text in zip((0, 0.5, 1), ("start", "middle", "end"), below, strict=True):
        words.append(f'<text x="{left + share * WIDTH:.0f}" y="{bottom + 18}" text-anchor="{anchor}">{text}</text>')
    return [frame, *words]


def rhythm(shop: Shop, started: np.ndarray) -> tuple[Float64, Float64]:
    """(counted, told): share of visits in each hour."""
    counted = np.bincount(started // HOUR % 24, minlength=24) / len(started)
    people = shop.population
    weights = np.bincount(people.persona, people.visits, len(shop.theme.personas))
    told = sum(weight * hours(each.rhythm) for weight, each in zip(weights, shop.theme.personas, strict=True))
    return counted, np.asarray(told) / np.sum(told)


PICTURE = Path(__file__).with_name("simulator.svg")


def main(target: Path = PICTURE) -> None:
    """Write the picture."""
    shop = open_shop("grocery", users=3_000, items=1_000, days=60, seed=7)
    rows = history(shop).interactions
    lists = rows.filter(pc.equal(rows["event_type"], "Impression"))
    starts = lists.group_by("session_id").aggregate([("timestamp", "min")])["timestamp_min"].to_numpy()
    counted, told = rhythm(shop, starts)
    shown = pc.value_counts(pc.list_flatten(pc.split_pattern(lists["impression"], "|")))
    seen = np.sort(shown.field("counts").to_numpy())[::-1]
    rank = np.arange(1, len(seen) + 1)
    law = (rank + shop.theme.shift) ** -shop.theme.exponent
    law *= seen.sum() / law.sum()
    right = EDGE + WIDTH + GAP
    lines = panel(EDGE, "Visits by hour (UTC)", ("0", "12", "23"))
    hour, high = np.arange(24) / 23, max(counted.max(), told.max()) * 1.05
    lines += [path(hour, told / high, EDGE, TOLD, "5 4"), path(hour, counted / high, EDGE, COUNTED)]
    lines += panel(right, "Times shown by rank of the product (log, log)", ("1", "", f"{len(seen):,}"))
    across, top, low = np.log(rank) / np.log(len(rank)), np.log(seen.max() * 1.3), np.log(max(seen.min(), 1))
    few = np.unique(np.geomspace(1, len(rank), 60).astype(int)) - 1
    for values, colour, dashes in ((law, TOLD, "5 4"), (seen, COUNTED, "")):
        lines.append(path(across[few], np.clip((np.log(values[few]) - low) / (top - low), 0, 1), right, colour, dashes))
    whole = (right + WIDTH + EDGE, EDGE + HEIGHT + 50)
    key = f'<text x="{EDGE}" y="{whole[1] - 8}">solid: counted in the history · dashed: told by the truth</text>'
    style = f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole[0]} {whole[1]}" {style}>'
    target.write_text("\n".join([head, *lines, key, "</svg>"]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
