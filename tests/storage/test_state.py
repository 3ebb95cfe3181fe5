import pytest

from endcap.errors import UnknownName
from endcap.seams import Clock
from endcap.storage.state import Bounds, StateStore, open_state
from endcap.testing.states import StateContract


class TestMemory(StateContract):
    def open(self, bounds: Bounds, clock: Clock) -> StateStore:
        return open_state("memory:", bounds=bounds, clock=clock)


def test_unknown_schemes_are_refused_by_name() -> None:
    with pytest.raises(UnknownName, match="memcached"):
        open_state("memcached://host")
