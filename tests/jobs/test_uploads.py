"""Files that wait for import: kept whole or not at all, bounded by the disk, gone with what was tried of them."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from endcap.errors import InputError
from endcap.jobs.uploads import ROOM, Upload, Uploads
from endcap.seams import SystemClock
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "corner")
Usage = namedtuple("Usage", ["free"])


def send(uploads: Uploads, name: str = "orders.csv") -> Upload:
    with uploads.begin(SHOP, name) as arriving:
        arriving.write(b"item_id\n1\n")
        return arriving.finish()


def test_what_was_tried_of_a_file_goes_with_it_and_is_no_file(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, SystemClock())
    first, second = send(uploads), send(uploads)
    for attempt in ("a1", "b2"):
        folder = uploads.tried(SHOP, first.id, attempt)
        folder.mkdir()
        (folder / "rejects.parquet").write_bytes(b"PAR1")
    assert [upload.id for upload in uploads.list(SHOP)] == [first.id, second.id]
    uploads.remove(SHOP, first.id)
    assert [path.name for path in uploads.folder(SHOP).iterdir()] == [second.id]


def test_a_file_whose_size_was_not_told_leaves_the_disk_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads, free = Uploads(tmp_path, SystemClock()), [ROOM + 10]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free[0]))
    with uploads.begin(SHOP, "orders.csv") as arriving:
        arriving.write(b"0123456789")
        free[0] = ROOM
        with pytest.raises(InputError, match="no room"):
            arriving.write(b"0")
    assert list(uploads.folder(SHOP).iterdir()) == []
