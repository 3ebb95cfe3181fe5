"""CSV and its kin: all columns are text, the header is the first line that is not blank."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import pyarrow as pa

from endcap.errors import DataError
from endcap.lake.importers.sources import SAMPLE_ROWS, Chunk, Limits, SourceFile
from endcap.lake.importers.text import HEAD, TextSource, empty_table

DELIMITERS = ",;\t|"


class CsvSource(TextSource):
    """Separated by comma, semicolon, tab or bar; quotes may hold separators and line breaks. All columns are text."""

    def __init__(self, file: SourceFile, limits: Limits, encoding: str) -> None:
        super().__init__(file, limits, encoding)
        text = self._text_head()
        line = next((line for line in text.splitlines() if line.strip()), "")
        if not line:
            raise DataError(f"{file.path} is empty: expected a header and rows.")
        self.delimiter = max(DELIMITERS, key=line.count) if any(mark in line for mark in DELIMITERS) else ","
        try:
            self._columns = next(
                row for row in csv.reader(io.StringIO(text), delimiter=self.delimiter, strict=False) if any(row)
            )
        except csv.Error as error:
            raise DataError(f"{file.path}: the header cannot be read: {error}.", row=0) from None
        self._columns = [name.strip() for name in self._columns]
        if any("\0" in name for name in self._columns):
            raise DataError(f"{file.path} holds NUL bytes where its header should be: it is no text.", row=0)
        twice = sorted({name for name in self._columns if name and self._columns.count(name) > 1})
        if twice:
            raise DataError(f"{file.path}: column {twice[0]} is in the header twice.", row=0, column=twice[0])

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    def sample(self, columns: Sequence[str]) -> pa.Table:
        for chunk in self._read(min(HEAD, self.limits.line) if self._short_lines() else self.limits.line):
            assert isinstance(chunk.relation, pa.Table)
            return chunk.relation.slice(0, SAMPLE_ROWS)
        return empty_table(self._names())

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        yield from self._read(self.limits.line)

    def _short_lines(self) -> bool:
        return len(self.head) < HEAD or max(map(len, self.head.split(b"\n"))) < HEAD // 4

    def _names(self) -> list[str]:
        return [name or f"column{place + 1}" for place, name in enumerate(self._columns)]

    def _read(self, block: int) -> Iterator[Chunk]:
        parse = {"delimiter": self.delimiter, "newlines_in_values": True}
        yield from self._blocks(self._names(), parse, True, block)
