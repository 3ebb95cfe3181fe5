"""The event log in SQLite: the contract, and what happens when the disk refuses."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ArtefactError, InputError, ResourceError, StateError, UnavailableError
from endcap.storage.log import open_log, open_log_reader, sqlite_reader
from endcap.storage.log.sqlite_file import LogFile
from endcap.storage.log.sqlite_reader import SqliteReader
from endcap.testing.logs import OTHER, SHOP, LogContract, record, whole


class TestSqlite(LogContract):
    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'deep' / 'log.db'}"


class TestSqliteInFourPartitions(TestSqlite):
    partitions = 4


@given(st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=8), st.sampled_from([1, 3]))
@settings(max_examples=40, deadline=None)
def test_commits_that_take_all_at_once_take_what_those_that_look_first_take(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], partitions: int
) -> None:
    file, ends, known = LogFile(tmp_path_factory.mktemp("log") / "log.db", partitions), dict[int, int](), set[int]()
    for names in batches:
        taken = file.commit([record(f"r{name}", (SHOP, OTHER)[name % 2]) for name in names])
        for name, offset in zip(names, taken, strict=True):
            assert (offset is None) == (name in known), "the first of an id, and nobody else"
            known.add(name)
            if offset is not None:
                assert offset.n == ends.get(offset.partition, 0) + 1, "numbered without gaps"
                ends[offset.partition] = offset.n
    file.close()
    assert len(whole(SqliteReader(file.path))) == len(known)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/log.db"])
def test_urls_that_name_no_file(url: str) -> None:
    with pytest.raises(InputError, match="names no file"):
        open_log(url)


def test_relative_paths_and_those_with_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = open_log("sqlite:///a%20b?c#d.db")
    log.append([record("a")])
    assert len(whole(open_log_reader(f"sqlite:///{tmp_path}/a%20b?c#d.db"))) == 1
    log.close()
    assert (tmp_path / "a%20b?c#d.db").exists()


def test_foreign_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database" * 500)
    with pytest.raises(ArtefactError, match="damaged"):
        open_log(f"sqlite:///{tmp_path}/text")
    with pytest.raises(ArtefactError, match="damaged"):
        open_log_reader(f"sqlite:///{tmp_path}/text").ends()
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    with pytest.raises(ArtefactError, match="no event log"):
        open_log(f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(InputError, match="0 partitions"):
        open_log(f"sqlite:///{tmp_path}/new.db", partitions=0)


def test_a_full_queue_refuses_at_once_and_goes_on_afterwards(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path}/log.db", queue=10)
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
    assert log.append([record("afterwards")])[0]
    log.close()


FULL_DISK = """
import resource, signal, sys
from endcap.errors import ResourceError
from endcap.storage.log import open_log
from endcap.testing.logs import record, whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = open_log(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
taken, refused = [], 0
for n in range(200):
    try:
        log.append([record(f"r{n}", payload=b"x" * 4_000)])
        taken.append(f"r{n}")
    except ResourceError as error:
        assert "disk" in str(error), error
        refused += 1
        if refused == 5:
            break
assert refused == 5 and len(taken) > 10, (refused, len(taken))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
while True:
    try:
        log.append([record("space again")])
        break
    except ResourceError:
        pass
ids = [each.id for _, each in whole(log)]
assert set(ids) >= {record(name).id for name in [*taken, "space again"]} and len(ids) == len(set(ids))
assert [offset.n for offset, _ in whole(log)] == list(range(1, len(ids) + 1))
log.close()
print(len(ids))
"""


def test_a_disk_that_refuses_fails_what_is_queued_and_the_log_opens_again_by_itself(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    log = open_log(url)
    assert len(whole(log)) == int(done.stdout)
    log.close()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    log.append([record("a")])
    assert {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("log.db*") if "lock" not in path.name} == {
        "log.db": 0, "log.db-wal": 0, "log.db-shm": 0,
    }  # fmt: skip
    log.close()


def test_the_writer_is_named_to_whom_it_keeps_out(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    with pytest.raises(StateError, match=f"process {os.getpid()}"):
        open_log(f"sqlite:///{tmp_path}/log.db")
    log.close()


def test_a_reader_that_holds_on_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_reader, "WAIT_SECONDS", 0.05)
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    log.append([record("a")])
    holding = sqlite_reader.connect(tmp_path / "log.db")
    holding.execute("BEGIN")
    holding.execute("SELECT count(*) FROM records").fetchone()
    log.append([record("b")])
    log.close()
    with pytest.raises(UnavailableError, match="being read"):
        open_log(f"sqlite:///{tmp_path}/log.db")
    holding.close()
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    assert len(whole(log)) == 2
    log.close()
