"""What every event log must do. A backend's test subclasses `LogContract` and says how to open one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from hashlib import blake2b
from pathlib import Path

import pytest

from endcap.errors import InputError, StateError, UnknownName
from endcap.storage.log import Log, LogReader, Offset, Record, open_log, open_log_reader
from endcap.types import AccountKey, Micros, ShopKey

SHOP = ShopKey(AccountKey(), "corner-shop")
OTHER = ShopKey(AccountKey("111122223333", "eu-west-1"), "corner-shop")


def record(name: str, shop: ShopKey = SHOP, key: str = "", payload: bytes = b"{}") -> Record:
    """A record whose id is made from its name; its key too unless one is given."""
    return Record(shop, "event", key or name, blake2b(name.encode(), digest_size=16).digest(), Micros(7), payload)


def whole(log: LogReader) -> list[tuple[Offset, Record]]:
    """Everything a log holds."""
    return [each for partition in range(log.partitions) for each in log.read(partition, 0, 1_000_000)]


class LogContract:
    """Subclass it as `TestX`; `url` names an empty log and `partitions` how many it has."""

    partitions = 1
    shared = False
    """Whether there may be many writers."""

    def url(self, folder: Path) -> str:
        """Of a log that nobody has made yet."""
        raise AssertionError("the test says where its log is")

    @contextmanager
    def log(self, folder: Path) -> Iterator[Log]:
        """Opened for writing, closed afterwards."""
        log = open_log(self.url(folder), partitions=self.partitions)
        try:
            yield log
        finally:
            log.close()

    def test_records_come_back_as_they_were_in_order_and_numbered_without_gaps(self, tmp_path: Path) -> None:
        given = [
            Record(OTHER, "decision", "é☃\0", bytes(16), Micros(-(2**62)), b"\0\xff" * 500),
            *(record(f"r{n}", payload=str(n).encode()) for n in range(100)),
        ]
        with self.log(tmp_path) as log:
            offsets = log.append(given)
            assert sorted(whole(log)) == sorted(zip(offsets, given, strict=True))
            for partition, end in enumerate(log.ends()):
                assert [offset.n for offset, _ in log.read(partition)] == list(range(1, end + 1))
            assert sum(log.ends()) == 101 and log.partitions == len(log.ends()) == self.partitions

    def test_a_large_batch_is_taken_whole(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            offsets = log.append([record(f"r{n % 9_000}") for n in range(9_500)])
            assert offsets[9_000:] == (None,) * 500 and None not in offsets[:9_000]
            assert sum(log.ends()) == len(whole(log)) == 9_000 and log.append([]) == ()

    def test_one_key_stays_in_one_partition(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            offsets = log.append([record(f"r{n}", key="somebody") for n in range(20)])
            assert len({offset.partition for offset in offsets if offset}) == 1
            log.append([record(f"x{n}") for n in range(200)])
            assert all(end > 0 for end in log.ends())

    def test_the_first_of_an_id_wins_also_within_a_batch_and_for_good(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            first, second, third = log.append([record("a", payload=b"1"), record("a", payload=b"2"), record("b")])
            assert first and second is None and third
            assert log.append([record("a", payload=b"3")]) == (None,)
            assert log.append([record("a", OTHER)]) != (None,), "another shop's ids are its own"
        with self.log(tmp_path) as log:
            assert log.append([record("a"), record("c")])[0] is None
            assert [each.payload for _, each in whole(log) if each.id == record("a").id and each.shop == SHOP] == [b"1"]

    def test_trimmed_records_are_gone_their_ids_and_offsets_are_not(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            log.append([record(f"r{n}") for n in range(50)])
            ends = log.ends()
            for partition, end in enumerate(ends):
                log.trim(partition, end - 1)
                log.trim(partition, 0)
                assert [offset.n for offset, _ in log.read(partition)] == [end]
                log.trim(partition, end + 1_000)
            assert whole(log) == [] and log.ends() == ends
        with self.log(tmp_path) as log:
            assert log.ends() == ends and log.append([record("r7")]) == (None,)
            (offset,) = log.append([record("new")])
            assert offset and offset.n == ends[offset.partition] + 1

    def test_reading_goes_on_where_it_stopped(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            log.append([record(f"r{n}", key="k") for n in range(10)])
            partition = next(number for number, end in enumerate(log.ends()) if end)
            parts = [log.read(partition, after, 3) for after in (0, 3, 6, 9, 10)]
            assert [len(part) for part in parts] == [3, 3, 3, 1, 0]
            with pytest.raises(InputError):
                log.read(self.partitions + 1)

    def test_subscribers_are_told_once_before_the_acknowledgement_and_only_what_is_new(self, tmp_path: Path) -> None:
        told: list[tuple[Offset, Record]] = []
        with self.log(tmp_path) as log:
            log.append([record("before")])
            log.subscribe(told.extend)
            offsets = log.append([record("a"), record("before"), record("b")])
            assert sorted(told) == sorted([(offsets[0], record("a")), (offsets[2], record("b"))])
            log.append([record("a")])
            assert len(told) == 2

    def test_a_subscriber_that_raises_stops_nobody(self, tmp_path: Path) -> None:
        told: list[tuple[Offset, Record]] = []

        def broken(records: Sequence[tuple[Offset, Record]]) -> None:
            raise ValueError("poison")

        with self.log(tmp_path) as log:
            log.subscribe(broken)
            log.subscribe(told.extend)
            assert log.append([record("a")])[0] is not None and len(told) == 1

    def test_many_threads_lose_and_double_nothing(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            told: list[tuple[Offset, Record]] = []
            log.subscribe(told.extend)
            found: list[Offset | None] = []

            def work(number: int) -> None:
                for n in range(40):
                    found.extend(log.append([record(f"{number}/{n}"), record(f"shared/{n}")]))

            _together([lambda number=number: work(number) for number in range(4)])  # type: ignore[misc]
            new = [offset for offset in found if offset]
            assert len(new) == len(set(new)) == 200 and sum(log.ends()) == 200
            assert sorted(told) == sorted(whole(log))

    def test_readers_read_beside_a_writer_and_before_there_is_one(self, tmp_path: Path) -> None:
        reader = open_log_reader(self.url(tmp_path))
        assert (reader.identity, reader.partitions, reader.ends(), reader.read(0)) == ("", 0, (), [])
        with self.log(tmp_path) as log:
            log.append([record("a")])
            assert whole(reader) == whole(log) and reader.identity == log.identity != ""
        with self.log(tmp_path) as again:
            again.append([record("b")])
            assert len(whole(reader)) == 2 and again.identity == reader.identity
        reader.close()

    def test_a_second_writer_is_refused_or_sees_and_is_seen(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            if not self.shared:
                with pytest.raises(StateError, match="one writer"):
                    open_log(self.url(tmp_path))
                return
            told: dict[str, list[tuple[Offset, Record]]] = {"one": [], "other": []}
            with self.log(tmp_path) as other:
                log.subscribe(told["one"].extend)
                other.subscribe(told["other"].extend)
                assert other.identity == log.identity
                log.append([record("a"), record("b")])
                assert other.append([record("a"), record("c")])[0] is None, "an id is taken once, whoever brings it"
                assert log.sync(10) and other.sync(10) and log.told == other.told == log.ends()
                assert sorted(told["one"]) == sorted(told["other"]) == sorted(whole(log))

    def test_what_others_acknowledged_is_told_after_a_sync(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            seen: set[bytes] = set()
            log.subscribe(lambda rows: seen.update(each.id for _, each in rows))
            assert log.away == "" and log.durability == "always" and log.sync(0.5)
            with self.log(tmp_path) if self.shared else nullcontext(log) as other:
                for n in range(100):
                    other.append([record(f"r{n}")])
                    assert log.sync(10) and record(f"r{n}").id in seen

    def test_many_writers_keep_the_order_and_number_without_gaps(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log, ExitStack() as open_:
            writers = [open_.enter_context(self.log(tmp_path)) for _ in range(3)] if self.shared else [log] * 3
            told: dict[int, list[tuple[Offset, Record]]] = {n: [] for n in range(3)}
            for number, writer in enumerate(writers):
                writer.subscribe(told[number].extend)

            def work(number: int) -> None:
                for n in range(60):
                    batch = [record(f"{number}/{n}/{m}", key=f"k{m}") for m in range(3)]
                    writers[number].append([*batch, record(f"shared/{n}", key="k0")])

            _together([lambda number=number: work(number) for number in range(3)])  # type: ignore[misc]
            assert all(writer.sync(10) for writer in writers)
            for partition, end in enumerate(log.ends()):
                held = log.read(partition, 0, 1_000)
                assert [offset.n for offset, _ in held] == list(range(1, end + 1))
                for rows in told.values():
                    assert [each for each in rows if each[0].partition == partition] == held
            assert sum(log.ends()) == 3 * 60 * 3 + 60
            for number in range(3):
                mine = [each.id for _, each in whole(log) if each.key == "k1"]
                ids = [record(f"{number}/{n}/1").id for n in range(60)]
                assert [name for name in mine if name in set(ids)] == ids

    def test_what_was_told_is_known(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            log.append([record(f"r{n}") for n in range(30)])
            assert log.told == log.ends()
        with self.log(tmp_path) as log:
            assert log.told == log.ends()

    def test_the_number_of_partitions_is_fixed(self, tmp_path: Path) -> None:
        with self.log(tmp_path):
            pass
        with pytest.raises(StateError, match="partitions"):
            open_log(self.url(tmp_path), partitions=self.partitions + 1)
        log = open_log(self.url(tmp_path))
        assert log.partitions == self.partitions
        log.close()

    def test_closing_finishes_what_was_submitted_and_takes_nothing_more(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log:
            waiting = [log.submit([record(f"r{n}")]) for n in range(50)]
        assert all(future.result(timeout=5)[0] is not None for future in waiting)
        with pytest.raises(StateError, match="closed"):
            log.append([record("late")])

    def test_an_id_of_another_length_is_refused(self, tmp_path: Path) -> None:
        with self.log(tmp_path) as log, pytest.raises(InputError, match="16"):
            log.append([record("a")._replace(id=b"short")])

    def test_unknown_schemes_are_refused_by_name(self) -> None:
        for open_it in (open_log, open_log_reader):
            with pytest.raises(UnknownName, match="kafka"):
                open_it("kafka://host/topic")


def _together(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
