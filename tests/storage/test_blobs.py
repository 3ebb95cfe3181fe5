import errno
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breaking_disk import Breaking
from endcap.errors import ArtefactError, InputError, ResourceError, UnknownName
from endcap.storage.blobs import Blobs, open_blobs


@pytest.fixture(params=["plain", "file"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    folder = tmp_path / "a folder"
    return open_blobs(str(folder) if request.param == "plain" else folder.as_uri())


def test_what_was_put_is_there_until_deleted(blobs: Blobs) -> None:
    blobs.put("reports/a.html", b"one")
    blobs.put("reports/a.html", b"two")
    blobs.put("raw/ü/🛒.csv", b"")
    assert blobs.get("reports/a.html") == b"two" and blobs.get("raw/ü/🛒.csv") == b""
    assert list(blobs.list()) == ["raw/ü/🛒.csv", "reports/a.html"]
    assert list(blobs.list("rep")) == ["reports/a.html"]
    blobs.delete("reports/a.html")
    blobs.delete("reports/a.html")
    assert not blobs.exists("reports/a.html") and blobs.exists("raw/ü/🛒.csv")
    with pytest.raises(ArtefactError, match=r"reports/a\.html"):
        blobs.get("reports/a.html")


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
def test_keys_that_could_lead_elsewhere_are_refused(blobs: Blobs, key: str) -> None:
    for call in (blobs.get, blobs.exists, blobs.delete, lambda key: blobs.put(key, b"")):
        with pytest.raises(InputError):
            call(key)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    with pytest.raises(InputError, match="leads out"):
        open_blobs(str(tmp_path / "root")).put("out/x", b"")


@given(st.text(max_size=40))
def test_no_key_ever_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    with suppress(InputError, ResourceError):
        open_blobs(str(folder / "root")).put(key, b"x")
    outside = [path for path in folder.iterdir() if path.name != "root"] if folder.exists() else []
    assert not outside


def test_a_put_that_fails_leaves_the_old_bytes(tmp_path: Path) -> None:
    open_blobs(str(tmp_path)).put("a", b"old")
    for at in (1, 2):
        with pytest.raises(ResourceError):
            open_blobs(str(tmp_path), Breaking(at, errno.EIO)).put("a", b"new")
        assert open_blobs(str(tmp_path)).get("a") == b"old"
    assert list(open_blobs(str(tmp_path)).list()) == ["a"]


@pytest.mark.parametrize("url", ["s3://bucket/x", "gs://bucket", "http://host/x"])
def test_other_schemes_are_refused_by_name(url: str) -> None:
    with pytest.raises(UnknownName, match=f"'{url.partition(':')[0]}'.*Known: file"):
        open_blobs(url)


@pytest.mark.parametrize("url", ["", "file://other/x"])
def test_urls_that_name_no_place_here(url: str) -> None:
    with pytest.raises(InputError):
        open_blobs(url)
