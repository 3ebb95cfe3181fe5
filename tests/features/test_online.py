"""The online store: the newest wins, whatever comes twice, late, deleted or expired."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import InputError
from endcap.features.groups import Feature, FeatureGroup
from endcap.features.online import BOUNDS, Found, OnlineStore
from endcap.seams import FrozenClock
from endcap.storage.log import Offset, Record
from endcap.storage.state import MemoryState, StateStore, open_state
from endcap.stream.collect import feature_record
from endcap.stream.records import FeatureRecord
from endcap.types import HOUR, SECOND, AccountKey, Micros
from valkeys import Valkey, new_name

NOW = Micros(1_790_000_000 * SECOND)
GROUP = FeatureGroup(
    AccountKey(),
    "items",
    "id",
    "at",
    (
        *(Feature("id", "String"), Feature("at", "Fractional"), Feature("n", "Integral")),
        *(Feature("x", "Fractional"), Feature("kind", "String")),
    ),
    created=Micros(7),
)
Entry = tuple[Offset, Record]


def store(state: StateStore | None = None, at: int = NOW) -> tuple[OnlineStore, FrozenClock]:
    clock = FrozenClock(Micros(at))
    return OnlineStore(state or MemoryState(BOUNDS, clock), clock), clock


def put(identity: str, at: float, n: int, *, ttl: int = 0, group: FeatureGroup = GROUP) -> FeatureRecord:
    return group.record({"id": identity, "at": str(at), "n": str(n), "x": f"{n}.50", "kind": "k"}, ttl=ttl)


def entries(records: Sequence[FeatureRecord], *, first: int = 1, account: AccountKey = GROUP.account) -> list[Entry]:
    """As the log would have them, one a second."""
    return [
        (Offset(0, n), feature_record(account, record, Micros(NOW + n * SECOND), index=n))
        for n, record in enumerate(records, first)
    ]


def number(found: Found | None) -> object:
    return None if found is None else found.values()["n"]


def test_the_newest_event_time_wins_and_then_who_wrote_last() -> None:
    online, _ = store()
    online.fold(entries([put("a", 10, 1), put("a", 30, 2), put("a", 20, 3), put("b", 10, 4)]))
    assert number(online.get(GROUP, "a")) == "2" and number(online.get(GROUP, "b")) == "4"
    assert online.get(GROUP, "nobody") is None
    online.fold(entries([put("a", 30, 5)], first=9))
    found = online.get(GROUP, "a")
    assert found is not None and found.time == 30 * SECOND
    assert found.values() == {"id": "a", "at": "30", "n": "5", "x": "5.50", "kind": "k"}


def test_groups_accounts_and_regions_are_apart() -> None:
    online, _ = store()
    others = [
        FeatureGroup(GROUP.account, "items", "id", "at", GROUP.features, created=Micros(8)),
        FeatureGroup(
            AccountKey(GROUP.account.account, "eu-west-1"), "items", "id", "at", GROUP.features, created=Micros(7)
        ),
        FeatureGroup(AccountKey("111122223333"), "items", "id", "at", GROUP.features, created=Micros(7)),
    ]
    for place, group in enumerate([GROUP, *others]):
        online.fold(entries([put("a", 10, place, group=group)], account=group.account))
    assert [number(online.get(group, "a")) for group in (GROUP, *others)] == ["0", "1", "2", "3"]


def test_many_at_once_and_as_numbers() -> None:
    online, clock = store()
    lasting = put("b", NOW // SECOND, 2, ttl=5 * SECOND)
    online.fold(entries([put("a", 10, 1), lasting, GROUP.record({"id": "c", "at": "1", "n": "3"})]))
    clock.at = Micros(NOW + 5 * SECOND)
    assert [number(each) for each in online.get_many([(GROUP, "c"), (GROUP, "b"), (GROUP, "a")])] == ["3", None, "1"]
    block = online.numbers(GROUP, ["a", "b", "nobody", "c"], ["x", "n"])
    np.testing.assert_array_equal(block, [[1.5, 1], [np.nan, np.nan], [np.nan, np.nan], [np.nan, 3]])
    wider = GROUP.with_features([Feature("late", "Integral")])
    np.testing.assert_array_equal(online.numbers(wider, ["a"], ["late", "n"]), [[np.nan, 1]])
    with pytest.raises(InputError, match="no numeric feature 'kind'"):
        online.numbers(GROUP, ["a"], ["kind"])


def test_what_is_soft_deleted_comes_back_by_something_newer_only() -> None:
    online, _ = store()
    online.fold(entries([put("a", 10, 1), GROUP.deletion("a", "20", hard=False), put("a", 15, 2)]))
    assert online.get(GROUP, "a") is None and np.isnan(online.numbers(GROUP, ["a"], ["n"])[0, 0])
    online.fold(entries([put("a", 21, 3)], first=9))
    assert number(online.get(GROUP, "a")) == "3"
    online.fold(entries([GROUP.deletion("a", "5", hard=False)], first=10))
    assert number(online.get(GROUP, "a")) == "3", "a deletion as of an older time changes nothing"


def test_what_is_hard_deleted_leaves_nothing_that_anything_could_be_older_than() -> None:
    online, _ = store()
    history = entries([put("a", 10, 1), GROUP.deletion("a", "20", hard=True), put("a", 5, 2)])
    online.fold(history)
    assert number(online.get(GROUP, "a")) == "2"
    online.fold(history)
    online.fold(history[:1])
    assert number(online.get(GROUP, "a")) == "2", "a repetition brings nothing back"
    online.fold(entries([GROUP.deletion("a", "4", hard=True)], first=7))
    assert number(online.get(GROUP, "a")) == "2", "a deletion as of an older time deletes nothing"


def test_records_expire() -> None:
    online, clock = store()
    now = NOW // SECOND
    online.fold(entries([put("a", now, 1, ttl=5 * SECOND), put("b", now, 1), put("b", now + 1, 2, ttl=SECOND)]))
    found = online.get(GROUP, "a")
    assert found is not None and found.until == NOW + 5 * SECOND
    assert number(online.get(GROUP, "b")) == "1", "what had expired when it was written is not taken"
    clock.at = Micros(NOW + 5 * SECOND)
    assert online.get(GROUP, "a") is None
    online.fold(entries([put("a", now - 1, 2)], first=6))
    assert number(online.get(GROUP, "a")) == "2", "what had expired is nothing to be older than"
    online.fold(entries([put("a", now, 1, ttl=5 * SECOND)]))
    assert number(online.get(GROUP, "a")) == "2", "a repetition of what had expired changes nothing"


def test_what_expired_long_ago_takes_no_room() -> None:
    clock = FrozenClock(Micros(NOW + 3 * HOUR))
    state = MemoryState(BOUNDS, clock)
    online = OnlineStore(state, clock)
    online.fold(entries([put("a", NOW // SECOND, 1, ttl=5 * SECOND)]))
    assert len(state) == 0 and online.get(GROUP, "a") is None


def test_poison_and_offline_records_are_passed_over() -> None:
    online, _ = store()
    good = entries([put("a", 10, 1), GROUP.record({"id": "a", "at": "99", "n": "9"}, stores=["offline"])])
    online.fold([(good[0][0], good[0][1]._replace(payload=b"\xc1")), (good[0][0], good[0][1]._replace(kind="event"))])
    online.fold(good)
    assert online.poisoned == 1 and number(online.get(GROUP, "a")) == "1"


operations = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(1, 6), st.sampled_from(["put", "soft", "hard"])), max_size=14
)


def model(history: Sequence[tuple[str, int, str]], identity: str) -> str | None:
    """What must be there, by going through the history once."""
    held: tuple[int, int, str] | None = None
    for n, (name, at, kind) in enumerate(history, 1):
        if name != identity or (held is not None and at < held[0]):
            continue
        held = None if kind == "hard" else (at, n, kind)
    return None if held is None or held[2] == "soft" else str(held[1])


def as_entries(history: Sequence[tuple[str, int, str]]) -> list[Entry]:
    made = [
        put(name, at, n) if kind == "put" else GROUP.deletion(name, str(at), hard=kind == "hard")
        for n, (name, at, kind) in enumerate(history, 1)
    ]
    return entries(made)


@settings(max_examples=300, deadline=None)
@given(operations, st.lists(st.integers(0, 14), max_size=3), st.integers(1, 5))
def test_passes_over_the_log_may_be_repeated_from_the_beginning(
    history: list[tuple[str, int, str]], stops: list[int], batch: int
) -> None:
    online, _ = store()
    log = as_entries(history)
    for stop in [*sorted(stops), len(log)]:
        for start in range(0, stop, batch):
            online.fold(log[start : min(start + batch, stop)])
    for identity in "ab":
        assert number(online.get(GROUP, identity)) == model(history, identity)


@settings(max_examples=200, deadline=None)
@given(operations, st.randoms(use_true_random=False))
def test_without_hard_deletes_any_order_will_do(history: list[tuple[str, int, str]], chance: random.Random) -> None:
    soft = [(name, at, "soft" if kind == "hard" else kind) for name, at, kind in history]
    log = as_entries(soft)
    mixed = [*log, *chance.sample(log, len(log) // 2)]
    chance.shuffle(mixed)
    online, _ = store()
    for each in mixed:
        online.fold([each])
    for identity in "ab":
        assert number(online.get(GROUP, identity)) == model(soft, identity)


def test_the_same_in_redis(valkey: Valkey) -> None:
    clock, url = FrozenClock(NOW), f"{valkey.url}?name={new_name()}"
    first, second = (OnlineStore(open_state(url, bounds=BOUNDS, clock=clock), clock) for _ in range(2))
    now = NOW // SECOND
    log = entries([put("a", now, 1), put("b", now, 2, ttl=60 * SECOND), put("a", now - 5, 3), put("c", now, 4)])
    first.fold(log)
    second.fold(log)
    assert [number(each) for each in second.get_many([(GROUP, each) for each in "abcd"])] == ["1", "2", "4", None]
    np.testing.assert_array_equal(second.numbers(GROUP, ["c", "d"], ["n"]), [[4], [np.nan]])


def test_a_process_that_read_before_another_wrote_decides_again() -> None:
    class Slow(MemoryState):
        """Between reading and writing another process writes, once."""

        other: OnlineStore | None = None

        def swap_many(self, *told: Any, **more: Any) -> list[str]:
            other, self.other = self.other, None
            if other is not None:
                other.fold(newest)
            return super().swap_many(*told, **more)

    state = Slow(BOUNDS, FrozenClock(NOW))
    log = entries([put("a", 10, 1), put("b", 10, 2), put("a", 30, 3), put("a", 20, 4), put("b", 40, 5)])
    newest = log[2:3]
    online, state.other = (OnlineStore(state, FrozenClock(NOW)) for _ in range(2))
    online.fold([*log[:2], *log[3:]])
    assert [number(online.get(GROUP, each)) for each in "ab"] == ["3", "5"]
