import errno
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breaking_disk import Breaking
from endcap.errors import InputError, ResourceError, StateError
from endcap.seams import Disk
from endcap.storage.blobs import Blobs
from endcap.storage.blobs.local import LocalBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "a folder", Disk())


def content(blobs: Blobs, key: str) -> bytes:
    blob = blobs.find(key)
    assert blob is not None
    return b"".join(blobs.read(blob))


def keys(blobs: Blobs, prefix: str = "") -> list[str]:
    return [blob.key for blob in blobs.list(prefix)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_put_is_there_until_deleted(blobs: LocalBlobs) -> None:
    blobs.put("reports/a.html", b"one")
    blobs.put("reports/a.html", iter([b"t", b"", b"wo"]))
    blobs.put("raw/ü/🛒.csv", b"")
    assert content(blobs, "reports/a.html") == b"two" and content(blobs, "raw/ü/🛒.csv") == b""
    assert keys(blobs) == ["raw/ü/🛒.csv", "reports/a.html"]
    assert keys(blobs, "rep") == keys(blobs, "reports/") == ["reports/a.html"] and keys(blobs, "none/") == []
    blobs.delete("reports/a.html")
    blobs.delete("reports/a.html")
    assert blobs.find("reports/a.html") is None and blobs.find("raw/ü/🛒.csv") is not None


KEYS = [
    "",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a//b",
    "a/",
    ".",
    "a\\..\\b",
    "a\0b",
    "a/.publishing-1",
    "x/" * 600 + "x",
]


@pytest.mark.parametrize("key", KEYS)
def test_keys_that_could_lead_elsewhere_are_refused(blobs: LocalBlobs, key: str) -> None:
    for call in (blobs.find, blobs.delete, lambda key: blobs.put(key, b"")):
        with pytest.raises(InputError):
            call(key)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    blobs = LocalBlobs(tmp_path / "root", Disk())
    for call in (lambda: blobs.put("out/x", b""), lambda: list(blobs.list("out/"))):
        with pytest.raises(InputError, match="leads out"):
            call()


@given(st.text(max_size=40))
def test_no_key_ever_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    with suppress(InputError, ResourceError):
        LocalBlobs(folder / "root", Disk()).put(key, b"x")
    outside = [path for path in folder.iterdir() if path.name != "root"] if folder.exists() else []
    assert not outside


def test_a_put_that_fails_leaves_the_old_bytes_and_nothing_else(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path, Disk())
    blobs.put("a", b"old")
    for at in (1, 2):
        with pytest.raises(ResourceError):
            LocalBlobs(tmp_path, Breaking(at, errno.EIO)).put("a", b"new")
        assert content(blobs, "a") == b"old"

    def broken() -> list[bytes]:
        yield b"half"
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the caller's own error comes through as it is
        blobs.put("a", broken())
    assert content(blobs, "a") == b"old" and names(tmp_path) == ["a"]


def test_the_file_and_its_folder_are_flushed_before_put_returns(tmp_path: Path) -> None:
    disk = Breaking()
    LocalBlobs(tmp_path, disk).put("a", b"x")
    calls = [call.split(" ")[0] for call in disk.calls]
    assert calls == ["fsync", "rename", "fsync"] and disk.calls[-1] == f"fsync {tmp_path.name}"


def test_what_a_killed_writer_left_is_swept_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom endcap.seams import Disk\n"
        "from endcap.storage.blobs.local import LocalBlobs\n"
        "def slow():\n    yield b'x' * 100_000\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "LocalBlobs(Path(sys.argv[1]), Disk()).put('slow', slow())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        blobs = LocalBlobs(tmp_path, Disk())
        blobs.put("a", b"x")
        assert len(names(tmp_path)) == 2 and keys(blobs) == ["a"]
        writer.kill()
    blobs.put("a", b"y")
    assert names(tmp_path) == ["a"]


def test_a_blob_that_changes_while_it_is_read_is_said(blobs: LocalBlobs) -> None:
    blobs.put("a", b"one")
    found = blobs.find("a")
    assert found is not None
    time.sleep(0.01)
    blobs.put("a", b"two")
    with pytest.raises(StateError, match="changed while"):
        b"".join(blobs.read(found))
