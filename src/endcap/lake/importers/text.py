"""Text files, plain or in gzip: read in blocks, so memory does not grow with the file or with one line."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import csv

from endcap.errors import DataError, InputError
from endcap.lake.importers.sources import RAW_TEXT, Chunk, Limits, Reject, Source, SourceFile
from endcap.types import Int64

HEAD = 1 << 20


class Watched(io.RawIOBase):
    """The bytes of a text file: unpacked within the ratio allowed, watched for NUL bytes and open quotes."""

    def __init__(self, file: SourceFile, limits: Limits) -> None:
        super().__init__()
        self._raw = file.path.open("rb")
        stream = gzip.GzipFile(fileobj=self._raw) if file.gzipped else self._raw
        self._stream: BinaryIO = stream  # type: ignore[assignment]
        self._file, self._limits = file, limits
        self.out = 0
        self.quotes = 0
        self.nul_seen = False

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        try:
            block = self._stream.read(-1 if size is None else size)
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise DataError(f"{self._file.path} is not a complete gzip file: {error}.") from None
        self.out += len(block)
        self.quotes += block.count(b'"')
        self.nul_seen = self.nul_seen or b"\0" in block
        if self._file.gzipped and self.out > max(self._limits.gzip_free, self._file.size * self._limits.gzip_ratio):
            raise DataError(
                f"{self._file.path} unpacks to more than {self._limits.gzip_ratio} times its {self._file.size:,} bytes:"
                " refused.",
                fix="If the file is right, unpack it first.",
            )
        return block

    def close(self) -> None:
        self._stream.close()
        self._raw.close()
        super().close()


class TextSource(Source):
    """What CSV and JSON Lines share: encoding, block reading, rows that are not text."""

    def __init__(self, file: SourceFile, limits: Limits, encoding: str) -> None:
        super().__init__(file)
        self.limits = limits
        try:
            self.encoding = codecs.lookup(encoding).name
            b"a".decode(self.encoding, errors="replace")  # some codecs are none of text
        except (LookupError, ValueError):
            raise InputError(
                f"There is no encoding {encoding!r}.", fix="utf-8, cp1252 and latin-1 are common."
            ) from None
        with Watched(file, limits) as stream:
            self.head = stream.read(HEAD)
        if self.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not self.encoding.startswith("utf-16"):
            raise DataError(f"{file.path} is UTF-16, expected UTF-8.", fix="Save it as UTF-8, or give encoding=utf-16.")

    @property
    def rows(self) -> int | None:
        return None

    def _text_head(self) -> str:
        try:
            return self.head.decode(self.encoding, errors="replace").removeprefix("\ufeff")
        except UnicodeError as error:
            raise self._other_encoding(error) from None

    def _other_encoding(self, error: UnicodeError) -> DataError:
        return DataError(f"{self.file.path} is not {self.encoding}: {error}.", fix="Give another encoding.")

    def _blocks(self, names: list[str], parse: dict[str, Any], header: bool, block: int) -> Iterator[Chunk]:
        """Chunks of binary columns, numbered; records that do not fit become rejects."""
        invalid: list[Reject] = []
        width = len(names)

        def misfit(row: csv.InvalidRow) -> str:
            number = int(row.number) - (1 if header else 0)
            reason = f"{row.actual_columns} values where the header has {width}"
            invalid.append(Reject(number, reason, row.text[:RAW_TEXT]))
            return "skip"

        stream = Watched(self.file, self.limits)
        ahead: list[int] = []
        start = seen = 0 if header else 1
        last: pa.RecordBatch | None = None
        try:
            reader = csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=csv.ReadOptions(
                    block_size=block, use_threads=False, column_names=names, encoding=self.encoding
                ),
                parse_options=csv.ParseOptions(invalid_row_handler=misfit, **parse),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.binary()), null_values=[], strings_can_be_null=False
                ),
            )
            for batch in reader:
                found, invalid[:] = tuple(invalid), []
                ahead = [number for number in ahead if number >= start] + [reject.row for reject in found]
                rows = _numbers(start, batch.num_rows, ahead)
                yield self._checked(batch, rows, found, stream.nul_seen)
                if batch.num_rows:
                    seen, start, last = int(rows[-1]), int(rows[-1]) + 1, batch.slice(batch.num_rows - 1)
            if invalid:
                yield Chunk(empty_table(names), tuple(invalid))
            if stream.quotes % 2:
                self._refuse_open_quote(last, seen)
        except pa.ArrowInvalid as error:
            raise self._explained(error, seen) from None
        except UnicodeError as error:
            raise self._other_encoding(error) from None
        finally:
            stream.close()

    def _refuse_open_quote(self, last: pa.RecordBatch | None, row: int) -> None:
        """An odd number of quotes and a last record over several lines: the file ended inside a quote."""
        if last is not None and any(b"\n" in value for value in last.to_pylist()[0].values()):
            raise DataError(f"{self.file.path}: a quote that opens in row {row} is never closed.", row=row)

    def _checked(self, batch: pa.RecordBatch, rows: Int64, found: tuple[Reject, ...], nul: bool) -> Chunk:
        """The batch as text, rows with bad bytes taken out."""
        table = pa.Table.from_batches([batch])
        bad: dict[int, tuple[str, str]] = {}
        columns = {name: _as_text(table[name], name, bad) for name in table.column_names}
        if nul:
            import pyarrow.compute as pc  # noqa: PLC0415 - 20 ms, which other formats need not wait for

            for name in table.column_names:
                for place in np.flatnonzero(pc.match_substring(table[name], b"\0").to_numpy(zero_copy_only=False)):
                    bad.setdefault(int(place), (name, "a NUL byte"))
        rejects = [
            Reject(int(rows[place]), reason, _shown(table, place), column)
            for place, (column, reason) in sorted(bad.items())
            if rows[place] > 0
        ]
        text = pa.table({**columns, "_row": rows})
        keep = rows > 0  # the header is record 0
        keep[list(bad)] = False
        if not keep.all():
            text = text.filter(pa.array(keep))
        return Chunk(text, found + tuple(rejects))

    def _explained(self, error: pa.ArrowInvalid, row: int) -> DataError:
        text = str(error)
        if "straddling" in text:
            limit = self.limits.line
            return DataError(
                f"{self.file.path}: the record after row {row} is longer than {limit:,} bytes.",
                row=row + 1,
                fix="Check for a quote that is never closed, or a file without line ends.",
            )
        if "Empty CSV" in text:
            return DataError(f"{self.file.path} is empty: expected a header and rows.")
        return DataError(f"{self.file.path} cannot be read after row {row}: {text}.", row=row + 1)


def _numbers(start: int, count: int, skipped: Sequence[int]) -> Int64:
    """int64 [count]: numbers of the good records from `start` on, those skipped left out."""
    end = start + count
    while (more := start + count + sum(1 for number in skipped if start <= number < end)) != end:
        end = more
    taken = np.array([number for number in skipped if start <= number < end], np.int64)
    return np.setdiff1d(np.arange(start, end, dtype=np.int64), taken, assume_unique=True)


def _as_text(column: pa.ChunkedArray, name: str, bad: dict[int, tuple[str, str]]) -> pa.ChunkedArray:
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        values = column.to_pylist()
    text: list[str] = []
    for place, value in enumerate(values):
        try:
            text.append(value.decode("utf-8"))
        except UnicodeDecodeError:
            bad.setdefault(place, (name, "not UTF-8 text"))
            text.append("")
    return pa.chunked_array([pa.array(text, pa.string())])


def _shown(table: pa.Table, place: int) -> str:
    row = table.slice(place, 1).to_pylist()[0]
    return json.dumps({name: value.decode("utf-8", "replace") for name, value in row.items()}, ensure_ascii=False)[
        :RAW_TEXT
    ]


def empty_table(names: Sequence[str]) -> pa.Table:
    """No rows of these text columns."""
    return pa.table({**{name: pa.array([], pa.string()) for name in names}, "_row": pa.array([], pa.int64())})
