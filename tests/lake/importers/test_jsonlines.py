"""JSON Lines: nested fields, lists and gaps; a line that is no object is one reject."""

import json
from pathlib import Path

import pytest

from endcap.errors import DataError
from importer_reading import read, written


def test_nested_fields_lists_and_a_bad_line(tmp_path: Path) -> None:
    lines = [
        json.dumps({"user": {"id": "ä,1"}, "item_id": 7, "timestamp": 1_600_000_000, "impression": ["a", "b|c"]}),
        '{"user": {"id": ',
        "[1, 2]",
        "",
        json.dumps({"item_id": "x", "timestamp": 1_600_000_001}),
        json.dumps({"user": {"id": "b"}, "item_id": "y", "timestamp": 1_600_000_002, "price": 2.5}),
    ]
    found = read(written(tmp_path, "\n".join(lines), "events.jsonl"), mapping={"user_id": "user.id"})
    assert [(row["user_id"], row["item_id"], row["impression"]) for row in found.rows()] == [
        ("ä,1", "7", "a|b|c"),
        ("b", "y", None),
    ]
    assert found.rows()[1]["price"] == 2.5
    assert [(row["row"], row["reason"]) for row in found.rejects["interactions"]] == [
        (2, "not a JSON object"),
        (3, "not a JSON object"),
        (4, "USER_ID is empty"),
    ]
    assert found.rejects["interactions"][0]["raw"] == '{"user": {"id": '


def test_deep_nesting_is_one_reject(tmp_path: Path) -> None:
    deep = '{"user_id": "a", "item_id": "b", "timestamp": 1600000000, "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    good = '{"user_id": "a", "item_id": "b", "timestamp": 1600000000}'
    found = read(written(tmp_path, f"{good}\n{deep}\n", "events.jsonl"))
    assert len(found.rows()) + sum(found.reasons().values()) + found.counts["interactions"].duplicates == 2


def test_an_array_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a JSON array") as caught:
        read(written(tmp_path, '[{"user_id": 1}]', "events.json"))
    assert "jq" in caught.value.fix


def test_quotes_in_values_are_not_csv_quotes(tmp_path: Path) -> None:
    line = json.dumps({"user_id": 'a"b', "item_id": "c", "timestamp": 1_600_000_000, "review": 'line\nbreak, "x'})
    assert read(written(tmp_path, line, "events.jsonl")).rows()[0]["review"] == 'line\nbreak, "x'
