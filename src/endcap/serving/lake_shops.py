"""Shops' data from the lake: its items, or its actions seen as items."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from endcap.errors import EndcapError
from endcap.features.shop import declared_text
from endcap.lake.assemble import assemble
from endcap.lake.columns import combinable
from endcap.lake.dataset import Dataset
from endcap.lake.schemas import DatasetKind, Schema
from endcap.lake.streaming import REMOVED
from endcap.lake.tables import Lake, Snapshot
from endcap.processes import without_pandas
from endcap.serving.segment_columns import wanted_of
from endcap.serving.shop import EVENTS, About, ShopState, ShopStates
from endcap.types import ACTION_ID, EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID, AccountKey, ShopKey

TABLES: Mapping[About, tuple[DatasetKind, ...]] = {
    "actions": ("actions", "action_interactions", "users"),
    "items": ("items", "users"),
}
"""What is read where there are no interactions with items."""
SMALL = 4 << 20
"""Bytes of interactions that are read in less time than a process takes to start."""
Schemas = Callable[[ShopKey, DatasetKind], Schema | None]
"""The schema of a shop's dataset, None where it has none."""
Windows = Callable[[ShopKey], tuple[Mapping[str, Any], ...]]
"""The windows that a shop has declared, as documents."""
_NO_EVENTS = pa.schema(
    [(USER_ID, pa.string()), (ITEM_ID, pa.string()), (TIMESTAMP, pa.int64()), (EVENT_TYPE, pa.string())]
)


@dataclass(frozen=True)
class LakeShops:
    """A `Shops` over a lake, at the newest snapshot or held at one. `schemas` tells what datasets hold, `windows` which
    ranking features were declared."""

    lake: Lake
    about: About = "items"
    held: str = ""
    schemas: Schemas | None = None
    windows: Windows | None = None

    def text(self, shop: ShopKey) -> str:
        """Names the snapshot."""
        return self.held or self.lake.snapshot(shop).text

    def declared(self, shop: ShopKey) -> str:
        """The declared windows that rankers are told, as `ShopFeatures.declared` has them."""
        return declared_text(self._windows(shop))

    def _windows(self, shop: ShopKey) -> tuple[Mapping[str, Any], ...]:
        return self.windows(shop) if self.windows is not None and self.about == "items" else ()

    def state(self, shop: ShopKey) -> ShopState:
        """The snapshot, read."""
        return ShopState.of(self.dataset(shop), self.about, self._known(shop), self._happened(shop))

    def _happened(self, shop: ShopKey) -> pa.Table | None:
        """What interactions tell of where they happened; None where nothing."""
        version = Snapshot.parse(self.text(shop)).versions.get("interactions")
        if self.about != "items" or version is None:
            return None
        table = self.lake.open(shop, "interactions", version)
        names = wanted_of([each.name for each in table.schema().fields])
        if not names:
            return None
        from pyarrow.dataset import ParquetReadOptions  # noqa: PLC0415 - loads pandas, which an import need not

        options = ParquetReadOptions(dictionary_columns=set(names) - {TIMESTAMP})
        return combinable(table.to_pyarrow_dataset(parquet_read_options=options).to_table(columns=names))

    def dataset(self, shop: ShopKey) -> Dataset:
        """What the state is made of; a shop without interactions has its items and users all the same."""
        snapshot = Snapshot.parse(self.text(shop))
        if self.about == "items" and "interactions" in snapshot.versions:
            found = self.lake.dataset(shop, snapshot=snapshot)
        else:
            found = _assembled(self.lake, shop, snapshot, self.about)
        return replace(found, windows=self._windows(shop))

    def takes_away(self, shop: ShopKey, before: str, after: str) -> bool:
        """Whether a table was dropped between two snapshots, or users were removed from one."""
        older, newer = Snapshot.parse(before).versions, Snapshot.parse(after).versions
        for kind, version in older.items():
            if newer.get(kind, -1) < version:
                return True
            if newer[kind] > version and any(
                entry.mode == REMOVED and version < entry.version <= newer[kind]
                for entry in self.lake.history(shop, kind)
            ):
                return True
        return False

    def at(self, text: str) -> LakeShops:
        """The same, held at a snapshot."""
        return replace(self, held=text)

    def command(self, shop: ShopKey, text: str, root: Path) -> list[str] | None:
        """A process of its own builds a large state: reading so much would hold up every request here."""
        kind = EVENTS[self.about]
        version = Snapshot.parse(text).versions.get(kind)
        if version is None or sum(Path(file).stat().st_size for file in self.lake.files(shop, kind, version)) < SMALL:
            return None
        known = {kind: [schema.to_avro(), schema.domain] for kind, schema in self._known(shop).items()}
        told = json.dumps([str(self.lake.root), self.about, text, str(root), *shop.parts(), known, self._windows(shop)])
        return [sys.executable, "-m", "endcap.serving.lake_shops", told]

    def _known(self, shop: ShopKey) -> dict[DatasetKind, Schema]:
        kinds: tuple[DatasetKind, ...] = (self.about, "users") if self.schemas is not None else ()
        return {kind: schema for kind in kinds if self.schemas and (schema := self.schemas(shop, kind)) is not None}


def _assembled(lake: Lake, shop: ShopKey, snapshot: Snapshot, about: About) -> Dataset:
    """Actions in the place of items and what shoppers made of them in that of interactions; or items, without any."""
    tables = {}
    for kind in TABLES[about]:
        if kind in snapshot.versions:
            found = lake.read(shop, kind, version=snapshot.versions[kind])
            tables[kind] = found.rename_columns([ITEM_ID if name == ACTION_ID else name for name in found.column_names])
    events = tables.get("action_interactions", _NO_EVENTS.empty_table())
    parts = [table[ITEM_ID].cast(pa.string()) for table in (tables.get(about), events) if table is not None]
    catalogue = pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string()).unique()
    if about == "items":
        catalogue = lake.catalogue(shop).ids()
    return assemble(events, tables.get(about), tables.get("users"), catalogue=catalogue, snapshot=snapshot.text)


def main(arguments: list[str]) -> int:
    """The child process of `command`."""
    without_pandas()
    lake, about, text, root, account, region, group, given, windows = json.loads(arguments[0])
    try:
        known = {kind: Schema.from_avro(avro, domain) for kind, (avro, domain) in given.items()}
        shops = LakeShops(Lake(Path(lake)), about, text, lambda _, kind: known.get(kind), lambda _: tuple(windows))
        ShopStates(shops, Path(root)).load(ShopKey(AccountKey(account, region), group))
    except EndcapError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
