from __future__ import annotations

import asyncio

import pytest

from endcap.api.known import SECONDS, Known
from endcap.errors import UnavailableError, UnknownName


class Registry:
    def __init__(self) -> None:
        self.now, self.reads = 0.0, 0
        self.rows = {"a": 1}
        self.away = False

    def read(self, key: str) -> int:
        self.reads += 1
        if self.away:
            raise UnavailableError("away")
        if key not in self.rows:
            raise UnknownName("row", key, self.rows)
        return self.rows[key]

    def get(self, known: Known[str, int], key: str = "a") -> int:
        return asyncio.run(known.get(key))


def test_kept_for_a_moment_then_read_again() -> None:
    registry = Registry()
    known = Known(registry.read, tick=lambda: registry.now)
    assert [registry.get(known) for _ in range(3)] == [1, 1, 1] and registry.reads == 1
    registry.rows["a"] = 2
    assert registry.get(known) == 1
    registry.now += SECONDS
    assert registry.get(known) == 2
    del registry.rows["a"]
    registry.now += SECONDS
    for _ in range(2):
        with pytest.raises(UnknownName):
            registry.get(known)


def test_a_database_that_is_away_makes_it_staler_not_wrong() -> None:
    registry = Registry()
    known = Known(registry.read, tick=lambda: registry.now)
    assert registry.get(known) == 1
    registry.away = True
    registry.now += SECONDS
    assert registry.get(known) == 1
    with pytest.raises(UnavailableError):
        registry.get(known, "b")
