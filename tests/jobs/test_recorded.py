"""What records say of work is what was done, whoever else is at work meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from endcap.jobs import comparing
from endcap.jobs.memories import memories, remember
from endcap.jobs.training import train
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.lake.importers.remembering import Remembered
from endcap.registry.resources import Resource, Resources
from endcap.settings import Settings
from endcap.types import ShopKey

COLUMNS = pa.schema([("user_id", pa.string()), ("item_id", pa.string()), ("timestamp", pa.int64())])


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = open_workspace(Settings(home=tmp_path, threads=1))
    yield made
    made.database.close()


def shop_of(workspace: Workspace, job: str = "first", first: int = 0) -> ShopKey:
    shop = workspace.new_shop("corner")
    rows = [{"user_id": f"u{n % 5}", "item_id": f"i{n % 7}", "timestamp": 10**15 + n} for n in range(first, first + 40)]
    workspace.lake.commit(
        shop, "interactions", pa.Table.from_pylist(rows, schema=COLUMNS), schema=COLUMNS, mode="INCREMENTAL", job=job
    )
    return shop


def test_a_version_says_the_snapshot_that_it_learned_from(workspace: Workspace) -> None:
    shop = shop_of(workspace)
    dataset = workspace.lake.dataset(shop)
    shop_of(workspace, "second", 40)  # as the sink does between reading and training
    made = train(workspace, shop, "popularity", dataset=dataset)
    assert made.lineage.snapshot == dataset.snapshot != workspace.lake.snapshot(shop).text


def test_what_is_named_twice_is_compared_once(workspace: Workspace) -> None:
    shop = shop_of(workspace)
    made = comparing.ask(workspace, shop, [], ["als", "popularity", "als"])
    assert made.document["recipes"] == ["als", "popularity"]


def test_of_two_who_remember_at_once_nobody_is_forgotten(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = workspace.new_shop("corner")
    workspace.resources.create(Resource(shop.account, "dataset-group", shop.group, shop.group, document={}))
    mine, theirs = (Remembered(columns=(name,), mapping={"user_id": name}) for name in ("a", "b"))
    get, others = Resources.get, [theirs]

    def looked_up(self: Resources, *key: str) -> Resource:
        found = get(self, *key)  # type: ignore[arg-type]
        if others:
            remember(workspace, shop, others.pop())
        return found

    monkeypatch.setattr(Resources, "get", looked_up)
    remember(workspace, shop, mine)
    assert sorted(memory.columns for memory in memories(workspace, shop)) == [("a",), ("b",)]
