"""Excel workbooks: every sheet that has the first one's header, one after the other."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from typing import Any

import pyarrow as pa

from endcap.errors import DataError, InputError
from endcap.lake.importers.sources import SAMPLE_ROWS, Chunk, Limits, Source, SourceFile

BLOCK_ROWS = 50_000


class WorkbookSource(Source):
    """One workbook; rows are numbered through all sheets. Cells become text, times ISO 8601 without a zone."""

    def __init__(self, file: SourceFile, limits: Limits) -> None:
        super().__init__(file)
        if find_spec("python_calamine") is None:
            raise InputError(f"{file.path} is a workbook.", fix="Run: pip install 'endcap[excel]'")
        _refuse_bomb(file, limits)
        calamine = import_module("python_calamine")
        try:
            book = calamine.CalamineWorkbook.from_path(str(file.path))
            self._sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
        except (calamine.CalamineError, OSError) as error:
            raise DataError(f"{file.path} cannot be read as a workbook: {error}.") from None
        header = next((next(sheet.iter_rows(), None) for sheet in self._sheets if sheet.height), None)
        if not header:
            raise DataError(f"{file.path} is empty: expected a header and rows.")
        self._columns = [str(name).strip() for name in header]
        self._same = [sheet for sheet in self._sheets if _header(sheet) == self._columns]

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    @property
    def rows(self) -> int:
        return int(sum(sheet.height - 1 for sheet in self._same))

    def sample(self, columns: Sequence[str]) -> pa.Table:
        rows = list(islice(self._rows(), SAMPLE_ROWS))
        return self._table(rows, 1)

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        rows = self._rows()
        first = 1
        while block := list(islice(rows, BLOCK_ROWS)):
            yield Chunk(self._table(block, first))
            first += len(block)

    def _rows(self) -> Iterator[list[Any]]:
        for sheet in self._same:
            yield from islice(sheet.iter_rows(), 1, None)

    def _table(self, rows: list[list[Any]], first: int) -> pa.Table:
        columns = zip(*rows, strict=True) if rows else [()] * len(self._columns)
        text = {
            name: pa.array([_text(cell) for cell in column], pa.string())
            for name, column in zip(self._columns, columns, strict=True)
        }
        return pa.table({**text, "_row": pa.array(range(first, first + len(rows)), pa.int64())})


def _header(sheet: Any) -> list[str]:
    return [str(name).strip() for name in next(sheet.iter_rows(), [])]


def _text(cell: Any) -> str | None:
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, (datetime.datetime, datetime.date)):
        return cell.isoformat()
    return str(cell)


def _refuse_bomb(file: SourceFile, limits: Limits) -> None:
    if not zipfile.is_zipfile(file.path):
        return
    with zipfile.ZipFile(file.path) as archive:
        total = sum(member.file_size for member in archive.infolist())
    if total > limits.workbook_bytes or total > max(limits.gzip_free, file.size * limits.workbook_ratio):
        raise DataError(f"{file.path} has {file.size:,} bytes and declares {total:,} unpacked: refused.")
