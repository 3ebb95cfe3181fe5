"""What every store of state must do. A backend's test subclasses `StateContract` and says how to open one."""

from __future__ import annotations

import threading

from endcap.seams import Clock, FrozenClock
from endcap.storage.state import Bounds, StateStore
from endcap.types import Micros


class StateContract:
    """Subclass it as `TestX` and implement `open`."""

    def open(self, bounds: Bounds, clock: Clock) -> StateStore:
        """An empty store."""
        raise AssertionError("the test says how to open its store")

    def store(self, bounds: Bounds | None = None) -> tuple[StateStore, FrozenClock]:
        """An empty store and its clock."""
        clock = FrozenClock(Micros(1_000))
        return self.open(bounds or Bounds(), clock), clock

    def test_what_is_put_is_got_and_replaced_whole(self) -> None:
        state, _ = self.store()
        assert state.get("a") is None and len(state) == 0
        state.put("a", b"1")
        state.put_many({"b": b"\0\xff", "a": b"2", "": b""})
        assert state.get_many(["b", "nobody", "a", ""]) == [b"\0\xff", None, b"2", b""] and len(state) == 3

    def test_what_is_deleted_is_gone_and_deleting_nothing_is_nothing(self) -> None:
        state, _ = self.store()
        state.put_many({"a": b"1", "é☃": b"2"})
        state.delete("a")
        state.delete("a")
        assert state.get("a") is None and state.get("é☃") == b"2" and len(state) == 1

    def test_the_old_are_not_seen_and_swept(self) -> None:
        state, clock = self.store(Bounds(age=10))
        state.put("a", b"1")
        clock.at = Micros(1_010)
        assert state.get("a") == b"1"
        clock.at = Micros(1_011)
        assert state.get("a") is None and state.get_many(["a"]) == [None]

    def test_a_date_is_kept_and_replaced_with_the_value(self) -> None:
        state, clock = self.store(Bounds(age=1_000))
        state.put_many({"a": b"1", "b": b"2"}, until=1_500)
        state.put("c", b"3", until=1_400)
        state.put("c", b"4")
        state.put("past", b"5", until=1)
        assert state.get("past") is None
        clock.at = Micros(1_499)
        assert state.get_many(["a", "b", "c"]) == [b"1", b"2", b"4"]
        clock.at = Micros(1_500)
        assert state.get_many(["a", "b", "c"]) == [None, None, b"4"]
        state.put("a", b"6", until=10**15)
        clock.at = Micros(2_500)
        assert state.get("a") == b"6" and state.get("c") is None
        clock.at = Micros(2_501)
        assert state.get("a") is None, "the bounds' age holds whatever the date"

    def test_what_changed_meanwhile_is_not_overwritten(self) -> None:
        state, clock = self.store(Bounds(age=1_000))
        state.put_many({"a": b"1", "b": b"=2", "c": b"3", "e": b"5"})
        held = {"a": b"1", "b": b"=2", "c": b"other", "d": None, "e": None}
        fresh = {"a": b"\0new", "b": None, "c": b"no", "d": b"new", "e": b"no"}
        assert state.swap_many(fresh, held, until=1_500) == ["c", "e"]
        assert state.get_many(list(fresh)) == [b"\0new", None, b"3", b"new", b"5"]
        clock.at = Micros(1_500)
        assert state.get("a") is None and state.swap_many({"a": b"again"}, {"a": b"\0new"}) == ["a"]
        assert state.swap_many({"a": b"again"}, {"a": None}) == [] and state.get("a") == b"again"
        assert state.swap_many({}, {}) == []

    def test_threads_that_swap_lose_no_step(self) -> None:
        state, _ = self.store()

        def work() -> None:
            for _ in range(40):
                while True:
                    held = state.get("count")
                    value = str(int(held or b"0") + 1).encode()
                    if not state.swap_many({"count": value}, {"count": held}):
                        break

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert state.get("count") == b"120"

    def test_nothing_is_asked_for_and_nothing_is_put(self) -> None:
        state, _ = self.store()
        state.put_many({})
        assert state.get_many([]) == [] and len(state) == 0

    def test_two_stores_do_not_meet(self) -> None:
        (one, _), (other, _) = self.store(), self.store()
        one.put("a", b"1")
        assert other.get("a") is None and len(other) == 0

    def test_threads_lose_nothing(self) -> None:
        state, _ = self.store()

        def work(number: int) -> None:
            for place in range(60):
                state.put(f"{number}/{place}", str(place).encode())
                state.put("shared", b"x" * number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(state) == 241
        assert all(state.get(f"{number}/{place}") == str(place).encode() for number in range(4) for place in range(60))


class BoundedStateContract(StateContract):
    """Of a store that keeps all its bounds itself, and sweeps what is too old when something is written."""

    def test_the_longest_unwritten_goes_when_there_are_too_many(self) -> None:
        state, _ = self.store(Bounds(entries=2))
        for key in ("a", "b", "a", "c"):
            state.put(key, key.encode())
        assert [state.get(key) for key in "abc"] == [b"a", None, b"c"]

    def test_bytes_are_bounded_and_counted_down_again(self) -> None:
        state, _ = self.store(Bounds(bytes=30))
        state.put("a", b"x" * 19)
        for _ in range(50):
            state.put("b", b"y" * 8)
        assert state.get("a") is not None
        state.put("c", b"z" * 9)
        assert state.get("a") is None and state.get("b") is not None and state.get("c") is not None

    def test_the_old_are_swept(self) -> None:
        state, clock = self.store(Bounds(age=10))
        state.put_many({"a": b"1", "dated": b"2"}, until=1_005)
        state.put("b", b"3")
        clock.at = Micros(1_005)
        state.put("c", b"4")
        assert len(state) == 2
        clock.at = Micros(1_011)
        state.put("d", b"5")
        assert len(state) == 2

    def test_dates_of_what_was_replaced_are_forgotten(self) -> None:
        state, clock = self.store(Bounds(entries=10))
        for n in range(5_000):
            state.put(f"{n % 20}", b"x", until=2_000 + n)
        assert len(state) == 10
        clock.at = Micros(2_000 + 4_994)
        state.put("undated", b"y")
        assert sorted(key for key in map(str, range(20)) if state.get(key)) == ["15", "16", "17", "18", "19"]
