import time

import pytest

from endcap.errors import InputError, ResourceError, UnavailableError, UnknownName
from endcap.seams import Clock
from endcap.storage import redis_server
from endcap.storage.log import open_log
from endcap.storage.state import Bounds, StateStore, open_state
from endcap.testing.logs import record, whole
from endcap.testing.states import BoundedStateContract, StateContract
from valkeys import Valkey, new_name


class TestMemory(BoundedStateContract):
    def open(self, bounds: Bounds, clock: Clock) -> StateStore:
        return open_state("memory:", bounds=bounds, clock=clock)


class TestRedis(StateContract):
    @pytest.fixture(autouse=True)
    def at(self, valkey: Valkey) -> None:
        self.server = valkey

    def open(self, bounds: Bounds, clock: Clock) -> StateStore:
        return open_state(f"{self.server.url}?name={new_name()}", bounds=bounds, clock=clock)


@pytest.mark.parametrize("url", ["memcached://host", "sqlite:///file"])
def test_unknown_schemes_are_refused_by_name(url: str) -> None:
    with pytest.raises(UnknownName, match=url.partition(":")[0]):
        open_state(url)


@pytest.mark.parametrize("url", ["redis:///0", "redis://host/zero", "redis://host:port/0", "redis://host/0?name=a*"])
def test_urls_that_name_no_state(url: str) -> None:
    with pytest.raises(InputError):
        open_state(url)


def test_the_server_removes_what_is_old_by_itself(valkey: Valkey) -> None:
    name = new_name()
    state = open_state(f"{valkey.url}?name={name}", bounds=Bounds(age=3_600_000_000))
    state.put("a", b"1")
    state.put("b", b"2", until=time.time_ns() // 1000 + 60_000_000)
    left = {key: int(valkey.asked("PTTL", f"endcap:{name}:{key}")[1:]) / 1000 for key in "ab"}
    assert 3_500 < left["a"] <= 3_661 and 60 < left["b"] <= 121


def test_a_full_server_lets_the_longest_unwritten_go_and_nothing_of_the_log(own_valkey: Valkey) -> None:
    log = open_log(own_valkey.url)
    log.append([record(f"r{n}", payload=bytes(1_000)) for n in range(500)])
    state = open_state(own_valkey.url)
    for setting in (("maxmemory-policy", "volatile-ttl"), ("maxmemory-samples", "64"), ("maxmemory", "8000000")):
        own_valkey.asked("CONFIG", "SET", *setting)
    for start in range(0, 20_000, 500):
        state.put_many({f"user/{n}": bytes(1_000) for n in range(start, start + 500)})
        time.sleep(0.002)  # the server counts ages in milliseconds
    found = state.get_many([f"user/{n}" for n in range(20_000)])
    held = [n for n, value in enumerate(found) if value is not None]
    assert 500 < len(held) < 15_000 and held[-1] == 19_999
    assert sum(held) / len(held) > 15_000, "mostly the newest, by sampling"
    assert len(whole(log)) == 500 and log.append([record("r0")]) == (None,)
    own_valkey.asked("CONFIG", "SET", "maxmemory-policy", "noeviction")
    own_valkey.asked("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(ResourceError):
        state.put("a", b"1")
    log.close()


def test_a_server_that_is_gone_or_hangs_is_said_at_once(own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "ANSWER_SECONDS", 0.2)
    state = open_state(own_valkey.url)
    state.put("a", b"1")
    own_valkey.pause()
    for ask in (lambda: state.get("a"), lambda: state.put("a", b"2"), lambda: state.delete("a"), lambda: len(state)):
        with pytest.raises(UnavailableError, match="does not answer"):
            ask()
    own_valkey.kill()
    with pytest.raises(UnavailableError):
        state.get_many(["a"])
    own_valkey.start()
    assert state.get("a") in (b"1", b"2")
