"""Shops' data from the lake: its items, or its actions seen as items."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa

from endcap.errors import EndcapError
from endcap.lake.assemble import assemble
from endcap.lake.dataset import Dataset
from endcap.lake.schemas import DatasetKind
from endcap.lake.tables import Lake, Snapshot
from endcap.serving.shop import ShopStates
from endcap.types import EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID, AccountKey, ShopKey

About = Literal["items", "actions"]
ACTION_ID = "action_id"
SMALL = 4 << 20
"""Bytes of interactions that are read in less time than a process takes to start."""
_NO_ANSWERS = pa.schema(
    [(USER_ID, pa.string()), (ITEM_ID, pa.string()), (TIMESTAMP, pa.int64()), (EVENT_TYPE, pa.string())]
)


@dataclass(frozen=True)
class LakeShops:
    """A `Shops` over a lake, at the newest snapshot or held at one."""

    lake: Lake
    about: About = "items"
    held: str = ""

    def text(self, shop: ShopKey) -> str:
        """Names the snapshot."""
        return self.held or self.lake.snapshot(shop).text

    def dataset(self, shop: ShopKey) -> Dataset:
        """The snapshot, read. Raises `StateError` for a shop without interactions."""
        snapshot = Snapshot.parse(self.text(shop))
        if self.about == "items":
            return self.lake.dataset(shop, snapshot=snapshot)
        return _actions(self.lake, shop, snapshot)

    def at(self, text: str) -> LakeShops:
        """The same, held at a snapshot."""
        return replace(self, held=text)

    def command(self, shop: ShopKey, text: str, root: Path) -> list[str] | None:
        """A process of its own builds a large state: reading so much would hold up every request here."""
        kind: DatasetKind = "interactions" if self.about == "items" else "action_interactions"
        version = Snapshot.parse(text).versions.get(kind)
        if version is None or sum(Path(file).stat().st_size for file in self.lake.files(shop, kind, version)) < SMALL:
            return None
        told = json.dumps([str(self.lake.root), self.about, text, str(root), *shop.parts()])
        return [sys.executable, "-m", "endcap.serving.lake_shops", told]


def _actions(lake: Lake, shop: ShopKey, snapshot: Snapshot) -> Dataset:
    """Actions in the place of items, and what shoppers made of them in that of interactions."""
    tables = {}
    for kind in ("actions", "action_interactions", "users"):
        if kind in snapshot.versions:
            found = lake.read(shop, kind, version=snapshot.versions[kind])
            tables[kind] = found.rename_columns([ITEM_ID if name == ACTION_ID else name for name in found.column_names])
    answers = tables.get("action_interactions", _NO_ANSWERS.empty_table())
    parts = [table[ITEM_ID].cast(pa.string()) for table in (tables.get("actions"), answers) if table is not None]
    catalogue = pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string()).unique()
    return assemble(answers, tables.get("actions"), tables.get("users"), catalogue=catalogue, snapshot=snapshot.text)


def main(arguments: list[str]) -> int:
    """The child process of `command`."""
    lake, about, text, root, account, region, group = json.loads(arguments[0])
    try:
        shops = LakeShops(Lake(Path(lake)), about, text)
        ShopStates(shops, Path(root)).load(ShopKey(AccountKey(account, region), group))
    except EndcapError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
