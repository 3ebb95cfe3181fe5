"""Declared windows: events a second through the fold, in blocks and one by one, beside a plain dict of deques.

    .venv-bench/bin/python benchmarks/windows.py

The peer does what one writes first for "the sum of the last two minutes per user": a deque of (time, weight) a key. It
knows no late, repeated or unordered events.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict, deque

import numpy as np

from endcap.stream.windows import Block, Window, Windows
from endcap.types import DAY, MINUTE

EVENTS, KEYS, SEED = 1_000_000, 50_000, 1
SINGLE, ASKED = 20_000, 500


def drawn() -> Block:
    """Thirty days of events, users of lognormal activity."""
    random = np.random.Generator(np.random.PCG64(SEED))
    share = random.lognormal(0.0, 1.2, KEYS)
    key = random.choice(KEYS, EVENTS, p=share / share.sum()).astype(np.int64)
    moment = np.sort(random.integers(0, 30 * DAY, EVENTS)) + 20_000 * DAY
    other, kind = random.integers(1, 5_000, EVENTS), random.integers(0, 4, EVENTS).astype(np.int16)
    return Block(key, moment, np.arange(1, EVENTS + 1), other, kind)


def made(window: Window) -> Windows:
    """Sums of four event types."""
    return Windows(window, "sum", np.array([1.0, 2.0, 1.0, 2.0]))


def folded(window: Window, events: Block) -> float:
    """Nanoseconds an event, all in one block."""
    windows = made(window)
    begin = time.perf_counter()
    windows.fold(events)
    return (time.perf_counter() - begin) / len(events.key) * 1e9


def singly(events: Block) -> float:
    """Nanoseconds an event, one by one, as live."""
    windows = made(Window("stagger", 2 * MINUTE))
    blocks = [events.rows(slice(place, place + 1)) for place in range(SINGLE)]
    begin = time.perf_counter()
    for block in blocks:
        windows.fold(block, int(block.time[0]))
    return (time.perf_counter() - begin) / SINGLE * 1e9


def plainly(events: Block) -> float:
    """Nanoseconds an event of the peer."""
    held: dict[int, deque[tuple[int, float]]] = defaultdict(deque)
    sums: dict[int, float] = defaultdict(float)
    weights = [1.0, 2.0, 1.0, 2.0]
    rows = list(zip(events.key.tolist(), events.time.tolist(), events.kind.tolist(), strict=True))
    begin = time.perf_counter()
    for key, moment, kind in rows:
        mine = held[key]
        while mine and mine[0][0] <= moment - 2 * MINUTE:
            sums[key] -= mine.popleft()[1]
        mine.append((moment, weights[kind]))
        sums[key] += weights[kind]
    return (time.perf_counter() - begin) / len(rows) * 1e9


def asked(events: Block) -> float:
    """Microseconds for the values of 500 keys."""
    windows = made(Window("stagger", 2 * MINUTE))
    windows.fold(events)
    keys, now = events.key[-ASKED:], np.full(ASKED, int(events.time[-1]))
    windows.values(keys, now)
    begin = time.perf_counter()
    for _ in range(100):
        windows.values(keys, now)
    return (time.perf_counter() - begin) / 100 * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="alternating runs; medians are reported")
    runs = parser.parse_args().runs
    events = drawn()
    stagger, panes = Window("stagger", 2 * MINUTE), Window("sliding", 7 * DAY, DAY // 4, panes=True)
    by_item = events._replace(key=events.other)
    folded(stagger, events.rows(slice(0, 1_000)))  # compiled, or read from the cache
    folded(panes, by_item.rows(slice(0, 1_000)))
    told = [
        (folded(stagger, events), plainly(events), folded(panes, by_item), singly(events), asked(events))
        for _ in range(runs)
    ]
    block, plain, hot, single, values = (statistics.median(column) for column in zip(*told, strict=True))
    detail = {"block ns": block, "deques ns": plain, "panes ns": hot, "single ns": single, "values 500 µs": values}
    row = {
        "row": "windows: events through stagger windows in a block, against a dict of deques",
        "must": 1.0,
        "aim": 3.0,
        "measured": round(plain / block, 2),
        "unit": "times as fast",
        "seed": SEED,
        "detail": {name: round(value, 1) for name, value in detail.items()},
        "runs": [[round(value, 1) for value in each] for each in told],
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
