"""Files to import: found, recognised, measured and opened with limits that are checked before anything is allocated."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa

from endcap.errors import DataError, InputError

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".xml": "feed",
    ".rss": "feed",
    ".atom": "feed",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".xlsb": "workbook",
    ".xls": "workbook",
}
SAMPLE_ROWS = 20_000
RAW_TEXT = 4_000
"""At most so many characters of a rejected row are kept."""
_HASH_BLOCK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What a file may ask for. Lines in bytes, ratios as size after over size before decompression."""

    line: int = 16 << 20
    gzip_ratio: int = 200
    gzip_free: int = 64 << 20
    """Below so many bytes out the ratio is not looked at."""
    parquet_group: int = 2 << 30
    """Bytes that one row group may declare to need."""
    parquet_ratio: int = 1_000
    rows_per_byte: int = 1_000
    whole: int = 256 << 20
    """Bytes of a file that can only be read whole."""
    feed_entry: int = 1 << 20
    """Bytes of text in one entry of a feed."""
    feed_depth: int = 16
    workbook_ratio: int = 200
    workbook_bytes: int = 4 << 30


@dataclass(frozen=True)
class Reject:
    """One row that could not even be read; `row` counts records from 1, the header and blank lines not included."""

    row: int
    reason: str
    raw: str
    column: str = ""


@dataclass(frozen=True)
class Chunk:
    """A part of a file: a table with the int64 column `_row`, or SQL text that gives one; rows that were unreadable."""

    relation: pa.Table | str
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True)
class SourceFile:
    """A file as it was found: path, size in bytes, format, whether it is compressed with gzip."""

    path: Path
    size: int
    format: str
    gzipped: bool = False

    @property
    def stem(self) -> str:
        """The name without its endings."""
        return re.sub(r"(\.gz)$", "", self.path.name, flags=re.I).rsplit(".", 1)[0]


class Source(ABC):
    """An opened file. `columns` are its headers; `sample` its first rows, typed as they will come."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file

    @property
    @abstractmethod
    def columns(self) -> list[str]: ...

    @property
    @abstractmethod
    def rows(self) -> int | None:
        """How many rows there are, where that can be known beforehand."""

    @abstractmethod
    def sample(self, columns: Sequence[str]) -> pa.Table:
        """The first rows. `columns` are those a mapping wants: a source without a header gives them as empty."""

    @abstractmethod
    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """All rows, in order. Raises `DataError` for content that cannot be read at all."""

    def projection(self, columns: Sequence[str]) -> str:
        """SQL that makes the wanted columns of one chunk's table `chunk`."""
        return "SELECT * FROM chunk"


@dataclass(frozen=True)
class Hashed:
    """One file in a source manifest."""

    path: str
    size: int
    sha256: str


def find_files(paths: Sequence[Path], beside: Sequence[str] = ()) -> list[SourceFile]:
    """Every importable file of the paths and folders, in order of name, each once.

    Raises `InputError` for a path that is not there or holds nothing to import.
    """
    found: dict[Path, SourceFile] = {}
    for path in paths:
        for file in _expand(path):
            found.setdefault(file.path.resolve(), file)
            for companion in _companions(file, beside):
                found.setdefault(companion.path.resolve(), companion)
    return list(found.values())


def package_folder(name: str) -> Path:
    """The `data` folder of an installed package, which is not imported. Raises `InputError` where it is absent."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise InputError(f"The Python package {name} is not installed.", fix="Run: pip install 'endcap[demo]'")
    return Path(spec.origin).parent / "data"


def hashed(file: SourceFile) -> Hashed:
    """Path, size and SHA-256 of a file."""
    digest = hashlib.sha256()
    size = 0
    with file.path.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK):
            digest.update(block)
            size += len(block)
    return Hashed(str(file.path), size, digest.hexdigest())


def _expand(path: Path) -> list[SourceFile]:
    if path.is_dir():
        files = [described(child) for child in sorted(path.iterdir()) if child.is_file() and format_of(child)]
        if not files:
            raise InputError(f"The folder {path} holds no file to import.", fix=f"Expected {', '.join(FORMATS)}.")
        return files
    if not path.exists():
        raise InputError(f"There is no file or folder {path}.")
    return [described(path)]


def _companions(file: SourceFile, beside: Sequence[str]) -> list[SourceFile]:
    folder = file.path.parent
    names = {(file.stem + ending).lower() for ending in beside}
    return [
        described(path)
        for path in sorted(folder.iterdir() if names else ())
        if format_of(path) and re.sub(r"\.gz$", "", path.name, flags=re.I).rsplit(".", 1)[0].lower() in names
    ]


def format_of(path: Path) -> str:
    """The format that a file's name says, empty where it says none."""
    return FORMATS.get(Path(re.sub(r"\.gz$", "", path.name, flags=re.I)).suffix.lower(), "")


def described(path: Path) -> SourceFile:
    """A file with its size and format. Raises `DataError` for an empty one, `InputError` for an unknown format."""
    kind = format_of(path)
    if not kind:
        raise InputError(
            f"{path} has an ending that is not known.", fix=f"Expected {', '.join(FORMATS)}, or .gz of text."
        )
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"{path} is empty: expected a header and rows.")
    with path.open("rb") as stream:
        gzipped = stream.read(2) == b"\x1f\x8b"
    if gzipped and kind not in ("csv", "json", "feed"):
        raise InputError(f"{path} is compressed with gzip, which is for text files.", fix="Unpack it first.")
    return SourceFile(path, size, kind, gzipped)
