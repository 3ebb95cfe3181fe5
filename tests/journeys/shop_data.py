"""A small shop of three tastes, for journeys."""

import random
import time
from collections.abc import Iterator


def interactions(seed: int = 1) -> list[tuple[str, str, int, str]]:
    """Sixty shoppers with one taste each: books, tools or tea."""
    rng = random.Random(seed)
    start = int(time.time()) - 30 * 86400
    rows = []
    for user in range(60):
        for step in range(25):
            taste = user % 3 if rng.random() < 0.9 else rng.randrange(3)
            kind = "Purchase" if rng.random() < 0.3 else "View"
            rows.append((f"u{user}", f"{('book', 'tool', 'tea')[taste]}{rng.randrange(20)}", start + step * 7200, kind))
    return rows


def items() -> Iterator[tuple[str, float, str, str]]:
    """Sixty things: id, price, category, tags."""
    for kind, price in (("book", 12.0), ("tool", 40.0), ("tea", 6.0)):
        for number in range(20):
            yield f"{kind}{number}", price + number, kind, "sale|new" if number % 5 == 0 else "regular"
