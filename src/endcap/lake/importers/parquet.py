"""Parquet files: sizes are read from the footer and judged before a page is touched; DuckDB reads the rows."""

# SQL is made here from our own text: names are quoted, values are escaped or numbers.

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from endcap.errors import DataError
from endcap.lake.importers.sources import SAMPLE_ROWS, Chunk, Limits, Source, SourceFile


class ParquetSource(Source):
    """One Parquet file, at most `Limits` large in memory."""

    def __init__(self, file: SourceFile, limits: Limits) -> None:
        super().__init__(file)
        try:
            self._footer = pq.read_metadata(file.path)
            self._schema = self._footer.schema.to_arrow_schema()
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{file.path} cannot be read as Parquet: {error}.") from None
        _refuse_bomb(file, self._footer, limits)

    @property
    def columns(self) -> list[str]:
        return list(self._schema.names)

    @property
    def rows(self) -> int:
        return int(self._footer.num_rows)

    def sample(self, columns: Sequence[str]) -> pa.Table:
        try:
            with pq.ParquetFile(self.file.path) as file:
                wanted = [name for name in columns if name in self.columns]
                first = next(file.iter_batches(SAMPLE_ROWS, columns=wanted), None)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.file.path} cannot be read as Parquet: {error}.") from None
        if first is None:
            return pa.table({name: pa.array([], self._schema.field(name).type) for name in wanted})
        return pa.Table.from_batches([first])

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        path = str(self.file.path).replace("'", "''")
        names = "".join(f'"{name.replace(chr(34), chr(34) * 2)}", ' for name in columns if name in self.columns)
        yield Chunk(f"SELECT {names}file_row_number + 1 AS _row FROM read_parquet('{path}', file_row_number = true)")


def _refuse_bomb(file: SourceFile, footer: pq.FileMetaData, limits: Limits) -> None:
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    largest = max((group.total_byte_size for group in groups), default=0)
    total = sum(group.total_byte_size for group in groups)
    if largest > limits.parquet_group:
        raise DataError(
            f"{file.path} declares a row group of {largest:,} bytes, at most {limits.parquet_group:,} are allowed.",
            fix="Write it again with smaller row groups.",
        )
    if total > max(limits.gzip_free, file.size * limits.parquet_ratio):
        raise DataError(f"{file.path} has {file.size:,} bytes and declares {total:,} unpacked: refused.")
    if footer.num_rows > 1_000_000 and footer.num_rows > file.size * limits.rows_per_byte:
        raise DataError(f"{file.path} has {file.size:,} bytes and declares {footer.num_rows:,} rows: refused.")
