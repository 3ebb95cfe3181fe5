"""What serving holds of a shop beside its models: histories, the catalogue, and what to show when nobody is known."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from endcap.errors import ArtefactError, StateError
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.recipes.trending import Trending
from endcap.seams import Disk
from endcap.storage.directories import publish_directory
from endcap.stream.arrays import map_arrays, pack
from endcap.stream.histories import Histories
from endcap.stream.ids import IdIndex
from endcap.types import Bool, Int32, ShopKey

FORMAT = "1"
FILE = "state.safetensors"


@dataclass(frozen=True)
class ShopState:
    """One shop at one snapshot of its lake.

    `catalogue` finds ids by ordinal, `listed` bool [ordinals] tells items from gaps; `trending` and `popular` int32
    hold ordinals, best first, of items that have any such score.
    """

    histories: Histories
    catalogue: IdIndex
    listed: Bool
    trending: Int32
    popular: Int32
    snapshot: str

    @classmethod
    def of(cls, dataset: Dataset) -> ShopState:
        """From a dataset with ordinals."""
        catalogue, listed = _catalogue(dataset.items)
        nobody = Queries.about(np.full(1, -1, np.int32), dataset.last_time + 1)
        orders = []
        for recipe in (Trending(), Popularity()):
            scores = recipe.fit(dataset).score(nobody)[0] if len(dataset.interactions) else np.zeros(0, np.float32)
            rows = np.argsort(-scores, kind="stable")[: np.count_nonzero(~np.isnan(scores))]
            orders.append(dataset.items.ordinals[rows])
        return cls(Histories.of(dataset), catalogue, listed, orders[0], orders[1], dataset.snapshot)

    def ordinal(self, item_id: str) -> int:
        """Catalogue ordinal of an item, -1 where unknown."""
        place = self.catalogue.find(item_id)
        return place if place >= 0 and self.listed[place] else -1

    def ordinals(self, item_ids: list[str]) -> Int32:
        """int32 ordinals of items, -1 where unknown."""
        places = self.catalogue.find_all(item_ids)
        return np.where(self.listed[places], places, -1).astype(np.int32) if len(self.listed) else places

    def pack(self) -> bytes:
        """As the bytes of one safetensors file."""
        arrays, notes = self.histories.arrays()
        orders = {"listed": self.listed, "trending": self.trending, "popular": self.popular}
        return pack(
            {**arrays, **self.catalogue.arrays("catalogue"), **orders},
            {**notes, "format": FORMAT, "snapshot": self.snapshot},
        )

    @classmethod
    def open(cls, path: Path) -> ShopState:
        """Memory-mapped from a file that `pack` made. Raises `ArtefactError` for anything else."""
        arrays, notes = map_arrays(path)
        if notes.get("format") != FORMAT:
            raise ArtefactError(f"{path} has format {notes.get('format')!r}, this version reads {FORMAT}.", fix=_AGAIN)
        catalogue = IdIndex.from_arrays(arrays, "catalogue")
        try:
            listed, trending, popular = arrays["listed"], arrays["trending"], arrays["popular"]
        except KeyError as error:
            raise ArtefactError(f"{path} lacks the array {error}.", fix=_AGAIN) from error
        for order in (trending, popular, arrays["past.item"], arrays["bought.item"]):
            if len(order) and not (int(order.min()) >= 0 and int(order.max()) < len(catalogue)):
                raise ArtefactError(f"{path} names items outside its catalogue.", fix=_AGAIN)
        if listed.dtype != np.bool_ or len(listed) != len(catalogue):
            raise ArtefactError(f"The catalogue of {path} is damaged.", fix=_AGAIN)
        return cls(Histories.from_arrays(arrays, notes), catalogue, listed, trending, popular, notes["snapshot"])


_AGAIN = "Delete the directory; it is built again."


def _catalogue(items: Vocabulary) -> tuple[IdIndex, Bool]:
    size = int(items.ordinals.max(initial=-1)) + 1
    listed = np.zeros(size, np.bool_)
    listed[items.ordinals] = True
    rows = np.full(size, -1, np.int64)
    rows[items.ordinals] = np.arange(len(items))
    names = items.ids.cast(pa.large_string()).take(pa.array(rows, mask=rows < 0))
    return IdIndex.of(names.fill_null("")), listed


class Shops(Protocol):
    """Where a shop's data comes from: the lake, or a test's stand-in."""

    def text(self, shop: ShopKey) -> str:
        """Names the newest snapshot."""

    def dataset(self, shop: ShopKey) -> Dataset:
        """The newest snapshot, read."""


class ShopStates:
    """States of shops, built once for each lake snapshot and kept as files under `root`, one directory per snapshot."""

    def __init__(self, shops: Shops, root: Path, disk: Disk | None = None) -> None:
        self._shops, self._root, self._disk = shops, root, disk or Disk()

    def load(self, shop: ShopKey) -> ShopState:
        """The state of the newest snapshot, built now where no file holds it yet."""
        parent = self._root.joinpath(*shop.parts())
        name = hashlib.sha256(json.dumps([FORMAT, self._shops.text(shop)]).encode()).hexdigest()[:16]
        path = parent / name / FILE
        if not path.exists():
            data = ShopState.of(self._shops.dataset(shop)).pack()
            with suppress(StateError):  # another process was faster
                publish_directory(parent, name, {FILE: data}, self._disk)
            self._sweep(parent, keep=name)
        return ShopState.open(path)

    def _sweep(self, parent: Path, keep: str) -> None:
        """Remove all but the newest two; a process that still maps one keeps its pages."""
        others = sorted(
            (each for each in parent.iterdir() if each.name != keep and not each.name.startswith(".")), key=_age
        )
        for each in others[:-1]:
            self._disk.remove(each)


def _age(path: Path) -> float:
    return path.stat().st_mtime
