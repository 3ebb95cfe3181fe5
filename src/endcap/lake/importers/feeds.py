"""Product feeds in XML: RSS 2.0 and Atom as Google Merchant takes them, one product an `item` or `entry`.

Read as a stream, so memory does not grow with the file. A document type is refused: nothing is expanded, nothing is
fetched. Prefixes of names do not count (`g:price` is `price`), and the first of equal names is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from xml.parsers import expat

import pyarrow as pa

from endcap.errors import DataError
from endcap.lake.importers.sources import RAW_TEXT, SAMPLE_ROWS, Chunk, Limits, Reject, Source, SourceFile
from endcap.lake.importers.text import Watched, empty_table

ENTRIES = ("item", "entry")
BLOCK = 1 << 16
BLOCK_ROWS = 8_192
Entry = dict[str, str]


class FeedSource(Source):
    """One feed. Columns are the names directly below its entries, as the first of them have them."""

    def __init__(self, file: SourceFile, limits: Limits) -> None:
        super().__init__(file)
        self.limits = limits
        first = [entry for entry in islice(self._entries(), SAMPLE_ROWS) if isinstance(entry, dict)]
        self._columns = list(dict.fromkeys(name for entry in first for name in entry))
        if not self._columns:
            raise DataError(
                f"{file.path} holds no product: expected <item> (RSS 2.0) or <entry> (Atom) with fields in it.",
                fix="Export the feed as Google Merchant takes it.",
            )

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    @property
    def rows(self) -> int | None:
        return None

    def sample(self, columns: Sequence[str]) -> pa.Table:
        first = [entry for entry in islice(self._entries(), SAMPLE_ROWS) if isinstance(entry, dict)]
        return self._table(first, list(range(1, len(first) + 1)))

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        numbered = enumerate(self._entries(), start=1)
        while block := list(islice(numbered, BLOCK_ROWS)):
            good = [(number, entry) for number, entry in block if isinstance(entry, dict)]
            rejects = tuple(Reject(number, why.reason, why.raw) for number, why in block if not isinstance(why, dict))
            yield Chunk(self._table([entry for _, entry in good], [number for number, _ in good]), rejects)

    def _table(self, entries: Sequence[Entry], numbers: list[int]) -> pa.Table:
        if not entries:
            return empty_table(self._columns)
        text = {name: pa.array([entry.get(name) for entry in entries], pa.string()) for name in self._columns}
        return pa.table({**text, "_row": pa.array(numbers, pa.int64())})

    def _entries(self) -> Iterator[Entry | Reject]:
        """Each product, or why it cannot be one. Raises `DataError` for what is no XML, or asks for too much."""
        reading = _Reading(self.file, self.limits)
        with Watched(self.file, self.limits) as stream:
            while block := stream.read(BLOCK):
                reading.feed(block)
                yield from reading.taken()
            reading.feed(b"", last=True)
            yield from reading.taken()


class _Reading:
    """Where the parser is: which entry, which of its fields."""

    def __init__(self, file: SourceFile, limits: Limits) -> None:
        self._file, self._limits = file, limits
        self._found: list[Entry | Reject] = []
        self._path: list[str] = []
        self._entry: Entry | None = None
        self._base = self._size = 0
        self._field, self._text = "", list[str]()
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def feed(self, block: bytes, *, last: bool = False) -> None:
        """Parse on. Raises `DataError`."""
        try:
            self._parser.Parse(block, last)
        except expat.ExpatError as error:
            said = expat.errors.messages.get(error.code, "not readable")
            raise DataError(
                f"{self._file.path} is not well-formed XML in line {error.lineno}, column {error.offset + 1}: {said}.",
                fix="Export the feed again, or check it with an XML validator.",
            ) from None
        except (LookupError, ValueError) as error:  # an encoding that Python does not know
            raise DataError(f"{self._file.path} cannot be read as XML: {error}.") from None

    def taken(self) -> list[Entry | Reject]:
        """The entries that were finished since the last call."""
        found, self._found = self._found, []
        return found

    def _refuse_type(self, *_: object) -> None:
        raise DataError(
            f"{self._file.path} declares a document type (<!DOCTYPE …>), which no feed needs: refused.",
            fix="Remove the line; entities are not expanded here.",
        )

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        plain = name.rpartition(":")[2].strip().lower()
        self._path.append(plain)
        if len(self._path) > self._limits.feed_depth:
            raise DataError(f"{self._file.path} is nested deeper than {self._limits.feed_depth} elements: refused.")
        if self._entry is None:
            if plain in ENTRIES:
                self._entry, self._base, self._size = {}, len(self._path), 0
            return
        if len(self._path) == self._base + 1:
            self._field, self._text = plain, []
            if attributes.get("href"):
                self._characters(attributes["href"])

    def _characters(self, text: str) -> None:
        if self._entry is None or not self._field:
            return
        self._size += len(text)
        if self._size <= self._limits.feed_entry:
            self._text.append(text)

    def _end(self, name: str) -> None:
        del name
        depth = len(self._path)
        self._path.pop()
        if self._entry is None:
            return
        if depth == self._base + 1:
            value = "".join(self._text).strip()
            if value:
                self._entry.setdefault(self._field, value)
            self._field = ""
        elif depth == self._base:
            self._found.append(self._finished(self._entry))
            self._entry = None

    def _finished(self, entry: Entry) -> Entry | Reject:
        if self._size > self._limits.feed_entry:
            return Reject(0, f"longer than {self._limits.feed_entry:,} characters", _shown(entry))
        return entry if entry else Reject(0, "an empty entry", "")


def _shown(entry: Entry) -> str:
    return json.dumps({name: value[:200] for name, value in entry.items()}, ensure_ascii=False)[:RAW_TEXT]
