"""Files that were sent and wait to be imported: HOME/uploads/ACCOUNT/REGION/SHOP/ID/NAME, for a day at most.

A file is written as it arrives, so its size does not matter to memory; it is there once it is whole.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from endcap.errors import InputError, ResourceError, UnknownName
from endcap.lake.importers.sources import FORMATS, format_of
from endcap.lake.locks import make_directory
from endcap.seams import Clock, Disk
from endcap.types import DAY, SECOND, ShopKey

LARGEST = 4 << 30
"""Bytes of one file."""
KEPT = DAY
"""Microseconds that a file waits for its import."""
WAITING = 32
"""Files that one shop may have waiting."""
ROOM = 1 << 30
"""Bytes of the disk that uploads leave free."""
_PART, _TRIED = ".part", ".tried"
_NAME = re.compile(r"[^\w.\-+()\[\] ]+")
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Upload:
    """One file that is there: where, under the name it came with, and its size in bytes."""

    id: str
    path: Path
    size: int
    arrived: int

    @property
    def name(self) -> str:
        """As it was sent, made safe."""
        return self.path.name


class Uploads:
    """The files of all shops under one home."""

    def __init__(
        self, home: Path, clock: Clock, disk: Disk | None = None, ids: Callable[[], str] | None = None
    ) -> None:
        self._root, self._clock, self._disk = home.absolute() / "uploads", clock, disk or Disk()
        self._ids = ids or (lambda: token_hex(8))

    def folder(self, shop: ShopKey) -> Path:
        """Where those of a shop lie."""
        return self._root.joinpath(*shop.parts())

    def begin(self, shop: ShopKey, name: str, size: int = 0) -> Arriving:
        """A place for a file of `size` bytes (0: not told). Old files go first.

        Raises `InputError` where too many wait or the disk has no room for it.
        """
        self.sweep()
        if len(self.list(shop)) >= WAITING:
            raise InputError(f"{WAITING} files wait for {shop.group} already.", fix="Import or remove some of them.")
        make_directory(self.folder(shop), self._disk)
        require_room(self.folder(shop), size)
        folder = self.folder(shop) / self._ids()
        make_directory(folder, self._disk)
        return Arriving(folder, safe_name(name), self._disk, self._clock)

    def list(self, shop: ShopKey) -> list[Upload]:
        """Those that are whole, oldest first."""
        found = [upload for path in self._folders(shop) if (upload := _whole(path)) is not None]
        return sorted(found, key=lambda upload: (upload.arrived, upload.id))

    def get(self, shop: ShopKey, identity: str) -> Upload:
        """Raises `UnknownName`."""
        found = _whole(self.folder(shop) / identity) if _ID.fullmatch(identity) else None
        if found is None:
            known = [upload.id for upload in self.list(shop)]
            raise UnknownName("upload", identity, known, fix="Files wait for a day; send it again.")
        return found

    def tried(self, shop: ShopKey, identity: str, attempt: str) -> Path:
        """Where what an attempt to import a file leaves may lie: beside the file, and gone with it."""
        return self.folder(shop) / f"{identity}.{attempt}{_TRIED}"

    def remove(self, shop: ShopKey, identity: str) -> None:
        """Nothing where it is gone already."""
        if _ID.fullmatch(identity):
            for folder in (self.folder(shop) / identity, *self.folder(shop).glob(f"{identity}.*{_TRIED}")):
                shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what has waited too long, whole or not."""
        before = (self._clock.now() - KEPT) / SECOND
        for folder in self._root.glob("*/*/*/*"):
            with suppress(OSError):
                if folder.stat().st_mtime < before:
                    shutil.rmtree(folder, ignore_errors=True)

    def _folders(self, shop: ShopKey) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            yield from sorted(self.folder(shop).iterdir())


@dataclass
class Arriving:
    """One file on its way. A context manager: left without `finish`, nothing stays."""

    folder: Path
    name: str
    disk: Disk
    clock: Clock
    size: int = 0
    _file: BinaryIO | None = field(default=None, repr=False)
    _done: bool = False

    def __enter__(self) -> Arriving:
        self._file = (self.folder / (self.name + _PART)).open("xb")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if not self._done:
            shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, piece: bytes) -> None:
        """Append a piece. Raises `InputError` where the disk has no room for more, `ResourceError` where it is full."""
        assert self._file is not None
        require_room(self.folder, len(piece))
        try:
            self._file.write(piece)
        except OSError as error:
            raise ResourceError(f"The file cannot be kept: {error.strerror}.", fix="Free some space.") from error
        self.size += len(piece)

    def finish(self) -> Upload:
        """The file, whole and durable, under a name that says its format. Raises `InputError` for an empty one."""
        assert self._file is not None
        if not self.size:
            raise InputError(f"{self.name} is empty: expected a header and rows.")
        self._file.close()
        part = self.folder / (self.name + _PART)
        path = self.folder / named_by_content(self.name, part)
        self.disk.fsync(part)
        self.disk.rename(part, path)
        self.disk.fsync(self.folder)
        self._done = True
        return Upload(self.folder.name, path, self.size, int(self.clock.now()))


def require_room(folder: Path, size: int) -> None:
    """Raises `InputError` where so many bytes more would take what is to stay free."""
    if shutil.disk_usage(folder).free < size + ROOM:
        raise InputError("There is no room for this file on the server's disk.", fix="Free some space and retry.")


def safe_name(name: str) -> str:
    """The last part of a path, letters, digits and a few marks only, at most 150 bytes; its endings stay."""
    last = re.split(r"[/\\]", name)[-1]
    plain = _NAME.sub("_", last).strip(" .").encode("utf-8", "replace")[-150:]
    return plain.decode("utf-8", "ignore").lstrip(" .") or "upload"


def named_by_content(name: str, path: Path) -> str:
    """The name, with an ending for what the file holds where it has none that is known."""
    if format_of(Path(name)):
        return name
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PAR1"):
        return f"{name}.parquet"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return f"{name}.xlsx"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return f"{name}.xml"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return f"{name}.jsonl"
    return f"{name}.csv"


def known_endings() -> tuple[str, ...]:
    """What a file's name may end in, so that its format is known."""
    return tuple(FORMATS)


def _whole(folder: Path) -> Upload | None:
    """What a folder holds; None where that is nothing, or is being removed just now."""
    try:
        path = next((path for path in folder.iterdir() if path.is_file() and not path.name.endswith(_PART)), None)
        if path is None or folder.name.endswith(_TRIED):
            return None
        told = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Upload(folder.name, path, told.st_size, int(told.st_mtime * SECOND))
