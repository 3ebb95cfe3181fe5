"""Imports in their child process: what is reported, what survives a kill, a full disk, too little memory."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from breaking_disk import Breaking
from endcap.errors import DataError, InputError, ResourceError, SchemaError, UnknownName
from endcap.jobs.import_child import run_import
from endcap.jobs.importing import ImportReport, Request, import_source
from endcap.lake.tables import Lake
from endcap.seams import FrozenClock, Tick
from endcap.settings import Settings
from endcap.types import Micros, ShopKey

EVENTS = "user_id,item_id,timestamp,quantity\nann,tea,1600000000,1\nbob,tea,1600000001,2\n,milk,1600000002,1\n"
ITEMS = "item_id,name\ntea,Tea\nmilk,Milk\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", threads=1)


@pytest.fixture
def shop(settings: Settings) -> ShopKey:
    return ShopKey(settings.account_key, "corner")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "events.csv").write_text(EVENTS)
    (folder / "items.csv").write_text(ITEMS)
    return folder


def lake(settings: Settings) -> Lake:
    return Lake(settings.home / "lake")


def requested(settings: Settings, shop: ShopKey, folder: Path, job: str = "job") -> Request:
    """What the child is asked, for working in this process."""
    return Request(
        home=str(settings.home),
        account=shop.account.account,
        region=shop.account.region,
        group=shop.group,
        paths=(str(folder),),
        job=job,
        mode="FULL",
        created=0,
        memory_mb=1024,
        threads=1,
    )


def many(path: Path, rows: int) -> Path:
    with path.open("w") as file:
        file.write("user_id,item_id,timestamp\n")
        file.writelines(f"user-{n % 5000},item-{n % 777},{1_600_000_000 + n}\n" for n in range(rows))
    return path


def test_a_folder_becomes_tables_and_a_report(settings: Settings, shop: ShopKey, folder: Path) -> None:
    shown: list[tuple[str, int]] = []

    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        yield lambda n=1: shown.append((label, n))

    clock = FrozenClock(Micros(1_700_000_000_000_000))
    report = import_source(settings, shop, [folder], clock=clock, progress=progress)
    assert lake(settings).read(shop, "interactions").num_rows == 2
    assert lake(settings).read(shop, "items", columns=["name"]).to_pydict() == {"name": ["Milk", "Tea"]}
    assert report.job == "import-1700000000000000"
    assert (report.rows, report.kinds["interactions"].accepted, report.kinds["items"].version) == (5, 2, 0)
    assert shown == [
        ("reading events.csv", 3),
        ("reading items.csv", 2),
        ("writing items", 2),
        ("writing interactions", 2),
    ]
    plain = json.loads(json.dumps(report.json()))
    assert plain["kinds"]["interactions"]["rejected"] == 1
    assert [(one["reason"], one["count"]) for one in plain["reasons"]] == [("USER_ID is empty", 1)]
    rejects = pq.read_table(report.kinds["interactions"].rejects).to_pylist()
    assert [(row["row"], row["column"]) for row in rejects] == [(3, "USER_ID")]
    assert Path(plain["rejects"]).is_dir()


def test_the_manifest_tells_where_rows_came_from(settings: Settings, shop: ShopKey, folder: Path) -> None:
    request = requested(settings, shop, folder)
    report = run_import(msgspec.structs.replace(request, mapping={"event_type": "=View"}))
    manifest = json.loads(Path(report.manifest).read_text())
    assert [Path(one["path"]).name for one in manifest["sources"]] == ["events.csv", "items.csv"]
    assert manifest["sources"][0]["sha256"] == hashlib.sha256(EVENTS.encode()).hexdigest()
    assert manifest["mapping"] == {"event_type": "=View"}
    assert json.loads(manifest["schemas"]["items"])["name"] == "Items"


def test_incremental_adds_and_a_job_counts_once(settings: Settings, shop: ShopKey, folder: Path) -> None:
    run_import(requested(settings, shop, folder))
    (folder / "events.csv").write_text(EVENTS.replace("160000000", "160000009"))
    for _ in range(2):
        report = import_source(settings, shop, [folder], mode="INCREMENTAL", job="again")
        assert report.kinds["interactions"].version == 1
    assert lake(settings).read(shop, "interactions").num_rows == 4
    assert lake(settings).read(shop, "items").num_rows == 2


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("e.csv", "user_id,item_id\na,b\n", SchemaError, r"missing the following columns: \[TIMESTAMP\]"),
        ("e.csv", "user_id,item_id,timestamp\n", DataError, "header only"),
        ("e.csv", "", DataError, "is empty"),
        ("e.csv", "user_id,item_id,timestamp\n,,1600000000\n,b,1600000001\n", DataError, "All 2 rows of interactions"),
        ("e.parquet", "nonsense", DataError, "cannot be read as Parquet"),
        ("e.csv", "user_id,item_id,timestamp\na,b,5\n", DataError, "not one of seconds"),
    ],
)
def test_bad_input_changes_nothing(
    settings: Settings, shop: ShopKey, folder: Path, name: str, content: str, error: type[DataError], message: str
) -> None:
    run_import(requested(settings, shop, folder, job="first"))
    before = lake(settings).snapshot(shop)
    (folder / "events.csv").unlink()
    (folder / name).write_text(content)
    with pytest.raises(error, match=message):
        run_import(requested(settings, shop, folder, job="second"))
    assert lake(settings).snapshot(shop) == before
    assert not list(lake(settings).directory(shop).glob(".import-spill-*"))


def test_too_many_rejects_fail_where_a_share_is_given(settings: Settings, shop: ShopKey, folder: Path) -> None:
    with pytest.raises(DataError, match="1 of 3 rows of interactions were rejected") as caught:
        run_import(msgspec.structs.replace(requested(settings, shop, folder, job="strict"), max_rejected=0.3))
    assert caught.value.row == 3
    assert (lake(settings).directory(shop) / "rejects/strict/interactions.parquet").exists()
    assert lake(settings).shops() == []


def test_wrong_options(settings: Settings, shop: ShopKey, folder: Path) -> None:
    for options in ({"mode": "SOME"}, {"job": "../up"}):
        with pytest.raises(InputError):
            import_source(settings, shop, [folder], **options)
    for asked in ({"dialect": "magento"}, {"kind": "orders"}, {"mapping": {"hat": "x"}}):
        with pytest.raises(InputError):
            run_import(msgspec.structs.replace(requested(settings, shop, folder), **asked))


def test_a_killed_import_leaves_what_was_there(settings: Settings, shop: ShopKey, folder: Path, tmp_path: Path) -> None:
    run_import(requested(settings, shop, folder))
    before = lake(settings).snapshot(shop)
    big = many(tmp_path / "big.csv", 30_000)
    me = os.getpid()

    @contextmanager
    def kill(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        if label.startswith("writing"):
            for child in _children(me):
                os.kill(child, signal.SIGKILL)
        yield lambda n=1: None

    with pytest.raises(ResourceError, match="ended by SIGKILL") as caught:
        import_source(settings, shop, [big], progress=kill)
    assert "import_memory_mb" in caught.value.fix
    assert lake(settings).snapshot(shop) == before
    import_source(settings, shop, [big])
    assert lake(settings).read(shop, "interactions").num_rows == 30_000
    assert not list(lake(settings).directory(shop).glob(".import-spill-*"))


def test_too_little_memory_is_an_error_not_a_crash(shop: ShopKey, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", import_memory_mb=300, threads=1)
    with pytest.raises(ResourceError, match=r"memory|ended"):
        import_source(settings, shop, [many(tmp_path / "big.csv", 200_000)])
    assert lake(settings).shops() == []


def test_the_child_dies_with_its_parent(settings: Settings, tmp_path: Path) -> None:
    big = many(tmp_path / "big.csv", 300_000)
    code = (
        "import sys\nfrom pathlib import Path\nfrom contextlib import contextmanager\n"
        "from endcap.settings import Settings\nfrom endcap.types import ShopKey\n"
        "from endcap.jobs.importing import import_source\n"
        "@contextmanager\ndef show(label, total=None, unit=''):\n"
        "    print(label, flush=True)\n    yield lambda n=1: None\n"
        f"s = Settings(home=Path({str(settings.home)!r}))\n"
        f"import_source(s, ShopKey(s.account_key, 'corner'), [{str(big)!r}], progress=show)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and b"reading" in parent.stdout.readline()
        children = _children(parent.pid)
        parent.kill()
    assert children
    deadline = time.monotonic() + 20
    while any(_alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(child) for child in children)
    assert lake(settings).shops() == []


def test_an_import_from_a_thread(settings: Settings, shop: ShopKey, folder: Path) -> None:
    found: list[ImportReport] = []
    worker = threading.Thread(target=lambda: found.append(import_source(settings, shop, [folder])))
    worker.start()
    worker.join()
    assert found[0].kinds["interactions"].accepted == 2


@pytest.mark.parametrize("at", range(1, 40, 3))
def test_a_full_disk_at_any_moment_keeps_whole_tables(settings: Settings, shop: ShopKey, folder: Path, at: int) -> None:
    request = requested(settings, shop, folder, job="first")
    run_import(request)
    before = lake(settings).read(shop, "interactions").to_pylist()
    (folder / "events.csv").write_text(EVENTS.replace("tea", "coffee"))
    disk = Breaking(at)
    try:
        run_import(msgspec.structs.replace(request, job="second"), disk=disk)
    except (ResourceError, OSError):
        after = lake(settings).read(shop, "interactions").to_pylist()
        assert after == before or {row["item_id"] for row in after} == {"coffee"}
        run_import(msgspec.structs.replace(request, job="second"))
    assert {row["item_id"] for row in lake(settings).read(shop, "interactions").to_pylist()} == {"coffee"}


def test_an_unknown_dialect_is_told_as_the_parent_would(settings: Settings, shop: ShopKey, folder: Path) -> None:
    with pytest.raises(InputError, match=r"There is no dialect 'magento'\. Known: complete-journey") as caught:
        import_source(settings, shop, [folder], dialect="magento")
    assert caught.value.exit_code == UnknownName.exit_code


def _children(pid: int) -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_import(entry, pid)]


def _is_import(process: Path, parent: int) -> bool:
    try:
        is_child = int((process / "stat").read_text().rpartition(")")[2].split()[1]) == parent
        return is_child and b"import_child" in (process / "cmdline").read_bytes()
    except OSError:
        return False


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False
