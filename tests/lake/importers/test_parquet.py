"""Parquet: types as they come, and files that promise too much are refused before a page is read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from endcap.errors import DataError
from endcap.lake.importers import Limits
from importer_reading import columns, read, written

EVENTS = {"user_id": ["a"], "item_id": ["b"], "timestamp": [1_600_000_000]}


def test_ids_that_became_floats_and_lists(tmp_path: Path) -> None:
    events = {"user_id": [12.0, None], "item_id": [7, 8], "timestamp": [1_600_000_000, 1_600_000_001]}
    path = columns(events | {"impression": [["x", "y"], None]}, tmp_path / "events.parquet")
    found = read(path)
    assert found.rows()[0] | {"event_type": ""} == {
        "user_id": "12",
        "item_id": "7",
        "timestamp": 1_600_000_000_000_000,
        "event_type": "",
        "impression": "x|y",
    }
    assert found.reasons() == {"USER_ID is empty": 1}


def test_dictionaries_and_large_strings(tmp_path: Path) -> None:
    users = pa.array(["a", "a", "b"]).dictionary_encode()
    items = pa.array(["x", "y", "x"], pa.large_string())
    path = columns({"user_id": users, "item_id": items, "timestamp": [1_600_000_000] * 3}, tmp_path / "e.parquet")
    assert [row["user_id"] for row in read(path).rows()] == ["a", "a", "b"]


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(written(tmp_path, b"PAR1 nothing PAR1", "events.parquet"))


def test_damaged_pages_are_named(tmp_path: Path) -> None:
    table = pa.table({name: [f"{name}{n}" for n in range(20_000)] for name in ("user_id", "item_id")})
    table = table.append_column("timestamp", pa.array(range(1_600_000_000, 1_600_020_000)))
    path = tmp_path / "events.parquet"
    pq.write_table(table, path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[2_000:6_000] = bytes(4_000)
    path.write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        read(path)


def test_a_bomb_is_refused_by_its_footer(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    text = pa.array(["x" * 200_000]).dictionary_encode().dictionary.take(pa.array([0] * 500))
    pq.write_table(pa.table({"user_id": text}), path, compression="zstd", use_dictionary=False)
    limits = Limits(parquet_group=1 << 20)
    with pytest.raises(DataError, match="declares a row group of"):
        read(path, limits=limits)
    with pytest.raises(DataError, match="unpacked: refused"):
        read(path, limits=Limits(gzip_free=1 << 20))


def test_many_rows_in_few_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    same = pa.array([1] * 1_500_000, pa.int8())
    pq.write_table(pa.table({"user_id": same}), path)
    with pytest.raises(DataError, match="1,500,000 rows: refused"):
        read(path, limits=Limits(rows_per_byte=10))


def test_no_rows(tmp_path: Path) -> None:
    empty = {name: pa.array([], kind) for name, kind in (("user_id", "string"), ("item_id", "string"))}
    path = columns(empty | {"timestamp": pa.array([], pa.int64())}, tmp_path / "events.parquet")
    assert read(path).counts["interactions"].rows == 0
