"""The event log in Redis Streams: the contract, over a real Valkey that flushes what it acknowledges."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import InputError, ResourceError, StateError, UnavailableError, UnknownName
from endcap.storage import redis_server
from endcap.storage.log import Offset, Record, open_group, open_log
from endcap.storage.log.redis import RedisLog
from endcap.storage.log.redis_place import RedisPlace
from endcap.testing.logs import LogContract, record, whole
from valkeys import Valkey, forget, new_name, new_valkey


class TestRedis(LogContract):
    partitions = 8
    shared = True

    @pytest.fixture(autouse=True)
    def at(self, valkey: Valkey) -> None:
        self.server, self.name = valkey, new_name()

    def url(self, folder: Path) -> str:
        return f"{self.server.url}?name={self.name}"


class TestRedisInOnePartition(TestRedis):
    partitions = 1


@pytest.fixture
def url(valkey: Valkey) -> str:
    return f"{valkey.url}?name={new_name()}"


@contextmanager
def opened(url: str) -> Iterator[RedisLog]:
    log = open_log(url)
    assert isinstance(log, RedisLog)
    try:
        yield log
    finally:
        log.close()


def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "url", ["redis://", "redis:///0", "redis://host/zero", "redis://host:port/0", "redis://host/0?partitions=many"]
)
def test_urls_that_name_no_log(url: str) -> None:
    with pytest.raises(InputError):
        open_log(url)


def test_members_of_a_url_that_nobody_knows_are_refused_by_name() -> None:
    with pytest.raises(UnknownName, match="partition_count"):
        open_log("redis://127.0.0.1/0?partition_count=3")


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_server_that_is_not_there_is_named_without_the_password(scheme: str) -> None:
    with pytest.raises(UnavailableError) as raised:
        open_log(f"{scheme}://me:secret@127.0.0.1:1/0")
    assert f"{scheme}://127.0.0.1:1/0" in str(raised.value) and "secret" not in str(raised.value)


def test_the_number_of_partitions_comes_from_the_url_and_stays(url: str) -> None:
    with opened(f"{url}&partitions=3") as log:
        assert log.partitions == 3
    with opened(url) as log:
        assert log.partitions == 3
    with pytest.raises(StateError, match="3 partitions, not 8"):
        open_log(f"{url}&partitions=8")
    with pytest.raises(InputError, match="0 partitions"):
        open_log(url, partitions=0)


def test_logs_of_other_names_do_not_meet(url: str, valkey: Valkey) -> None:
    with opened(url) as one, opened(f"{valkey.url}?name={new_name()}") as other:
        assert one.identity != other.identity
        one.append([record("a")])
        assert sum(other.ends()) == 0 and other.append([record("a")]) != (None,)


def test_ids_of_trimmed_records_are_forgotten_when_the_url_says(url: str) -> None:
    with opened(f"{url}&remember=1&partitions=2") as log:
        log.append([record(f"r{n}") for n in range(20)])
        for partition, end in enumerate(log.ends()):
            log.trim(partition, end - 1)
        kept = {each.id for _, each in whole(log)}
        trimmed = next(f"r{n}" for n in range(20) if record(f"r{n}").id not in kept)
        assert log.append([record(trimmed)]) == (None,)

        def forgotten() -> bool:
            for partition, end in enumerate(log.ends()):
                log.trim(partition, end)  # what is new from now on is trimmed too
            return log.append([record(trimmed)])[0] is not None

        until(forgotten)
    with opened(f"{url}&remember=1000") as log:
        name = f"kept {time.monotonic()}"
        log.append([record(name)])
        for partition, end in enumerate(log.ends()):
            log.trim(partition, end)
        assert log.append([record(name)]) == (None,)


def test_what_is_not_flushed_is_said_and_what_is_forbidden_too(
    own_valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(own_valkey.url) as log:
        assert log.durability == "always" and not caplog.messages
    own_valkey.asked("CONFIG", "SET", "appendfsync", "everysec")
    own_valkey.asked("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with opened(own_valkey.url) as log:
        assert log.durability == "everysec"
    assert "appendfsync: everysec" in caplog.messages[0] and "evicts" in caplog.messages[1]
    own_valkey.asked("CONFIG", "SET", "appendonly", "no")
    with opened(own_valkey.url) as log:
        assert log.durability == "off"
    own_valkey.asked("ACL", "SETUSER", "shop", "on", ">pass", "~*", "&*", "+@all", "-config")
    with opened(own_valkey.url.replace("//", "//shop:pass@")) as log:
        assert log.durability == "unknown" and log.append([record("a")])[0]
    with pytest.raises(UnavailableError, match="user"):
        open_log(own_valkey.url.replace("//", "//shop:wrong@"))


def test_a_server_that_is_full_refuses_and_takes_again(own_valkey: Valkey) -> None:
    with opened(own_valkey.url) as log:
        log.append([record("before")])
        own_valkey.asked("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(ResourceError, match="maxmemory"):
            log.append([record("full")])
        assert log.away == "" and len(whole(log)) == 1
        own_valkey.asked("CONFIG", "SET", "maxmemory", "0")
        assert log.append([record("full"), record("before")])[1] is None and len(whole(log)) == 2


def test_a_full_queue_refuses_at_once(url: str) -> None:
    log = open_log(url, queue=10)
    held, holding = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        holding.set()
        assert held.wait(10)

    log.subscribe(hold)
    first = log.submit([record("first")])
    assert holding.wait(10)
    queued = [log.submit([record(f"{n}/{m}") for m in range(3)]) for n in range(4)]
    assert isinstance(queued[-1].exception(timeout=5), ResourceError)
    held.set()
    assert first.result(5)[0] and all(future.result(5)[0] for future in queued[:-1])
    log.close()


def test_a_server_that_was_away_is_found_again_and_nothing_is_missed(own_valkey: Valkey) -> None:
    with opened(own_valkey.url) as log, opened(own_valkey.url) as other:
        seen: list[bytes] = []
        other.subscribe(lambda rows: seen.extend(each.id for _, each in rows))
        log.append([record("before")])
        own_valkey.kill()
        with pytest.raises(UnavailableError, match="does not answer"):
            log.append([record("meanwhile")])
        assert log.away and not log.sync(5)
        with pytest.raises(UnavailableError):
            log.append([record("meanwhile")])
        own_valkey.start()
        until(lambda: not log.away and not other.away)
        assert log.append([record("before"), record("meanwhile")])[0] is None
        assert other.sync(10) and {record("before").id, record("meanwhile").id} == set(seen)


def test_a_server_that_hangs_is_given_up_in_time(own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "ANSWER_SECONDS", 0.3)
    with opened(own_valkey.url) as log:
        log.append([record("before")])
        own_valkey.pause()
        waiting = log.submit([record("during")])
        assert not log.sync(0.02), "whoever waits for others gives up when it wants to"
        assert isinstance(waiting.exception(timeout=10), UnavailableError) and log.away
        own_valkey.go_on()
        until(lambda: not log.away)
        log.append([record("during")])
        assert [each.id for _, each in whole(log)].count(record("during").id) == 1


def test_another_log_at_the_same_place_is_not_taken_for_the_one_opened(own_valkey: Valkey) -> None:
    with opened(own_valkey.url) as log:
        log.append([record("a")])
        own_valkey.asked("FLUSHALL")
        with pytest.raises(UnavailableError, match="another log"):
            log.append([record("b")])
        with opened(own_valkey.url) as anew:
            assert anew.identity != log.identity and anew.append([record("a")])[0]
        assert not log.sync(0.1) and "another log" in log.away


def test_offsets_that_a_server_lost_are_not_given_again(caplog: pytest.LogCaptureFixture) -> None:
    server = new_valkey(appendonly="no")
    try:
        with opened(f"{server.url}?partitions=1") as log:
            log.append([record(f"r{n}") for n in range(5)])
            server.asked("SAVE")
            log.append([record("lost")])
            server.restart()
            # It may be back before this test looks, so the log tells that it was away.
            until(lambda: "answers again" in caplog.text)
            assert log.append([record("new")]) == (Offset(0, 7),) and log.sync(10)
            assert [offset.n for offset, _ in whole(log)] == [1, 2, 3, 4, 5, 7]
    finally:
        forget(server)


def test_what_was_trimmed_before_it_was_told_is_counted(url: str) -> None:
    with opened(f"{url}&partitions=1") as log, opened(url) as other:
        held, holding = threading.Event(), threading.Event()

        def hold(_: object) -> None:
            holding.set()
            assert held.wait(10)

        other.subscribe(hold)
        log.append([record("first")])
        assert holding.wait(10)
        log.append([record(f"r{n}") for n in range(10)])
        log.trim(0, 8)
        held.set()
        assert other.sync(10) and other.missed == 7 and other.told == (11,) and log.missed == 0


def test_a_record_that_cannot_be_read_holds_up_nothing(own_valkey: Valkey) -> None:
    with opened(f"{own_valkey.url}?partitions=1") as log:
        told: list[Record] = []
        log.subscribe(lambda rows: told.extend(each for _, each in rows))
        log.append([record("before")])
        for n, shop in ((2, "000000000000\0us-east-1\0corner-shop"), (3, "no shop")):
            own_valkey.asked("XADD", "{endcap:log}:p0", f"{n}-0", shop, "garbage")
            own_valkey.asked("HSET", "{endcap:log}:ends", "0", f"{n}")
        assert log.append([record("after")]) == (Offset(0, 4),)
        assert [each.payload for each in told] == [b"{}", b"garbage", b"garbage", b"{}"]
        assert [each for _, each in whole(log)] == told


def test_a_group_shares_work_and_takes_over_what_is_left_undone(url: str) -> None:
    with pytest.raises(StateError, match="no log"):
        open_group(url, "mail", "one")
    with opened(url) as log:
        assert log.lags() == {}
        log.append([record(f"r{n}") for n in range(100)])
        one, other = (open_group(url, "mail", name, idle=0.2) for name in ("one", "other"))
        assert log.lags() == {"mail": 100}
        mine, theirs = one.take(3), other.take(1_000)
        assert {each.id for _, each in mine + theirs} == {record(f"r{n}").id for n in range(100)}
        assert len(mine) + len(theirs) == 100 and log.lags() == {"mail": 100}
        other.done([offset for offset, _ in theirs])
        assert log.lags() == {"mail": len(mine)}
        again: list[tuple[Offset, Record]] = []
        until(lambda: again.extend(other.take(1_000, 0.01)) or len(again) == len(mine))
        assert sorted(again) == sorted(mine)
        other.done([offset for offset, _ in again])
        assert log.lags() == {"mail": 0} and other.take(seconds=0.01) == []
        open_group(url, "audit", "one").close()
        assert log.lags() == {"mail": 0, "audit": 100}
        one.close()
        other.close()


def test_a_log_in_a_file_has_no_groups(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="redis"):
        open_group(f"sqlite:///{tmp_path}/log.db", "mail", "one")


def test_an_answer_that_nobody_understands_ends_no_thread(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(url)
    odd = [ValueError("no number")]

    def append(self: RedisPlace, *given: Any) -> Any:
        if odd:
            raise odd.pop()
        return known(self, *given)

    known = RedisPlace.append
    monkeypatch.setattr(RedisPlace, "append", append)
    with pytest.raises(UnavailableError, match="nobody understands"):
        log.append([record("a")])
    until(lambda: not log.away)
    assert log.append([record("a")])[0]
    log.close()
