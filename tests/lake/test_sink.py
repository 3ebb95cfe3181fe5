"""From the log into the tables: exactly once through crashes at every call, in the dataset's own columns."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pytest

from breaking_disk import Breaking
from endcap.lake import commits
from endcap.lake.schemas import DatasetKind, Field, Schema
from endcap.lake.tables import Lake
from endcap.storage.log import Log, Record, open_log
from endcap.stream.collect import action_record, decision_record, event_record, put_record
from endcap.stream.histories import Histories
from endcap.stream.records import ActionEvent, Candidates, Decision, Event, Put, Shown
from endcap.stream.replay import lake_offsets, live_since
from endcap.stream.sink import sink, trim_sunk
from endcap.types import DAY, AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "corner-shop")
OTHER = ShopKey(AccountKey(), "other-shop")
SCHEMAS: dict[DatasetKind, Schema] = {
    "interactions": Schema(
        "interactions",
        (
            *(Field("USER_ID"), Field("ITEM_ID"), Field("TIMESTAMP", "long"), Field("EVENT_TYPE")),
            Field("DEVICE", nullable=True, categorical=True),
            Field("EVENT_VALUE", "float", nullable=True),
        ),
    ),
    "items": Schema(
        "items",
        (
            Field("ITEM_ID"),
            Field("PRICE", "float", nullable=True),
            Field("TAGS", nullable=True, categorical=True),
            Field("STOCK", "int", nullable=True),
            Field("SOLD", "boolean", nullable=True),
        ),
    ),
}


UNTOLD = {"duration": None, "rating": None}


def schemas(shop: ShopKey, kind: DatasetKind) -> Schema | None:
    return SCHEMAS.get(kind)


def event(number: int, shop: ShopKey = SHOP, **given: object) -> Record:
    base = {"event_id": f"e{number}", "event_type": "View", "time": number, "item_id": f"i{number}", "user_id": "u"}
    return event_record(shop, Event(**(base | given)))  # type: ignore[arg-type]


def put(name: str, time: int, **properties: object) -> Record:
    return put_record(SHOP, "item", Put(id=name, time=time, properties=properties))  # type: ignore[arg-type]


def answer(number: int, time: int, *shown: str, user: str = "u") -> Record:
    items = tuple(Shown(item, place + 1, 0.5, 0.25, "model", "why") for place, item in enumerate(shown))
    made = Decision(
        id=f"RID-{number}", time=time, operation="recommendations", target="arn", generation=1, variant="a",
        version="v", recipe="als", user_id=user, k=2, context={"DEVICE": "web"}, counts={"allowed": 9}, shown=items,
        considered=Candidates(("i1", "i2"), ("model", "popular"), np.array([0.5, np.nan], "<f4").tobytes()),
    )  # fmt: skip
    return decision_record(SHOP, made)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = open_log(f"sqlite:///{tmp_path}/log.db")
    yield opened
    opened.close()


class TestRows:
    def test_events_in_the_datasets_columns_and_the_streamed_ones(self, log: Log, lake: Lake) -> None:
        told = {"DEVICE": "x", "device": "web", "place": "top"}
        more = {"value": 2.5, "recommendation_id": "RID-1", "impression": ("i1", "i2"), "source": "mail"}
        log.append([event(2, session_id="s", properties=told, **more), event(1, user_id="", session_id="t")])
        report = sink(log, lake, schemas=schemas)
        assert lake.read(SHOP, "interactions").to_pylist() == [
            {"user_id": "t", "item_id": "i1", "timestamp": 1, "event_type": "View", "session_id": "t", "event_id": "e1",
             "event_value": None, **UNTOLD, "recommendation_id": None, "impression": None,
             "event_attribution_source": None, "ingestion": "PUT", "device": None},
            {"user_id": "u", "item_id": "i2", "timestamp": 2, "event_type": "View", "session_id": "s", "event_id": "e2",
             "event_value": 2.5, **UNTOLD, "recommendation_id": "RID-1", "impression": "i1|i2",
             "event_attribution_source": "mail", "ingestion": "PUT", "device": "web"},
        ]  # fmt: skip
        assert report.rows["interactions"] == 2 and report.misfits == {"DEVICE": 1, "place": 1}
        assert lake.catalogue(SHOP).ids().to_pylist() == ["i1", "i2"], "unknown items extend the catalogue"

    def test_puts_are_laid_over_what_is_known(self, log: Log, lake: Lake) -> None:
        items = pa.table({"item_id": ["a", "b"], "price": [1.0, 2.0], "brand": ["x", "y"]})
        lake.commit(SHOP, "items", items, schema=items.schema, mode="FULL", job="bulk")
        wrong = {"stock": "many", "sold": "TRUE"}
        log.append([put("a", 5, price=9), put("a", 4, price=8, tags=["p", "q"]), put("c", 6, colour="red", **wrong)])
        report = sink(log, lake, schemas=schemas)
        base = {"stock": None, "sold": None, "tags": None, "brand": None}
        assert lake.read(SHOP, "items").to_pylist() == [
            {**base, "item_id": "a", "price": 9.0, "tags": "p|q", "brand": "x", "ingestion": "PUT"},
            {**base, "item_id": "b", "price": 2.0, "brand": "y", "ingestion": None},
            {**base, "item_id": "c", "price": None, "sold": True, "ingestion": "PUT"},
        ]
        assert report.misfits == {"stock": 1, "colour": 1}

    def test_users_actions_action_interactions_and_events_without_an_item(self, log: Log, lake: Lake) -> None:
        told = {"properties": {"age": 3}, "time": 1}
        log.append([put_record(SHOP, kind, Put(id="x", **told)) for kind in ("user", "action")])  # type: ignore[arg-type]
        taken = ActionEvent(event_id="a", event_type="TAKEN", time=3, action_id="x", user_id="u", session_id="s")
        log.append([action_record(SHOP, taken), event(4, item_id="", event_type="Search")])
        report = sink(log, lake)
        assert lake.read(SHOP, "users")["user_id"].to_pylist() == ["x"]
        assert lake.read(SHOP, "actions")["action_id"].to_pylist() == ["x"]
        (row,) = lake.read(SHOP, "action_interactions").to_pylist()
        assert (row["user_id"], row["action_id"], row["event_type"], row["session_id"]) == ("u", "x", "TAKEN", "s")
        (row,) = lake.read(SHOP, "other_events").to_pylist()
        assert (row["user_id"], row["event_type"], row["timestamp"]) == ("u", "Search", 4)
        assert not lake.exists(SHOP, "interactions") and report.misfits == {"age": 2}

    def test_decisions_are_nested_rows_that_duckdb_reads(self, log: Log, lake: Lake) -> None:
        log.append([answer(1, 5, "i1", "i2"), answer(2, 6, user="")])
        sink(log, lake)
        log.append([answer(3, 7, "i3")])
        sink(log, lake)
        first, second, third = lake.read(SHOP, "decisions").sort_by("timestamp").to_pylist()
        assert first["context"] == [("DEVICE", "web")] and first["candidates"][1] == {
            "item_id": "i2", "source": "popular", "score": None
        }  # fmt: skip
        assert second["user_id"] is None and second["shown"] == [] and third["shown"][0]["propensity"] == 0.25
        files = lake.files(SHOP, "decisions")
        query = f"SELECT recommendation_id, s.item_id FROM (SELECT *, unnest(shown) AS s FROM read_parquet({files}))"
        assert sorted(duckdb.sql(query).fetchall()) == [("RID-1", "i1"), ("RID-1", "i2"), ("RID-3", "i3")]
        assert lake.snapshot(SHOP).text == "", "what was answered is no dataset"

    def test_poison_and_a_table_that_refuses_hold_up_nobody_else(self, log: Log, lake: Lake) -> None:
        broken = lake.directory(OTHER) / "interactions" / "_delta_log"
        broken.mkdir(parents=True)
        (broken / f"{0:020d}.json").write_text("no entry")
        log.append([event(1, OTHER), event(2), event(3)._replace(payload=b"\xc1")])
        report = sink(log, lake)
        assert report.poisoned == 1 and list(report.failures) == [OTHER] and report.rows["interactions"] == 1
        trim_sunk(log, lake)
        assert len(log.read(0)) == 3, "what is not in the lake stays in the log"
        shutil.rmtree(broken.parent)
        assert sink(log, lake).failures == {}
        trim_sunk(log, lake)
        assert log.read(0) == [] and lake.read(OTHER, "interactions").num_rows == 1
        assert lake.read(SHOP, "interactions").num_rows == 1


class TestOnce:
    def test_again_is_nothing_and_announced_before_it_may_be_trimmed(self, log: Log, lake: Lake) -> None:
        told: list[str] = []
        log.append([event(number) for number in range(1, 8)])

        def refuse(shop: ShopKey, text: str) -> None:
            raise OSError("the database is away")

        with pytest.raises(OSError, match="away"):
            sink(log, lake, announce=refuse, batch=3)
        assert lake.places.sunk(log.identity) == {}
        report = sink(log, lake, announce=lambda shop, text: told.append(f"{shop.group} {text}"))
        assert told == ["corner-shop interactions@2"] and report.upto == {0: 7} and report.rows["interactions"] == 0
        assert lake.read(SHOP, "interactions").num_rows == 7 and sink(log, lake).shops == set()

    def test_a_crash_at_every_call_writes_nothing_twice(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        log = open_log(f"sqlite:///{tmp_path}/log.db")
        log.append([event(1), put("a", 1, price=1.0), answer(1, 2, "i1"), event(2, item_id="")])
        sink(log, Lake(tmp_path / "0"))
        log.append([event(3), put("a", 4, price=2.0), answer(2, 5, "i1"), event(6, OTHER)])
        tidy = commits.recover
        for at in count(1, 3):
            root = tmp_path / str(at)
            shutil.copytree(tmp_path / "0", root)
            disk = Breaking(at, errno.EIO)
            monkeypatch.setattr(
                commits, "recover", lambda table, disk=disk, at=at: len(disk.calls) < at and tidy(table)
            )
            with suppress(Exception):
                sink(log, Lake(root, disk))
            monkeypatch.undo()
            lake = Lake(root)
            assert sink(log, lake).failures == {}
            assert lake.places.sunk(log.identity) == {0: 8}
            assert sorted(lake.read(SHOP, "interactions")["event_id"].to_pylist()) == ["e1", "e3"]
            assert sorted(lake.read(SHOP, "decisions")["recommendation_id"].to_pylist()) == ["RID-1", "RID-2"]
            assert lake.read(OTHER, "interactions").num_rows == lake.read(SHOP, "items").num_rows == 1
            if len(disk.calls) < at:
                break
        assert at > 40
        log.close()

    def test_killed_again_and_again_while_records_come(self, log: Log, lake: Lake, tmp_path: Path) -> None:
        rng = np.random.Generator(np.random.PCG64(3))
        number = 0
        for _ in range(4):
            command = [sys.executable, "-c", SINKER, str(tmp_path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
                assert child.stdout is not None
                child.stdout.readline()
                for _ in range(int(rng.integers(1, 12))):
                    log.append([event(number + n, OTHER if n % 5 == 0 else SHOP) for n in range(1, 40)])
                    number += 40
                os.kill(child.pid, signal.SIGKILL)
            trim_sunk(log, lake)
        sink(log, lake)
        trim_sunk(log, lake)
        found = [row for shop in (SHOP, OTHER) for row in lake.read(shop, "interactions")["event_id"].to_pylist()]
        assert len(found) == len(set(found)) == number // 40 * 39 == log.ends()[0] and log.read(0) == []

    def test_many_small_commits_are_written_again_as_one(self, log: Log, lake: Lake) -> None:
        for number in range(1, 20):
            log.append([event(number)])
            sink(log, lake)
        assert len(lake.files(SHOP, "interactions")) == 3 and lake.read(SHOP, "interactions").num_rows == 19
        assert (
            lake.history(SHOP, "interactions")[0] == lake.newest(SHOP, "interactions")
            and lake.newest(SHOP, "interactions").rows == 19
            and lake.read(SHOP, "interactions", version=4).num_rows == 5
        )

    def test_another_log_starts_anew(self, log: Log, lake: Lake, tmp_path: Path) -> None:
        log.append([event(1), event(2)])
        sink(log, lake)
        second = open_log(f"sqlite:///{tmp_path}/second.db")
        second.append([event(3)])
        assert sink(second, lake).rows["interactions"] == 1 and lake.read(SHOP, "interactions").num_rows == 3
        second.close()


SINKER = """
import sys
from pathlib import Path
from endcap.lake.tables import Lake
from endcap.storage.log import open_log_reader
from endcap.stream.sink import sink
home = Path(sys.argv[1])
log, lake = open_log_reader(f"sqlite:///{home}/log.db"), Lake(home / "lake")
print("ready", flush=True)
while True:
    sink(log, lake, batch=50)
"""


class TestImports:
    def test_a_full_import_keeps_what_was_streamed_and_replaces_what_was_imported(self, log: Log, lake: Lake) -> None:
        def bulk(job: str, mode: str, *rows: tuple[str, str, int]) -> None:
            columns = dict(zip(("user_id", "item_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True))
            table = pa.table({**columns, "event_type": ["View"] * len(rows), "device": ["web"] * len(rows)})
            lake.commit(SHOP, "interactions", table, schema=table.schema, mode=mode, job=job)  # type: ignore[arg-type]

        bulk("1", "FULL", ("a", "i1", 1))
        log.append([event(2, properties={"device": "app"}), event(3)])
        sink(log, lake, schemas=schemas)
        bulk("2", "FULL", ("b", "i2", 9), ("u", "i3", 3))
        rows = lake.read(SHOP, "interactions").to_pylist()
        found = sorted((row["user_id"], row["timestamp"], row["device"], row["ingestion"]) for row in rows)
        assert found == [("b", 9, "web", None), ("u", 2, "app", "PUT"), ("u", 3, "web", None)]
        bulk("3", "INCREMENTAL", ("c", "i4", 9))
        assert lake.read(SHOP, "interactions").num_rows == 4
        assert lake_offsets(log, lake, SHOP).at("interactions", 0) == 2 and sink(log, lake).rows["interactions"] == 0

    def test_a_full_import_of_records_keeps_streamed_ones_that_it_does_not_bring(self, log: Log, lake: Lake) -> None:
        log.append([put("a", 1, price=1.0), put("b", 1, price=2.0)])
        sink(log, lake, schemas=schemas)
        table = pa.table({"item_id": ["b", "c"], "price": ["7", "8"]})
        lake.commit(SHOP, "items", table, schema=table.schema, mode="FULL", job="1")
        rows = lake.read(SHOP, "items").select(["item_id", "price", "ingestion"]).to_pylist()
        assert [tuple(row.values()) for row in rows] == [("a", "1.0", "PUT"), ("b", "7", None), ("c", "8", None)]


class TestSessions:
    def test_what_a_session_did_is_the_users_once_they_are_linked(self, log: Log, lake: Lake) -> None:
        anonymous = {"user_id": "", "session_id": "s"}
        log.append([event(1, **anonymous), event(2, user_id="", session_id="t"), event(3, session_id="v")])
        sink(log, lake)
        assert lake.dataset(SHOP).users.ids.to_pylist() == ["s", "t", "u"]
        log.append([event(9, user_id="late", session_id="s"), event(5, item_id="", session_id="s")])
        sink(log, lake)
        shop = lake.dataset(SHOP)
        assert shop.users.ids.to_pylist() == ["late", "t", "u"]
        mine = shop.interactions.item[shop.interactions.user == 2]
        assert shop.items.names(mine) == ["i1", "i3"], "the first who signed in has the session"
        histories = Histories.of(shop)
        assert histories.row("s") == histories.row("u") >= 0 and histories.linked_user("s") == "u"
        assert histories.linked_user("t") is None and histories.row("t") >= 0
        again = Histories.from_arrays(*histories.arrays())
        assert again.linked_user("s") == "u" and again.linked_user("v") == "u"

    def test_files_in_which_no_event_has_a_session_stand_beside_files_in_which_all_have(
        self, log: Log, lake: Lake
    ) -> None:
        log.append([event(1, session_id="s")])
        sink(log, lake)
        log.append([event(2)])
        sink(log, lake)
        assert lake.dataset(SHOP).items.ids.to_pylist() == ["i1", "i2"]

    def test_imported_ids_that_look_like_sessions_are_left_alone(self, log: Log, lake: Lake) -> None:
        table = pa.table({"user_id": ["5", "7"], "item_id": ["x", "y"], "timestamp": [1, 2], "session_id": ["9", "5"]})
        lake.commit(SHOP, "interactions", table, schema=table.schema, mode="FULL", job="1")
        log.append([event(3, user_id="7", session_id="5")])
        sink(log, lake)
        shop = lake.dataset(SHOP)
        assert shop.users.ids.to_pylist() == ["5", "7"] and len(shop.interactions) == 3
        assert Histories.of(shop).row("5") == 0

    def test_sessions_not_seen_for_long_are_forgotten_by_serving(self, log: Log, lake: Lake) -> None:
        log.append([event(1, session_id="old"), event(2, session_id="new", time=31 * DAY)])
        sink(log, lake)
        histories = Histories.of(lake.dataset(SHOP))
        assert histories.linked_user("old") is None and histories.linked_user("new") == "u"


class TestFilters:
    def test_events_nobody_learns_from_are_kept_for_filters_a_hundred_of_each_type(self, lake: Lake) -> None:
        kinds = ["View"] * 600 + ["NotInterested"] * 150
        table = pa.table(
            {
                "user_id": ["u"] * 750,
                "item_id": [f"i{n:03d}" for n in range(750)],
                "timestamp": range(750),
                "event_type": kinds,
            }
        )
        lake.commit(SHOP, "interactions", table, schema=table.schema, mode="FULL", job="1")
        shop = lake.dataset(SHOP)
        assert shop.left_out is not None and len(shop.left_out) == 150 and len(shop.interactions) == 600
        histories = Histories.of(shop, cap=10)
        items, types = histories.interacted(histories.row("u"))
        named = {shop.event_types[code]: items[types == code].tolist() for code in set(types.tolist())}
        assert named == {"View": list(range(500, 600)), "NotInterested": list(range(650, 750))}
        assert len(histories.interacted(-1)[0]) == 0
        assert lake.dataset(SHOP, event_types=("View",)).left_out is None


class TestRemoval:
    def fill(self, log: Log, lake: Lake) -> None:
        anonymous = event(1, user_id="", session_id="s")
        user = put_record(SHOP, "user", Put(id="u", time=1))
        kept = [event(3, user_id="v"), put_record(SHOP, "user", Put(id="v", time=1))]
        log.append([anonymous, event(2, item_id="", session_id="s"), answer(1, 5, "i1"), user, *kept, event(4)])
        sink(log, lake)

    def test_users_are_gone_from_every_table_with_their_sessions(self, log: Log, lake: Lake) -> None:
        self.fill(log, lake)
        assert [lake.remove_users(SHOP, ["u", "nobody"], "job") for _ in range(2)] == [5, 5]
        assert lake.read(SHOP, "interactions")["user_id"].to_pylist() == ["v"]
        assert lake.read(SHOP, "users")["user_id"].to_pylist() == ["v"]
        assert lake.read(SHOP, "decisions").num_rows == lake.read(SHOP, "other_events").num_rows == 0
        assert len(list((lake.directory(SHOP) / "interactions").glob("*.parquet"))) == 1, (
            "older versions are unreadable"
        )
        assert lake_offsets(log, lake, SHOP).at("interactions", 0) == 7 and sink(log, lake).rows["interactions"] == 0
        log.append([event(9)])
        sink(log, lake)
        assert sorted(lake.read(SHOP, "interactions")["user_id"].to_pylist()) == ["u", "v"], "who comes back is new"

    def test_a_crash_at_every_call_and_the_job_again_removes_all_and_counts_the_same(self, tmp_path: Path) -> None:
        log = open_log(f"sqlite:///{tmp_path}/log.db")
        self.fill(log, Lake(tmp_path / "0"))
        for at in count(1, 3):
            root = tmp_path / str(at)
            shutil.copytree(tmp_path / "0", root)
            disk = Breaking(at, errno.EIO)
            with suppress(Exception):
                Lake(root, disk).remove_users(SHOP, ["u"], "job")
            lake = Lake(root)
            assert lake.remove_users(SHOP, ["u"], "job") == 5
            for kind in ("interactions", "users"):
                assert lake.read(SHOP, kind)["user_id"].to_pylist() == ["v"]  # type: ignore[arg-type]
            if len(disk.calls) < at:
                break
        log.close()

    def test_dropped_tables_and_shops_stay_dropped(self, log: Log, lake: Lake) -> None:
        self.fill(log, lake)
        log.append([event(11), event(12, item_id="")])
        lake.drop(SHOP, "interactions", log)
        lake.drop(SHOP, "interactions", log)
        assert not lake.exists(SHOP, "interactions") and not lake.exists(SHOP, "other_events")
        assert len(live_since(log, lake, SHOP).recent("u")) == 0
        log.append([event(13)])
        assert sink(log, lake).rows["interactions"] == 1
        assert lake.read(SHOP, "interactions")["event_id"].to_pylist() == ["e13"]
        log.append([event(14), put("a", 9), answer(7, 8)])
        lake.drop_shop(SHOP, log)
        assert not lake.directory(SHOP).exists() and not list(lake.root.glob("*/*/.dropped*"))
        assert sink(log, lake).rows.total() == 0 and lake.shops() == []
        assert live_since(log, lake, SHOP).changed("item") == []
        log.append([event(15)])
        sink(log, lake)
        assert lake.read(SHOP, "interactions")["event_id"].to_pylist() == ["e15"]

    def test_what_a_killed_drop_left_is_swept_by_the_next(self, log: Log, lake: Lake, tmp_path: Path) -> None:
        self.fill(log, lake)
        disk = Breaking()
        Lake(tmp_path / "lake", disk).drop(SHOP, "decisions")
        at = next(place for place, call in enumerate(disk.calls, 1) if call.startswith("remove"))
        assert disk.calls[at - 2].startswith("fsync"), "out of sight for good before anything is removed"
        self.fill(log, lake)
        with suppress(OSError):
            Lake(tmp_path / "lake", Breaking(at, errno.EIO)).drop(SHOP, "users")
        assert not lake.exists(SHOP, "users") and list(lake.directory(SHOP).glob(".dropped-users*"))
        lake.drop(SHOP, "users")
        assert not list(lake.directory(SHOP).glob(".dropped-*"))


class TestAttribution:
    def test_shown_items_with_what_followed(self, log: Log, lake: Lake) -> None:
        told = {"recommendation_id": "RID-1"}
        log.append([answer(1, 10, "i1", "i2"), answer(2, 20, "i3", "i4"), answer(3, 30, "i5")])
        log.append(
            [
                event(12, item_id="i2", **told),
                event(11, item_id="i2", value=3.0, event_type="Click", **told),
                event(9, item_id="i1", **told),
                event(13 + DAY, item_id="i1", **told),
                event(14, item_id="i1"),
                event(21, item_id="i4", recommendation_id="RID-2", impression=("i4", "i9")),
                event(22, item_id="", recommendation_id="RID-2", impression=("i3",)),
            ]
        )
        sink(log, lake)
        rows = lake.seen_items(SHOP).to_pylist()
        found = [
            (row["recommendation_id"], row["item_id"], row["position"], row["impression"],
             [(one["event_type"], one["timestamp"]) for one in row["events"]])
            for row in rows
        ]  # fmt: skip
        assert found == [
            ("RID-1", "i1", 1, "implicit", []),
            ("RID-1", "i2", 2, "implicit", [("Click", 11), ("View", 12)]),
            ("RID-2", "i3", 1, "explicit", []),
            ("RID-2", "i4", 2, "explicit", [("View", 21)]),
            ("RID-2", "i9", None, "explicit", []),
            ("RID-3", "i5", 1, "implicit", []),
        ]
        assert rows[1]["events"][0]["event_value"] == 3.0 and rows[0]["propensity"] == 0.25
        assert [row["recommendation_id"] for row in lake.seen_items(SHOP, since=20, until=30).to_pylist()] == [
            "RID-2"
        ] * 3
        assert len(lake.seen_items(SHOP, window=2 * DAY).to_pylist()[0]["events"]) == 1

    def test_answers_that_nothing_followed_and_shops_without_any(self, log: Log, lake: Lake) -> None:
        assert lake.seen_items(SHOP).num_rows == 0
        log.append([answer(1, 10, "i1")])
        sink(log, lake)
        assert lake.seen_items(SHOP)["events"].to_pylist() == [[]]


def test_encoded_records_keep_their_shape() -> None:
    """What is in a log must be readable by later versions: the field names are the format."""
    payload = msgspec.msgpack.decode(event(1, session_id="s").payload)
    assert payload == {
        "event_id": "e1", "event_type": "View", "time": 1, "item_id": "i1", "user_id": "u", "session_id": "s"
    }  # fmt: skip
