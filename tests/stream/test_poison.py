"""What cannot be read is set aside once, whatever is killed or run again, and holds up nobody."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from streams import OTHER, SHOP

from endcap.lake.tables import Lake
from endcap.storage.log import Log, Offset, Record, open_log
from endcap.stream.collect import decision_record, event_record
from endcap.stream.live import Live
from endcap.stream.poison import Poison, PoisonStore
from endcap.stream.records import Decision, Event
from endcap.stream.replay import Feed
from endcap.stream.sink import sink
from endcap.types import ShopKey


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = open_log(f"sqlite:///{tmp_path}/log.db")
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> PoisonStore:
    return PoisonStore(tmp_path / "rejects" / "log")


def event(number: int, shop: ShopKey = SHOP) -> Record:
    given = Event(event_id=f"e{number}", event_type="View", time=number, item_id=f"i{number}", user_id="u")
    return event_record(shop, given)


def with_payload(number: int, payload: bytes) -> Record:
    return event(number)._replace(payload=payload)


NO_TIME = msgspec.msgpack.encode({"event_id": "x", "event_type": "View", "time": 2**63, "item_id": "i", "user_id": "u"})
UNREADABLE = (b"\xc1", b"", b"\x81", b"\xa2\xff\xfe", msgspec.msgpack.encode({"event_id": 7}), NO_TIME)


def test_every_unreadable_record_is_set_aside_and_told_with_its_reason(
    log: Log, store: PoisonStore, tmp_path: Path
) -> None:
    feed: Feed[Live] = Feed(log)
    live = feed.add(SHOP, Live(SHOP))
    given = [event(1), *(with_payload(10 + n, payload) for n, payload in enumerate(UNREADABLE)), event(2)]
    log.append(given)
    assert live.recent("u").items == ("i1", "i2") and live.poisoned == len(UNREADABLE)
    assert feed.newest() == [live] and feed.poisoned == 0
    report = sink(log, Lake(tmp_path / "lake"), poison=store)
    assert report.poisoned == len(UNREADABLE) and report.rows["interactions"] == 2 and report.upto == {0: len(given)}
    found = store.read(log.identity)
    assert [each.n for each in found] == list(range(2, 2 + len(UNREADABLE)))
    assert [base64.b64decode(each.payload) for each in found] == list(UNREADABLE)
    assert all(each.reason and each.shop == SHOP.group and each.kind == "event" for each in found)


def test_a_record_of_which_no_row_can_be_made_holds_up_neither_its_shop_nor_others(
    log: Log, store: PoisonStore, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "lake")

    def answer(number: int, generation: int) -> Record:
        given = {"operation": "recommendations", "target": "t", "variant": "v", "version": "x", "recipe": "r"}
        return decision_record(SHOP, Decision(id=f"RID-{number}", time=number, generation=generation, **given))

    log.append([answer(1, 1), answer(2, 2**63), answer(3, 3), event(4, OTHER)])
    report = sink(log, lake, poison=store)
    assert report.failures == {} and report.poisoned == 1 and report.upto == {0: 4}
    assert sorted(lake.read(SHOP, "decisions")["recommendation_id"].to_pylist()) == ["RID-1", "RID-3"]
    assert lake.read(OTHER, "interactions").num_rows == 1
    (poison,) = store.read(log.identity)
    assert poison.n == 2 and poison.kind == "decision" and "Overflow" in poison.reason
    again = sink(log, lake, poison=store, since={0: 0})
    assert sum(again.rows.values()) == 0 and len(store.read(log.identity)) == 1, "again is nothing twice"
    assert lake.places.sunk(log.identity) == {0: 4}


def test_since_begins_earlier_and_never_later(log: Log, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    log.append([event(1), event(2), event(3)])
    report = sink(log, lake, since={0: 2})
    assert report.rows["interactions"] == 3, "what was never sunk is not passed over"


def test_a_line_that_a_crash_cut_off_is_written_again(store: PoisonStore) -> None:
    found = [Poison.of(Offset(0, n), event(n), ValueError("no")) for n in range(1, 4)]
    store.add("log", found[:2])
    path = store.path("log")
    path.write_bytes(path.read_bytes()[:-7])
    assert store.read("log") == found[:1]
    store.add("log", found)
    store.add("log", found)
    assert store.read("log") == found and store.read("another") == []


class Fussy:
    """Raises for one record, as code with a fault might."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def fold(self, records: object) -> None:
        for _, record in records:  # type: ignore[attr-defined]
            if record.payload == b"\xc1":
                raise RuntimeError("a fault of ours")
            self.taken.add(record.key + str(record.time))


def test_whoever_folds_may_raise_and_misses_only_what_it_raised_for(log: Log) -> None:
    log.append([event(1), with_payload(2, b"\xc1"), event(3)])
    feed: Feed[Fussy] = Feed(log)
    fussy = feed.add(SHOP, Fussy())
    log.append([event(4), with_payload(5, b"\xc1"), event(6)])
    assert fussy.taken == {"u1", "u3", "u4", "u6"} and feed.poisoned == 2


def test_the_oldest_go_when_a_log_has_too_many(tmp_path: Path) -> None:
    store = PoisonStore(tmp_path, limit=20_000)
    for n in range(0, 200, 5):
        store.add(
            "log", [Poison.of(Offset(0, each), with_payload(each, b"x" * 50), "broken") for each in range(n, n + 5)]
        )
        assert store.path("log").stat().st_size <= 20_000
    kept = [each.n for each in store.read("log")]
    assert kept == list(range(200 - len(kept), 200)) and len(kept) > 20
