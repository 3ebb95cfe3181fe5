"""`endcap log`: what an operator sees of the event log, and what replaying it does."""

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.lake.tables import Lake
from endcap.storage.log import open_log
from endcap.stream.collect import event_record
from endcap.stream.records import Event
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "mine")


@pytest.fixture
def streamed(imported: Any, home: Path) -> Any:
    """The shop, and a log with three events, one of which nobody can read."""
    log = open_log(f"sqlite:///{home}/log.db")
    records = [
        event_record(SHOP, Event(event_id=f"e{n}", event_type="View", time=n, item_id="tea-1", user_id="c1"))
        for n in range(1, 4)
    ]
    records[1] = records[1]._replace(payload=b"\xc1")
    log.append(records)
    log.close()
    return imported


def test_status_tells_how_far_the_lake_has_the_log_and_replaying_brings_it_there_once(
    streamed: Any, home: Path
) -> None:
    assert "3 not in the lake yet" in streamed("log")
    before = Lake(home / "lake").read(SHOP, "interactions").num_rows
    again = streamed.json("log", "replay", "--shop", "mine")
    assert again == {"read": 3, "poisoned": 1, "rows": {"interactions": 2}, "failures": {}}
    assert "nothing was written twice" in streamed("log", "replay", "--from-offset", "0:2")
    assert Lake(home / "lake").read(SHOP, "interactions").num_rows == before + 2
    found = streamed.json("log", "status")
    assert found["poison"]["count"] == 1 and found["workers"] == [] and found["spooled"] == 0
    assert Path(found["poison"]["file"]).read_text().count("\n") == 1
    (poison,) = streamed.json("log", "poison")["poison"]
    assert (poison["partition"], poison["n"], poison["payload"]) == (0, 2, "wQ==")
    assert "0:2" in streamed("log", "poison") and "1 could not be read" in streamed("log", "status")


def test_show_prints_one_line_of_json_a_record(streamed: Any) -> None:
    lines = [json.loads(line) for line in streamed("log", "show", "--from-offset", "0:2", "-n", "5").splitlines()]
    assert [line["offset"] for line in lines] == ["0:2", "0:3"]
    assert lines[0]["payload"] == {"base64": "wQ=="} and lines[1]["payload"]["event_id"] == "e3"


def test_what_cannot_be_meant_is_refused(streamed: Any, shell: Any) -> None:
    assert "PARTITION:NUMBER" in streamed("log", "show", "--from-offset", "7", code=2)
    assert "no partition 9" in streamed("log", "show", "--from-offset", "9:1", code=2)


def test_before_anything_was_written_there_is_nothing_to_tell(shell: Any) -> None:
    assert "Nothing was written" in shell("log")
    assert "Every record could be read" in shell("log", "poison")
