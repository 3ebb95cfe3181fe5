"""What `--map` says of a file is remembered for the shop, and counts for the next file like it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import SchemaError
from endcap.jobs.intake import bring_in
from endcap.jobs.memories import memories
from endcap.jobs.workspace import open_workspace
from endcap.lake.importers.remembering import KEPT, Remembered, recalled, with_memory
from endcap.settings import Settings

MAPPED = {"user_id": "who", "item_id": "what", "timestamp": "when"}


def test_said_once_for_a_file_it_counts_for_the_next_like_it(tmp_path: Path) -> None:
    workspace = open_workspace(Settings(home=tmp_path / "home", threads=1))
    shop = workspace.new_shop("corner")
    first, second = tmp_path / "monday.csv", tmp_path / "tuesday.csv"
    first.write_text("who,what,when\na,x,1760000000\n")
    second.write_text("when,what,who,till\n1760000100,y,b,3\n")
    bring_in(workspace, shop, [first], mapping=MAPPED)
    report = bring_in(workspace, shop, [second], mode="INCREMENTAL")
    assert report.said is not None and report.said.mapping == MAPPED
    assert workspace.lake.history(shop, "interactions")[0].rows == 2
    with pytest.raises(SchemaError):
        bring_in(workspace, shop, [second], fresh=True)
    assert [memory.mapping for memory in memories(workspace, shop)] == [MAPPED, MAPPED]
    workspace.database.close()


def test_the_newest_that_fits_counts_and_columns_that_are_not_there_do_not() -> None:
    older = Remembered(columns=("a", "b"), mapping={"user_id": "a"})
    newer = Remembered(columns=("a", "c"), mapping={"user_id": "a", "item_id": "c"})
    assert recalled([("a", "b", "z")], (newer, older)) is older
    assert recalled([("A", "c", "b")], (newer, older)) is newer
    assert recalled([("b",)], (newer, older)) is None
    unnamed = Remembered(columns=("x", "y"), mapping={"time_zone": "Europe/London", "event_type": "=View"})
    assert recalled([("y", "x")], (unnamed,)) is unnamed
    assert recalled([("x", "y", "z")], (unnamed,)) is None


@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), unique=True), st.booleans()), max_size=40))
def test_of_the_same_columns_the_newest_stays_and_nothing_said_forgets(told) -> None:
    known: tuple[Remembered, ...] = ()
    for columns, says in told:
        known = with_memory(known, Remembered(columns=tuple(columns), mapping={"user_id": "a"} if says else {}))
        mine = [memory for memory in known if sorted(memory.columns) == sorted(columns)]
        assert len(mine) == says and len(known) <= KEPT
