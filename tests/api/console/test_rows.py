"""Pages of rows: the same rows as the table has, whatever the order, the filter, the page, the number of files."""

from __future__ import annotations

import time

import pyarrow as pa
import pytest

from endcap.errors import InputError, UnknownName
from endcap.lake.rows import WAITING, Asked, Filter, Rows
from endcap.lake.tables import Lake
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "corner")
COLUMNS = pa.schema(
    [("user_id", pa.string()), ("item_id", pa.string()), ("timestamp", pa.int64()), ("price", pa.float64())]
)


def table(first: int, count: int) -> pa.Table:
    rows = [
        (f"u{n % 7}", f"I{n % 11}", 10**15 + (n * 37) % 500, None if n % 5 == 0 else n / 4)
        for n in range(first, first + count)
    ]
    return pa.Table.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], schema=COLUMNS)


@pytest.fixture(scope="module", params=["one file", "two files, the second with another column"])
def rows(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("rows")
    lake = Lake(home / "lake")
    lake.commit(SHOP, "interactions", table(0, 300), schema=COLUMNS, mode="FULL", job="a")
    if request.param != "one file":
        more = table(300, 120).append_column("quantity", pa.array([2.0] * 120))
        more = more.append_column("filename", pa.array(["theirs"] * 120))  # what DuckDB calls a column of its own
        lake.commit(SHOP, "interactions", more, schema=more.schema, mode="INCREMENTAL", job="b")
    return Rows(lake, home / "rows")


def all_of(rows: Rows, **asked) -> list[tuple]:
    """Every page, one after the other, once the order is prepared."""
    found, total = [], 1
    while len(found) < total:
        page = rows.page(SHOP, Asked("interactions", offset=len(found), limit=70, **asked))
        if page.preparing:
            time.sleep(0.02)
            continue
        found += page.rows
        total = page.total
    return found


class TestPages:
    def test_in_the_tables_own_order_every_row_comes_once(self, rows):
        wanted = rows.lake.read(SHOP, "interactions")
        found = all_of(rows)
        assert len(found) == wanted.num_rows
        assert sorted(map(str, found)) == sorted(str(tuple(row.values())) for row in wanted.to_pylist())

    @pytest.mark.parametrize("down", [False, True])
    def test_sorted_empty_values_come_last_and_the_order_is_total(self, rows, down):
        found = all_of(rows, sort="price", descending=down)
        prices = [row[3] for row in found]
        known = [price for price in prices if price is not None]
        assert prices == sorted(known, reverse=down) + [None] * (len(prices) - len(known))
        assert len({str(row) for row in found}) == len(found)

    def test_filters_are_combined(self, rows):
        found = all_of(
            rows,
            filters=(Filter("user_id", "=", "u3"), Filter("price", ">=", "20"), Filter("item_id", "contains", "i1")),
        )
        assert found and all(row[0] == "u3" and row[3] >= 20 and row[1].startswith("I1") for row in found)
        everything = rows.lake.read(SHOP, "interactions").to_pylist()
        wanted = [r for r in everything if r["user_id"] == "u3" and (r["price"] or 0) >= 20 and "I1" in r["item_id"]]
        assert len(found) == len(wanted)
        assert len(all_of(rows, filters=(Filter("price", "empty"),))) == sum(r["price"] is None for r in everything)

    def test_before_its_copy_is_there_a_page_near_either_end_is_the_same(self, rows, monkeypatch):
        asked = {"sort": "timestamp", "descending": True}
        prepared = all_of(rows, **asked)
        monkeypatch.setattr(Rows, "_path", lambda self, *_: self.root / "nowhere")
        monkeypatch.setattr(Rows, "_prepare", lambda *_, **__: None)
        monkeypatch.setattr("endcap.lake.rows.LARGE", 0)
        for offset in (0, 130, len(prepared) - 30):
            page = rows.page(SHOP, Asked("interactions", offset=offset, limit=70, **asked))
            assert page.preparing
            assert page.rows == prepared[offset : offset + 70]

    @pytest.mark.parametrize("hostile", ["'; DROP TABLE x; --", '" OR 1=1', "\0", "%", "nan", "1e999"])
    def test_values_are_values_whatever_they_say(self, rows, hostile):
        assert rows.page(SHOP, Asked("interactions", filters=(Filter("item_id", "=", hostile),))).rows == []
        with pytest.raises(InputError):
            rows.page(SHOP, Asked("interactions", filters=(Filter("price", ">=", hostile),)))
        with pytest.raises(UnknownName):
            rows.page(SHOP, Asked("interactions", sort=hostile))

    def test_a_time_may_be_said_in_words(self, rows):
        found = all_of(rows, filters=(Filter("timestamp", ">=", "2001-09-09T01:46:40.000250Z"),))
        assert found and all(row[2] >= 10**15 + 250 for row in found)


class TestCopies:
    """The sorted copies, made for a while and made again."""

    def test_one_that_is_removed_or_half_written_is_made_again(self, rows):
        first = all_of(rows, sort="item_id")
        path = rows._path(SHOP, Asked("interactions", sort="item_id"), *_version(rows), "")
        path.unlink()
        assert all_of(rows, sort="item_id") == first
        path.write_bytes(b"")  # what a power cut may leave
        assert all_of(rows, sort="item_id") == first

    def test_one_is_sorted_at_a_time_and_few_wait_for_it(self, rows):
        before = {"sort": "user_id", "descending": True}
        with rows._turn:
            for letter in "abcdefgh":
                rows._prepare(rows.root / letter / "x.parquet", Asked("interactions", **before), *_version(rows), "")
            assert len(rows._making) == WAITING
        assert all_of(rows, **before)


def _version(rows: Rows) -> tuple[int, tuple[str, ...]]:
    table = rows.lake.open(SHOP, "interactions")
    return table.version(), tuple(sorted(table.file_uris()))
