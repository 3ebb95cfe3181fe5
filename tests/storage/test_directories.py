import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from breaking_disk import Breaking
from endcap.errors import EndcapError, InputError, ResourceError, StateError
from endcap.storage.directories import TEMPORARY, publish_directory

FILES = {"a.bin": b"a" * 5000, "b.json": b"{}", "manifest.json": b"last"}


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_files_then_directory_then_rename_then_parent(tmp_path: Path) -> None:
    disk = Breaking()
    target = publish_directory(tmp_path, "v1", FILES, disk)
    assert contents(target) == FILES
    first, *writes, inner, rename, outer = disk.calls
    assert first.startswith(f"mkdir {TEMPORARY}") and inner.startswith(f"fsync {TEMPORARY}")
    assert writes == [f"write {name}" for name in FILES]
    assert (rename, outer) == ("rename v1", f"fsync {tmp_path.name}")


def test_new_parents_are_made_durable_too(tmp_path: Path) -> None:
    disk = Breaking()
    publish_directory(tmp_path / "x" / "y", "v1", FILES, disk)
    assert disk.calls[:4] == ["mkdir x", f"fsync {tmp_path.name}", "mkdir y", "fsync x"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failure_at_any_call_leaves_the_old_and_no_half_and_the_next_publish_works(tmp_path: Path, code: int) -> None:
    parent = tmp_path / "models"
    publish_directory(parent, "old", FILES)
    leftover = parent / f"{TEMPORARY}dead"
    leftover.mkdir()
    counting = Breaking()
    publish_directory(parent, "counted", FILES, counting)
    for at in range(1, len(counting.calls) + 1):
        leftover.mkdir(exist_ok=True)
        disk = Breaking(at, code)
        with pytest.raises(ResourceError, match=os.strerror(code)) as caught:
            publish_directory(parent, f"v{at}", FILES, disk)
        assert caught.value.fix and len(disk.calls) == at, "nothing is tried again after an error"
        assert contents(parent / "old") == FILES
        if (parent / f"v{at}").exists():
            assert contents(parent / f"v{at}") == FILES
    publish_directory(parent, "next", FILES)
    assert not list(parent.glob(f"{TEMPORARY}*"))


def test_an_existing_target_is_an_error(tmp_path: Path) -> None:
    publish_directory(tmp_path, "v1", FILES)
    with pytest.raises(StateError, match="exists already"):
        publish_directory(tmp_path, "v1", {"other": b""})
    assert contents(tmp_path / "v1") == FILES


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a\\b", "a\0b", "a\nb", f"{TEMPORARY}1", "x" * 256])
def test_names_that_are_no_names(tmp_path: Path, name: str) -> None:
    for call in (
        lambda: publish_directory(tmp_path, name, FILES),
        lambda: publish_directory(tmp_path, "v", {name: b""}),
    ):
        with pytest.raises(InputError):
            call()
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_publish(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no files"):
        publish_directory(tmp_path, "v1", {})


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(EndcapError, match="models"):
        publish_directory(tmp_path / "models", "v1", FILES)


HALTING = """
import sys, time
from pathlib import Path
from endcap.seams import Disk
from endcap.storage.directories import publish_directory
class Halting(Disk):
    def rename(self, source, target):
        print("halted", flush=True)
        time.sleep(60)
publish_directory(Path(sys.argv[1]), "slow", {"a": b"a"}, Halting())
"""


def test_work_in_progress_of_another_process_is_not_swept_until_that_process_is_dead(tmp_path: Path) -> None:
    slow = subprocess.Popen([sys.executable, "-c", HALTING, tmp_path], stdout=subprocess.PIPE)
    assert slow.stdout and slow.stdout.readline() == b"halted\n"
    publish_directory(tmp_path, "v1", FILES)
    assert len(list(tmp_path.glob(f"{TEMPORARY}*"))) == 1
    slow.send_signal(signal.SIGKILL)
    slow.communicate()
    publish_directory(tmp_path, "v2", FILES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v1", "v2"]


def test_who_comes_second_to_the_same_name_is_told_so(tmp_path: Path) -> None:
    class Late(Breaking):
        def rename(self, source: Path, target: Path) -> None:
            publish_directory(tmp_path, "v1", {"a.bin": b"first"})  # another process, between our look and our rename
            super().rename(source, target)

    with pytest.raises(StateError, match="exists already"):
        publish_directory(tmp_path, "v1", FILES, Late())
    assert contents(tmp_path / "v1") == {"a.bin": b"first"}
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == ["v1"]
