"""CSV: what is written with quotes, commas, line breaks and emoji is read back; what is broken is named by row."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import DataError, InputError, SchemaError
from endcap.lake.importers import Limits
from importer_reading import read, written

HEADER = "user_id,item_id,timestamp,review\n"
CELL = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]) | st.sampled_from('" ,\n;\t|é🛒'), max_size=20
)
ID = CELL.filter(lambda text: text.strip())


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(ID, ID, CELL), min_size=1, max_size=8), end=st.sampled_from(["\n", "\r\n"]))
def test_what_python_writes_is_read_back(tmp_path_factory, rows, end) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(["user_id", "item_id", "timestamp", "review"])
    writer.writerows([user, item, 1_600_000_000 + number, note] for number, (user, item, note) in enumerate(rows))
    path = written(tmp_path_factory.mktemp("csv"), text.getvalue())
    found = read(path)
    expected = [(user.strip(" "), item.strip(" "), note.strip(" ") or None) for user, item, note in rows]
    assert [(row["user_id"], row["item_id"], row["review"]) for row in found.rows()] == expected
    assert found.counts["interactions"].rejected == ()


def test_ids_with_commas_and_emoji(tmp_path: Path) -> None:
    path = written(tmp_path, 'user_id,item_id,timestamp\n"Ann, the 1st","🧀,😀",1600000000\n')
    assert read(path).rows()[0] | {"event_type": ""} == {
        "user_id": "Ann, the 1st",
        "item_id": "🧀,😀",
        "timestamp": 1_600_000_000_000_000,
        "event_type": "",
    }


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_separators_are_found(tmp_path: Path, mark: str) -> None:
    path = written(tmp_path, f"user_id{mark}item_id{mark}timestamp\na{mark}b,c{mark}1600000000\n")
    assert read(path).rows()[0]["item_id"] == "b,c"


def test_a_byte_order_mark_is_not_part_of_the_header(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + b"user_id,item_id,timestamp\na,b,1600000000\n")
    assert read(path).rows()[0]["user_id"] == "a"


def test_gzip_is_read_whatever_its_name(tmp_path: Path) -> None:
    packed = gzip.compress(b"user_id,item_id,timestamp\na,b,1600000000\n")
    for name in ("events.csv.gz", "events.csv"):
        assert len(read(written(tmp_path, packed, name)).rows()) == 1


def test_rows_keep_their_numbers_past_rejects_and_blank_lines(tmp_path: Path) -> None:
    lines = [b"user_id,item_id,timestamp", b"a,b,1600000000", b"", b"only-one", b"c,d", b"e,\xff\xfe,1600000001"]
    lines += [b"f,g\0h,1600000002", b"i,,1600000003", b"j,k,not-a-time", b"l,m,1600000004"]
    found = read(written(tmp_path, b"\n".join(lines)))
    assert [row["user_id"] for row in found.rows()] == ["a", "l"]
    assert [(row["row"], row["column"], row["reason"]) for row in found.rejects["interactions"]] == [
        (2, "", "1 values where the header has 3"),
        (3, "", "2 values where the header has 3"),
        (4, "item_id", "not UTF-8 text"),
        (5, "item_id", "a NUL byte"),
        (6, "ITEM_ID", "ITEM_ID is empty"),
        (7, "TIMESTAMP", "TIMESTAMP is not a time in seconds between 1900 and 2100"),
    ]
    assert '"i"' in found.rejects["interactions"][4]["raw"]
    assert found.counts["interactions"].rows == 8


def test_numbers_go_on_from_block_to_block(tmp_path: Path) -> None:
    lines = ["user_id,item_id,timestamp"]
    for number in range(1, 3_001):
        lines.append(f"u{number}" if number % 500 == 0 else f"u{number},i,{1_600_000_000 + number}")
    found = read(written(tmp_path, "\n".join(lines)), limits=Limits(line=4_096))
    assert [row["row"] for row in found.rejects["interactions"]] == [500, 1000, 1500, 2000, 2500, 3000]
    bad = read(written(tmp_path, "\n".join([*lines, "u,,1600000000"])), limits=Limits(line=4_096))
    assert bad.rejects["interactions"][-1]["row"] == 3_001


def test_another_encoding_can_be_declared(tmp_path: Path) -> None:
    path = written(tmp_path, "user_id,item_id,timestamp\na,café,1600000000\n".encode("cp1252"))
    assert read(path).reasons() == {"not UTF-8 text": 1}
    assert read(path, mapping={"encoding": "cp1252"}).rows()[0]["item_id"] == "café"


def test_utf_16_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="UTF-16"):
        read(written(tmp_path, "user_id,item_id,timestamp\na,b,1\n".encode("utf-16")))


def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    with path.open("wb") as file:
        file.write(HEADER.encode() + b"a,b,1600000000,fine\n")
        file.seek(1 << 30, io.SEEK_CUR)  # a gigabyte of NUL bytes, sparse on disk
        file.write(b"\n")
    with pytest.raises(DataError, match=r"longer than 16,777,216 bytes") as caught:
        read(path)
    assert caught.value.row is not None


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    body = HEADER.encode() + b"a,b,1600000000,\n" * 200_000
    path = written(tmp_path, gzip.compress(body), "events.csv.gz")
    with pytest.raises(DataError, match="unpacks to more than 20 times"):
        read(path, limits=Limits(gzip_ratio=20, gzip_free=1 << 20))


def test_a_cut_off_gzip_is_named(tmp_path: Path) -> None:
    body = HEADER + "".join(f"u{number},b,1600000000,{number * 7919}\n" for number in range(50_000))
    with pytest.raises(DataError, match="not a complete gzip file"):
        read(written(tmp_path, gzip.compress(body.encode())[:-2000], "events.csv.gz"))


def test_an_open_quote_is_named_with_its_row(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + 'a,b,1600000000,fine\nc,d,1600000001,"never\nclosed,x\n')
    with pytest.raises(DataError, match="never closed") as caught:
        read(path)
    assert caught.value.row == 2


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="is empty"):
        read(written(tmp_path, content))


def test_a_header_only_has_no_rows(tmp_path: Path) -> None:
    assert read(written(tmp_path, HEADER)).counts["interactions"].rows == 0


def test_missing_columns_are_named_as_personalize_names_them(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"Input csv is missing the following columns: \[TIMESTAMP\]") as caught:
        read(written(tmp_path, "user_id,item_id\na,b\n"))
    assert "--map timestamp=COLUMN" in caught.value.fix


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="price is in the header twice"):
        read(written(tmp_path, "user_id,item_id,timestamp,price,price\n"))


@pytest.mark.parametrize("header", [b"\0" * 40, b"user_id,item\0_id,timestamp\n"], ids=["all", "one"])
def test_a_header_of_nul_bytes_is_no_text(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(DataError, match="NUL"):
        read(written(tmp_path, header + b"\na,b,1\n"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("encoding=rot13", "no encoding"),
        ("encoding=\0", "no encoding"),
        ("time_format=%d%", "is none"),
        ("time_format=%Q", "is none"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(tmp_path: Path, said: str, why: str) -> None:
    name, _, value = said.partition("=")
    with pytest.raises(InputError, match=why):
        read(written(tmp_path, "user_id,item_id,timestamp\na,b,1600000000\n"), mapping={name: value})
