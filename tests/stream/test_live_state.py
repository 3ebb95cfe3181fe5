"""Live state: any order, any repeats and any cut end in the same state."""

import random
import struct
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import OTHER, SHOP, seen, streams

from endcap.lake.offsets import LakeOffsets
from endcap.seams import FrozenClock
from endcap.storage.log import Offset, Record
from endcap.storage.state import Bounds, MemoryState
from endcap.stream import packed
from endcap.stream.collect import event_record, put_record
from endcap.stream.live import Live
from endcap.stream.records import Event, Put
from endcap.types import Micros


def placed(records: Sequence[Record]) -> list[tuple[Offset, Record]]:
    return [(Offset(0, place + 1), record) for place, record in enumerate(records)]


def folded(records: Sequence[tuple[Offset, Record]], **given: object) -> Live:
    live = Live(SHOP, **given)  # type: ignore[arg-type]
    live.fold(records)
    return live


def event(number: int, **given: object) -> Record:
    base = {"event_id": f"e{number}", "event_type": "View", "time": number, "item_id": f"i{number}"}
    return event_record(SHOP, Event(**(base | given)))  # type: ignore[arg-type]


@settings(deadline=None)
@given(streams, st.randoms(use_true_random=False))
def test_late_and_repeated_records_in_any_order_give_the_state_of_the_sorted_ones(
    records: list[Record], shuffled: random.Random
) -> None:
    ordered = placed(sorted(records, key=lambda each: (each.time, each.id)))
    mixed = ordered + ordered[: len(ordered) // 2]
    shuffled.shuffle(mixed)
    live = Live(SHOP)
    while mixed:
        size = shuffled.randint(1, 4)
        live.fold(mixed[:size])
        mixed = mixed[size:]
    assert seen(live) == seen(folded(ordered)) and live.poisoned == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), unique_by=lambda each: each[1]), st.integers(1, 8))
def test_a_packed_history_is_the_newest_of_the_set(events: list[tuple[int, int]], cap: int) -> None:
    rows = [packed.row(time, bytes([number] * 16), f"i{number}", "é") for time, number in events]
    block = packed.EMPTY
    for row in [*rows, *rows[::2]]:
        block = packed.fold(block, row, cap)
    newest = sorted(events, key=lambda each: (each[0], bytes([each[1]])))[-cap:]
    assert packed.unpack(block).items == tuple(f"i{number}" for _, number in newest)
    assert block == packed.pack(rows, cap) == packed.merge([block, packed.EMPTY, packed.pack(rows, cap)], cap)
    assert len(packed.rows(block)) == len(newest)


def test_blocks_of_another_format_count_as_none() -> None:
    old = struct.pack("<q16sH", 5, b"i" * 16, 1) + struct.pack("<HqHd16s", 44, 5, 4, 1.0, b"i" * 16) + b"Viewitem"
    state = MemoryState(Bounds(), FrozenClock(Micros(0)))
    state.put("event/u", old)
    live = Live(SHOP, state=state)
    assert len(live.recent("u")) == 0 and packed.current(old) == packed.EMPTY
    live.fold(placed([event(1, user_id="u")]))
    assert live.recent("u").items == ("i1",) and live.poisoned == 0


def test_a_session_that_becomes_a_users_is_found_under_both() -> None:
    live = folded(placed([event(1, session_id="s"), event(2, user_id="u"), event(5, session_id="t")]))
    assert live.recent("s").items == ("i1",) and live.recent("u").items == ("i2",) and live.linked_user("s") is None
    live.fold([(Offset(0, 9), event(3, user_id="u", session_id="s"))])
    assert live.recent("s").items == live.recent("u").items == ("i1", "i2", "i3") and live.linked_user("s") == "u"
    live.fold([(Offset(0, 10), event(4, session_id="s", value=2.5))])
    assert live.recent("u").items[-1] == "i4" and live.recent("u").numbers.value[-1] == 2.5  # type: ignore[union-attr]
    assert live.recent("t").items == ("i5",) and len(live.recent("nobody")) == 0


def test_who_signs_in_first_keeps_the_session() -> None:
    first, second = event(3, user_id="a", session_id="s"), event(7, user_id="b", session_id="s")
    for order in ([first, second], [second, first]):
        live = folded(placed([event(1, session_id="s"), *order]))
        assert live.linked_user("s") == "a"
        assert live.recent("a").items == ("i1", "i3") and live.recent("b").items == ("i7",)


def test_a_session_that_became_a_users_before_the_snapshot_is_still_theirs() -> None:
    records = [event(1, session_id="s"), event(2, session_id="t"), event(3, user_id="late", session_id="s")]
    for order in (records, records[::-1]):
        live = folded(placed(order), linked={"s": "u"}.get)
        assert live.recent("u").items == live.recent("s").items == ("i1",) and live.recent("t").items == ("i2",)
        assert live.linked_user("s") == "u" and live.recent("late").items == ("i3",)


def test_an_event_without_an_item_links_and_is_no_history() -> None:
    live = folded(placed([event(1, session_id="s"), event(2, item_id="", user_id="u", session_id="s")]))
    assert live.recent("u").items == ("i1",)


def test_the_newest_512_stay() -> None:
    live = folded(placed([event(number, user_id="u") for number in range(600, 0, -1)]))
    assert live.recent("u").times.tolist() == list(range(89, 601))
    np.testing.assert_array_equal(live.recent("u").times, live.recent("u").times.astype(np.int64))


def test_properties_are_laid_over_each_other_column_by_column() -> None:
    def put(time: int, **properties: object) -> Record:
        return put_record(SHOP, "item", Put(id="x", time=time, properties=properties))  # type: ignore[arg-type]

    live = folded(placed([put(2, price=2.0, brand=None), put(1, price=1.0, tags=["a", "b"])]))
    assert live.put("item", "x") == {"price": 2.0, "brand": None, "tags": ["a", "b"]} and live.changed("item") == ["x"]
    before = live.revision("item")
    live.fold([(Offset(0, 7), put(3, price=3.0))])
    assert live.put("item", "x") == {"price": 3.0, "brand": None, "tags": ["a", "b"]}
    assert live.revision("item") > before and live.changed("item", before) == ["x"]
    assert live.changed("item", live.revision("item")) == []
    assert live.put("user", "x") is None and live.put("action", "x") is None
    assert live.revision("user") == live.revision("action") == 0


def test_what_a_snapshot_holds_and_other_shops_records_are_passed_over() -> None:
    records = placed([event(1, user_id="u"), event(2, user_id="u")])
    records += [(Offset(1, 1), event(3, user_id="u")), (Offset(0, 9), event(4, user_id="u")._replace(shop=OTHER))]
    live = folded(records, after=LakeOffsets("log", {"interactions": {0: 1}}))
    assert live.recent("u").items == ("i2", "i3") and live.offsets == {0: 9, 1: 1}


def test_poison_is_counted_and_passed_over() -> None:
    poison = event(1, user_id="u")._replace(payload=b"\xc1")
    live = folded(placed([poison, event(2, user_id="u")]))
    assert live.poisoned == 1 and live.recent("u").items == ("i2",)


def test_folding_tells_what_was_news() -> None:
    live = Live(SHOP)
    records = placed([event(1, user_id="u"), put_record(SHOP, "user", Put(id="u", time=3, properties={"age": 3}))])
    news = live.fold([*records, records[0]])
    assert [record for record, _ in news] == [record for _, record in records] and live.fold(records) == []
    assert [type(told).__name__ for _, told in news] == ["Event", "Put"], "nobody has to read them again"


def test_state_is_bounded() -> None:
    clock = FrozenClock(Micros(0))
    live = folded(
        placed([event(number, user_id=f"u{number}") for number in range(1, 100)]),
        state=MemoryState(Bounds(entries=10), clock),
        clock=clock,
    )
    assert len(live.recent("u99")) == 1 and len(live.recent("u1")) == 0
