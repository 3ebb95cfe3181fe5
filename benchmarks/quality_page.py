"""benchmarks/QUALITY.md: how right the answers are, by task, each row beside what is published and a simple floor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]

TASKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Shuffled histories: the control", ("control", "shuffled")),
    ("Defaults beside tuned, and every recipe on both shops", ("default", "tuned", "every recipe")),
    ("Related items: the rest of a basket", ("basket", "related", "bought together", "also viewed", "semantic")),
    ("Search", ("search",)),
    ("Segments and actions", ("segment", "affinity", "action")),
    ("Knowledge", ("knowledge", "buy it again", "buy-it-again", "signals")),
    ("Personal top-N: Gowalla", ("gowalla",)),
    ("Next item, short histories: Beauty", ("beauty",)),
    ("Next item, long histories: ML-1M", ("ml-1m",)),
    ("Anonymous sessions: Diginetica", ("diginetica",)),
    ("Clicks: Frappe", ("frappe",)),
    ("Quantities and ratings: factorization machines", ("fm", "factorization", "rmse")),
    ("A shop over time: Online Retail II", ("online retail",)),
    ("A shop over time: Complete Journey", ("complete journey",)),
)
"""Heading → words of a row's name that put it there, the first heading that matches; the rest comes under More."""
MORE = "More"
ORDER = (
    "Personal top-N: Gowalla",
    "Next item, short histories: Beauty",
    "Next item, long histories: ML-1M",
    "Anonymous sessions: Diginetica",
    "Clicks: Frappe",
    "A shop over time: Online Retail II",
    "A shop over time: Complete Journey",
)
"""Headings that come first; the others follow as `TASKS` has them."""
COLUMNS = (
    "row",
    "measured (95 % interval)",
    "must",
    "aim or best known",
    "floor",
    "verdict",
    "protocol",
    "command",
    "seed",
    "date",
)
HEAD = """# Quality

Written by `python benchmarks/run.py` from `results.json`, which also holds settings, times and notes of each row. Every
number ranks the whole catalogue, with a 95 % bootstrap interval over users, sessions, orders or rows. The floor is what
a simpler method gets by the same protocol; *beaten* means that it lies below the whole interval (above, where lower is
better). *Low end* beside a must says that the low end of the interval has to reach it, not the value alone. The
docstring of each script tells its protocol in full.
"""


def task_of(row: Row) -> str:
    """The heading that a row stands under: its own `task`, or by its name."""
    if row.get("task"):
        return str(row["task"])
    name = str(row["row"]).lower()
    return next((heading for heading, words in TASKS if any(word in name for word in words)), MORE)


def page(rows: Iterable[Row], verdict: Callable[[dict[str, Any]], str]) -> str:
    """The page as Markdown."""
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        tasks.setdefault(task_of(row), []).append(row)
    known = [*ORDER, *(heading for heading, _ in TASKS if heading not in ORDER)]
    headings = [*known, *(heading for heading in tasks if heading not in known and heading != MORE), MORE]
    parts = [HEAD]
    for heading in headings:
        if heading in tasks:
            lines = [_line(row, verdict(dict(row))) for row in tasks[heading]]
            parts.append("\n".join([f"\n## {heading}\n", _cells(COLUMNS), _cells(["---"] * len(COLUMNS)), *lines, ""]))
    machines = sorted({str(row["machine"]) for found in tasks.values() for row in found if "machine" in row})
    return "".join(parts) + "\nMachine: " + "; ".join(machines) + "\n"


def _line(row: Row, verdict: str) -> str:
    detail = row["detail"] if isinstance(row.get("detail"), dict) else {}
    interval = f" ({_bound(row['low'])} … {_bound(row['high'])})" if _has_interval(row) else ""
    return _cells(
        (
            str(row["row"]),
            f"{row['measured']:.4g}{interval}",
            mark(row, "must"),
            mark(row, "aim"),
            _floors(row, detail.get("floor")),
            verdict,
            str(detail.get("protocol", "–")),
            f"`{row['command']}`",
            str(row.get("seed", detail.get("seed", 0))),
            str(row["date"]),
        )
    )


def mark(row: Row, name: str) -> str:
    """What a row has to reach: its `must` or `aim`, and whether with the low end of its interval."""
    if row.get(name) is None:
        return "–"
    return f"{'≤' if row.get('better') == 'lower' else '≥'} {row[name]}{', low end' if row.get('by') == 'low' else ''}"


def _floors(row: Row, floor: Any) -> str:
    """Each simpler method with its value, and whether it is beaten outside the interval."""
    if isinstance(floor, (int, float)):
        floor = {"": floor}
    if not isinstance(floor, Mapping) or not floor:
        return "–"
    values = {name: each["value"] if isinstance(each, Mapping) else each for name, each in floor.items()}
    return "; ".join(f"{name} {value:.4g} ({_against(row, value)})".strip() for name, value in values.items())


def _against(row: Row, floor: float) -> str:
    lower = row.get("better") == "lower"
    low, high = (row["low"], row["high"]) if _has_interval(row) else (row["measured"], row["measured"])
    if floor > high if lower else floor < low:
        return "beaten"
    return "not beaten" if (floor < low if lower else floor > high) else "level"


def _has_interval(row: Row) -> bool:
    return row.get("low") is not None and row.get("high") is not None


def _bound(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.4g}"


def _cells(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "∣") for cell in cells) + " |"
