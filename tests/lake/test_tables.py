"""The processed tables: what a commit does, and that a crash at any moment leaves the old or the new version."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ArtefactError, DataError, InputError, ResourceError, SchemaError, StateError, UnknownName
from endcap.lake import commits
from endcap.lake.commits import CHECKPOINT_EVERY
from endcap.lake.intake import ARRIVAL, Staged, quoted
from endcap.lake.tables import Lake, Snapshot
from endcap.seams import Disk
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "corner-shop")
START = 1_700_000_000_000_000
INTERACTIONS = pa.schema(
    [("user_id", pa.string()), ("item_id", pa.string()), ("timestamp", pa.int64()), ("event_type", pa.string())]
)

USERS = pa.schema([("user_id", pa.string())])


def events(*rows: tuple[str, str, int, str]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, INTERACTIONS, strict=True)], schema=INTERACTIONS
    )


def put(lake: Lake, kind: str, table: pa.Table, job: str, mode: str = "FULL") -> int:
    return lake.commit(SHOP, kind, table, schema=table.schema, mode=mode, job=job)  # type: ignore[arg-type]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


class TestCommit:
    def test_interactions_are_sorted_and_exact_duplicates_kept_once(self, lake: Lake) -> None:
        one = ("u2", "i1", START + 5, "View")
        assert (
            put(lake, "interactions", events(one, ("u1", "i9", START, "View"), one, ("u1", "i3", START, "View")), "a")
            == 0
        )
        assert (
            lake.read(SHOP, "interactions").to_pylist()
            == events(("u1", "i9", START, "View"), ("u1", "i3", START, "View"), one).to_pylist()
        )

    def test_full_replaces_and_the_old_version_stays_readable(self, lake: Lake) -> None:
        put(lake, "interactions", events(("u1", "i1", START, "View")), "a")
        assert put(lake, "interactions", events(("u2", "i2", START, "View")), "b") == 1
        assert lake.read(SHOP, "interactions", columns=["user_id"]).to_pylist() == [{"user_id": "u2"}]
        assert lake.read(SHOP, "interactions", version=0)["user_id"].to_pylist() == ["u1"]

    def test_incremental_appends_what_is_not_there_yet(self, lake: Lake) -> None:
        old, new = ("u1", "i1", START, "View"), ("u1", "i1", START, "Purchase")
        put(lake, "interactions", events(old), "a")
        put(lake, "interactions", events(old, new, new), "b", "INCREMENTAL")
        assert sorted(lake.read(SHOP, "interactions")["event_type"].to_pylist()) == ["Purchase", "View"]
        assert [(c.version, c.job, c.mode, c.rows, c.received) for c in lake.history(SHOP, "interactions")] == [
            (1, "b", "INCREMENTAL", 2, 3),
            (0, "a", "FULL", 1, 1),
        ]

    def test_incremental_upserts_records_by_key_and_adds_columns(self, lake: Lake) -> None:
        put(lake, "items", pa.table({"item_id": ["a", "b"], "price": [1.0, 2.0]}), "1")
        fresh = pa.table({"item_id": ["b", "c", "b"], "price": [9.0, 3.0, 8.0], "brand": ["x", "y", "z"]})
        put(lake, "items", fresh, "2", "INCREMENTAL")
        assert lake.read(SHOP, "items").to_pylist() == [
            {"item_id": "a", "price": 1.0, "brand": None},
            {"item_id": "b", "price": 8.0, "brand": "z"},
            {"item_id": "c", "price": 3.0, "brand": "y"},
        ]
        put(lake, "items", pa.table({"item_id": ["a"]}), "3", "INCREMENTAL")
        assert lake.read(SHOP, "items").to_pylist()[0] == {"item_id": "a", "price": None, "brand": None}

    def test_new_columns_of_incremental_events(self, lake: Lake) -> None:
        put(lake, "interactions", events(("u1", "i1", START, "View")), "a")
        wider = events(("u1", "i1", START, "View"), ("u2", "i1", START, "View")).append_column(
            "device", [["web", None]]
        )
        put(lake, "interactions", wider, "b", "INCREMENTAL")
        rows = lake.read(SHOP, "interactions").sort_by([("user_id", "ascending"), ("device", "ascending")]).to_pylist()
        assert [(row["user_id"], row["device"]) for row in rows] == [("u1", "web"), ("u1", None), ("u2", None)]

    def test_the_same_job_twice_is_one_version(self, lake: Lake) -> None:
        table = events(("u1", "i1", START, "View"))
        assert [put(lake, "interactions", table, job) for job in ("a", "b", "a", "b")] == [0, 1, 0, 1]
        assert len(lake.history(SHOP, "interactions")) == 2

    def test_foreign_types_become_ones_that_delta_keeps(self, lake: Lake) -> None:
        table = pa.table(
            {
                "item_id": pa.array([7, 8], pa.int32()),
                "kind": pa.array(["x", "y"]).dictionary_encode(),
                "tags": pa.array([["a", "b"], None], pa.list_(pa.string())),
                "stock": pa.array([1, 2], pa.uint32()),
                "created": pa.array([START // 1000, None], pa.timestamp("ms")),
                "half": pa.array([0.5, 1.5], pa.float16()),
                "nothing": pa.nulls(2),
                "rowid": pa.array([5, 6]),
            }
        )
        put(lake, "items", table, "a")
        assert lake.read(SHOP, "items").to_pylist()[0] == {
            "item_id": "7", "kind": "x", "tags": "a|b", "stock": 1,
            "created": START, "half": 0.5, "nothing": None, "rowid": 5,
        }  # fmt: skip

    def test_rows_that_do_not_fit_change_nothing(self, lake: Lake) -> None:
        put(lake, "items", pa.table({"item_id": ["a"], "price": [1.0]}), "1")
        with pytest.raises(SchemaError, match="price holds string"):
            put(lake, "items", pa.table({"item_id": ["a"], "price": ["cheap"]}), "2", "INCREMENTAL")
        with pytest.raises(SchemaError, match="no column item_id"):
            put(lake, "items", pa.table({"sku": ["a"]}), "3")
        with pytest.raises(SchemaError, match="Flatten"):
            put(lake, "items", pa.table({"item_id": ["a"], "size": [{"w": 1}]}), "4")
        with pytest.raises(DataError, match="empty in row 2"):
            put(lake, "items", pa.table({"item_id": ["a", None], "price": [1.0, 2.0]}), "5")
        with pytest.raises(DataError, match="no items to import"):
            put(lake, "items", pa.table({"item_id": pa.array([], pa.string())}), "6")
        with pytest.raises(InputError, match="FULL or INCREMENTAL"):
            put(lake, "items", pa.table({"item_id": ["a"]}), "7", "UPSERT")
        assert lake.read(SHOP, "items").to_pylist() == [{"item_id": "a", "price": 1.0}]

    def test_what_the_batches_raise_is_raised_and_nothing_committed(self, lake: Lake) -> None:
        def batches() -> Iterator[pa.RecordBatch]:
            yield from events(("u1", "i1", START, "View")).to_batches()
            raise DataError("Row 2 is broken.", row=2)

        with pytest.raises(DataError, match="Row 2 is broken"):
            lake.commit(SHOP, "interactions", batches(), schema=INTERACTIONS, mode="FULL", job="a")
        assert not lake.exists(SHOP, "interactions")

    def test_staged_rows_are_written_from_where_they_lie(self, lake: Lake) -> None:
        rows = events(("u2", "i1", START, "View"), ("u1", "é" * 99, START + 1, "View"), ("u1", "i1", START, "Buy"))
        with duckdb.connect() as connection:
            connection.register("given", rows)
            connection.execute(f"CREATE TABLE held AS SELECT *, row_number() OVER () AS {quoted(ARRIVAL)} FROM given")
            staged = Staged(connection, "SELECT * FROM held", INTERACTIONS)
            for job, mode in (("a", "FULL"), ("b", "INCREMENTAL"), ("a", "FULL")):
                lake.commit(SHOP, "interactions", staged, schema=INTERACTIONS, mode=mode, job=job)  # type: ignore[arg-type]
            assert pa.Table.from_batches(staged.batches()) == rows
            users = Staged(connection, f"SELECT DISTINCT user_id, 1 AS {quoted(ARRIVAL)} FROM held", USERS)
            lake.commit(SHOP, "users", users, schema=USERS, mode="FULL", job="c")
            wide = USERS.append(pa.field("age", pa.int32()))
            lake.commit(SHOP, "users", users, schema=wide, mode="FULL", job="d")
        assert lake.read(SHOP, "interactions").to_pylist() == [rows.to_pylist()[place] for place in (2, 1, 0)]
        assert [commit.rows for commit in lake.history(SHOP, "interactions")] == [3, 3]
        assert lake.read(SHOP, "users").to_pylist() == [{"user_id": u, "age": None} for u in ("u1", "u2")]

    def test_statistics_in_the_log_are_the_files_own(self, lake: Lake) -> None:
        table = pa.table(
            {
                "item_id": ["b", "a", "c"],
                "stock": pa.array([7, None, -3], pa.int32()),
                "price": pa.array([0.1, float("nan"), 0.3], pa.float32()),
                "note": ["x" * 100, None, None],
            }
        )
        put(lake, "items", table, "a")
        (action,) = pa.table(lake.open(SHOP, "items").get_add_actions(flatten=True)).to_pylist()
        assert (action["num_records"], action["null_count.stock"], action["null_count.note"]) == (3, 1, 2)
        assert (action["min.item_id"], action["max.item_id"]) == ("a", "c")
        assert (action["min.stock"], action["max.stock"]) == (-3, 7)
        assert action.get("min.price") is None and action.get("max.note") is None
        assert lake.open(SHOP, "items").to_pyarrow_dataset().to_table(filter=pc.field("stock") < 0).num_rows == 1

    def test_a_long_log_is_summed_up_and_old_versions_stay(self, lake: Lake) -> None:
        for number in range(CHECKPOINT_EVERY + 3):
            put(lake, "users", pa.table({"user_id": [f"u{number}"]}), str(number), "INCREMENTAL")
        log = lake.directory(SHOP) / "users" / "_delta_log"
        assert (log / "_last_checkpoint").exists()
        assert lake.read(SHOP, "users").num_rows == CHECKPOINT_EVERY + 3
        assert lake.newest(SHOP, "users") == lake.history(SHOP, "users")[0] and lake.newest(SHOP, "items") is None
        assert lake.read(SHOP, "users", version=2).num_rows == 3
        assert put(lake, "users", pa.table({"user_id": ["x"]}), "1", "INCREMENTAL") == 1

    def test_nothing_is_left_beside_the_tables(self, lake: Lake) -> None:
        put(lake, "users", pa.table({"user_id": ["u"]}), "a")
        assert {path.name for path in lake.directory(SHOP).iterdir()} == {".users.lock", "users"}


class TestRead:
    def test_a_missing_table_names_the_fix(self, lake: Lake) -> None:
        with pytest.raises(StateError, match="endcap import"):
            lake.read(SHOP, "items")
        assert lake.snapshot(SHOP) == Snapshot({}) and lake.shops() == []

    def test_missing_versions_and_columns(self, lake: Lake) -> None:
        put(lake, "users", pa.table({"user_id": ["u"]}), "a")
        with pytest.raises(StateError, match="no version 3"):
            lake.read(SHOP, "users", version=3)
        with pytest.raises(DataError, match="no column age"):
            lake.read(SHOP, "users", columns=["age"])

    def test_shops_and_snapshot_text(self, lake: Lake) -> None:
        put(lake, "users", pa.table({"user_id": ["u"]}), "a")
        put(lake, "items", pa.table({"item_id": ["i"]}), "a")
        assert lake.shops() == [SHOP]
        snapshot = lake.snapshot(SHOP)
        assert snapshot.text == "items@0,users@0" and Snapshot.parse(snapshot.text) == snapshot
        with pytest.raises(InputError, match="not of the form"):
            Snapshot.parse("items=1")


class TestDataset:
    @pytest.fixture
    def filled(self, lake: Lake) -> Lake:
        put(
            lake,
            "interactions",
            events(
                ("u2", "i1", START + 2, "View"),
                ("u1", "i2", START + 9, "Purchase"),
                ("u1", "i1", START + 1, "View"),
                ("u3", "i2", START + 1, "Return"),
            ),
            "a",
        )
        put(lake, "items", pa.table({"item_id": ["i0", "i1"], "price": [5.0, 6.0]}), "a")
        put(lake, "users", pa.table({"user_id": ["u9", "u1"], "age": [50, 30]}), "a")
        return lake

    def test_vocabularies_hold_all_items_and_users_with_aligned_metadata(self, filled: Lake) -> None:
        shop = filled.dataset(SHOP)
        assert shop.users.ids.to_pylist() == ["u1", "u2", "u3", "u9"]
        assert shop.items.ids.to_pylist() == ["i1", "i2", "i0"] and shop.items.ordinals.tolist() == [0, 1, 2]
        assert shop.item_metadata is not None and shop.user_metadata is not None
        assert shop.item_metadata.to_pydict() == {"item_id": ["i1", "i2", "i0"], "price": [6.0, None, 5.0]}
        assert shop.user_metadata["age"].to_pylist() == [30, None, None, 50]
        assert shop.snapshot == "interactions@0,items@0,users@0"

    def test_returns_are_left_out_and_types_weighted(self, filled: Lake) -> None:
        shop = filled.dataset(SHOP)
        rows = shop.interactions
        names = [shop.event_types[code] for code in rows.event_type]
        assert list(zip(rows.user, rows.item, rows.time - START, names, strict=True)) == [
            (0, 0, 1, "View"), (0, 1, 9, "Purchase"), (1, 0, 2, "View"),
        ]  # fmt: skip
        assert rows.weight[1] == 1 and 0 < rows.weight[0] < 1
        assert (rows.order == -1).all()
        assert len(filled.dataset(SHOP, event_types=("Return",)).interactions) == 1
        with pytest.raises(UnknownName, match="Purchase, Return, View"):
            filled.dataset(SHOP, event_types=("Buy",))

    def test_items_keep_their_ordinals_when_they_leave_and_come_back(self, filled: Lake) -> None:
        old = filled.snapshot(SHOP)
        put(filled, "items", pa.table({"item_id": ["new"]}), "b")
        put(filled, "items", pa.table({"item_id": ["new", "i0"]}), "c")
        shop = filled.dataset(SHOP)
        assert dict(zip(shop.items.ids.to_pylist(), shop.items.ordinals.tolist(), strict=True)) == {
            "i1": 0, "i2": 1, "i0": 2, "new": 3,
        }  # fmt: skip
        assert filled.dataset(SHOP, snapshot=old).items.ids.to_pylist() == ["i1", "i2", "i0"]

    def test_a_lost_catalogue_index_is_said(self, filled: Lake) -> None:
        shutil.rmtree(filled.directory(SHOP) / "catalogue")
        with pytest.raises(ArtefactError, match="lacks 3 items"):
            filled.dataset(SHOP)

    def test_orders_and_rows_of_several_files(self, lake: Lake) -> None:
        first = events(("u1", "i1", START, "View"), ("u1", "i2", START, "View")).append_column(
            "order_id", [["o1", "o1"]]
        )
        second = events(("u1", "i3", START - 5, "View")).append_column("order_id", [pa.array([None], pa.string())])
        put(lake, "interactions", first, "a")
        put(lake, "interactions", second, "b", "INCREMENTAL")
        rows = lake.dataset(SHOP).interactions
        assert rows.time.tolist() == [START - 5, START, START]
        assert rows.order[0] == -1 and rows.order[1] == rows.order[2] >= 0


@settings(max_examples=15, deadline=None)
@given(
    imports=st.lists(
        st.tuples(
            st.sampled_from(["FULL", "INCREMENTAL"]),
            st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=6),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_sequence_of_imports_equals_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, imports: list[tuple[str, list[tuple[str, int]]]]
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    records: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    for number, (mode, rows) in enumerate(imports):
        items = pa.table({"item_id": [name for name, _ in rows], "stock": [value for _, value in rows]})
        put(lake, "items", items, str(number), mode)
        put(
            lake,
            "interactions",
            events(*((name, name, START + value, "View") for name, value in rows)),
            str(number),
            mode,
        )
        records = {**(records if mode == "INCREMENTAL" else {}), **dict(rows)}
        seen = (seen if mode == "INCREMENTAL" else set()) | set(rows)
        for kind in ("items", "interactions"):
            assert lake.newest(SHOP, kind) == lake.history(SHOP, kind)[0]
    assert {row["item_id"]: row["stock"] for row in lake.read(SHOP, "items").to_pylist()} == records
    stored = [(row["item_id"], row["timestamp"] - START) for row in lake.read(SHOP, "interactions").to_pylist()]
    assert sorted(stored) == sorted(seen)


class Crash(Exception):
    """A power cut, as the caller sees it."""


class StopsAt(Disk):
    """Counts the calls whose order matters and raises at the n-th; notes what has been flushed before each rename."""

    def __init__(self, at: int) -> None:
        self.calls, self.at = 0, at
        self.flushed: set[Path] = set()

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise Crash

    def write(self, path: Path, data: bytes) -> None:
        self._count()
        super().write(path, data)
        self.flushed.add(path)

    def fsync(self, path: Path) -> None:
        self._count()
        super().fsync(path)
        self.flushed.add(path)

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        assert source in self.flushed, f"{source} was published before it was durable"
        if target.suffix == ".json":
            assert target.parent.parent in self.flushed, "the data's directory was not durable before the commit"
        super().rename(source, target)


def die_at(monkeypatch: pytest.MonkeyPatch, root: Path, at: int, mode: str, new: pa.Table) -> StopsAt:
    """One commit that ends at the n-th call as a killed process would: nothing is tidied up behind it."""
    disk = StopsAt(at)
    tidy = commits.recover
    monkeypatch.setattr(commits, "recover", lambda table: None if disk.calls >= at else tidy(table))
    with suppress(Crash):
        put(Lake(root, disk), "interactions", new, "b", mode)
    monkeypatch.undo()
    return disk


@pytest.mark.parametrize("mode", ["FULL", "INCREMENTAL"])
def test_a_crash_at_every_call_leaves_the_old_or_the_new_version(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = events(("u1", "i1", START, "View")), events(("u2", "i2", START, "View"))
    both = {"u2"} if mode == "FULL" else {"u1", "u2"}
    put(Lake(tmp_path / "0"), "interactions", old, "a")
    seen = []
    for at in count(1):
        root = tmp_path / str(at)
        shutil.copytree(tmp_path / "0", root)
        disk = die_at(monkeypatch, root, at, mode, new)
        lake = Lake(root)
        seen.append(set(lake.read(SHOP, "interactions")["user_id"].to_pylist()))
        assert put(lake, "interactions", new, "b", mode) == 1
        assert set(lake.read(SHOP, "interactions")["user_id"].to_pylist()) == both
        files = {path.name for path in (lake.directory(SHOP) / "interactions").glob("*.parquet")}
        assert len(files) == 2, "an interrupted commit left data files behind"
        assert not list(lake.directory(SHOP).glob(".*.staging"))
        if disk.calls < at:
            break
    turn = seen.index(both)
    assert turn > 6 and all(users == {"u1"} for users in seen[:turn]) and all(users == both for users in seen[turn:])


def test_a_crash_while_the_log_is_summed_up_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Lake(tmp_path / "0")
    for number in range(CHECKPOINT_EVERY):
        put(first, "interactions", events((f"u{number}", "i1", START, "View")), str(number), "INCREMENTAL")
    for at in range(1, 8):
        root = tmp_path / str(at)
        shutil.copytree(tmp_path / "0", root)
        die_at(monkeypatch, root, at, "INCREMENTAL", events(("new", "i1", START, "View")))
        lake = Lake(root)
        assert lake.read(SHOP, "interactions").num_rows == CHECKPOINT_EVERY
        assert put(lake, "interactions", events(("new", "i1", START, "View")), "b", "INCREMENTAL") == CHECKPOINT_EVERY
        assert lake.read(SHOP, "interactions").num_rows == CHECKPOINT_EVERY + 1
        assert lake.read(SHOP, "interactions", version=3).num_rows == 4


class Full(Disk):
    """A disk without space."""

    def fsync(self, path: Path) -> None:
        if ".staging" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        super().fsync(path)


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    put(Lake(tmp_path), "users", pa.table({"user_id": ["u"]}), "a")
    with pytest.raises(ResourceError, match=r"disk of .* is full"):
        put(Lake(tmp_path, Full()), "users", pa.table({"user_id": ["v"]}), "b")
    assert Lake(tmp_path).read(SHOP, "users")["user_id"].to_pylist() == ["u"]


def test_too_little_memory_is_said_and_changes_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path, memory_mb=8)
    wide = pa.table({"user_id": [f"u{n:040d}" for n in range(200_000)], "note": [f"{n:0400d}" for n in range(200_000)]})
    with pytest.raises(ResourceError, match="import_memory_mb"):
        put(lake, "users", wide, "a")
    assert not lake.exists(SHOP, "users")


RIVAL = """
import sys
from pathlib import Path
import pyarrow as pa
from endcap.lake.tables import Lake
from endcap.types import AccountKey, ShopKey
lake, me = Lake(Path(sys.argv[1])), sys.argv[2]
for n in range(6):
    table = pa.table({"item_id": [f"{me}{n}", f"both{n}"], "user_id": ["u", me], "timestamp": [n, n]})
    for kind, part in (("interactions", table), ("items", table.select(["item_id"]))):
        lake.commit(ShopKey(AccountKey(), "corner-shop"), kind, part, schema=part.schema,
            mode="INCREMENTAL", job=f"{me}{n}")
"""


def test_rivals_wait_for_each_other(tmp_path: Path) -> None:
    children = [subprocess.Popen([sys.executable, "-c", RIVAL, str(tmp_path), me]) for me in ("a", "b")]
    assert [child.wait() for child in children] == [0, 0]
    lake = Lake(tmp_path)
    assert lake.open(SHOP, "items").version() == lake.open(SHOP, "interactions").version() == 11
    assert lake.read(SHOP, "interactions").num_rows == 24
    shop = lake.dataset(SHOP)
    assert shop.n_items == 18 and shop.items.ordinals.tolist() == list(range(18))


CHILD = """
import sys
from pathlib import Path
import pyarrow as pa
from endcap.lake.tables import Lake
from endcap.types import AccountKey, ShopKey
lake, n = Lake(Path(sys.argv[1])), int(sys.argv[2])
start = n
while True:
    n += 1
    table = pa.table({"user_id": [f"u{k}" for k in range(2000)], "generation": [n] * 2000})
    lake.commit(ShopKey(AccountKey(), "corner-shop"), "users", table, schema=table.schema, mode="FULL", job=f"{n}")
    if n == start + 1:
        print("ready", flush=True)
"""


def test_killed_while_committing_in_a_loop(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rng = np.random.Generator(np.random.PCG64(11))
    generation = 0
    for _ in range(5):
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(generation)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.1 + 0.2 * rng.random())
            os.kill(child.pid, signal.SIGKILL)
        if not lake.exists(SHOP, "users"):
            continue
        table = lake.read(SHOP, "users")
        assert table.num_rows == 2000
        found = set(table["generation"].to_pylist())
        assert len(found) == 1 and max(found) >= generation
        generation = max(found)
    assert generation > 0
    put(lake, "users", pa.table({"user_id": ["u"]}), "last")
    assert lake.read(SHOP, "users").num_rows == 1
    named = {
        Path(file).name
        for version in range(lake.open(SHOP, "users").version() + 1)
        for file in lake.files(SHOP, "users", version)
    }
    assert {path.name for path in (lake.directory(SHOP) / "users").glob("*.parquet")} == named
