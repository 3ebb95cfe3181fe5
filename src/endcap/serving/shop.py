"""What serving holds of a shop beside its models: histories, the catalogue, and what to show when nobody is known."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import ArtefactError, StateError
from endcap.features.shop import ShopFeatures, declared_of
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.lake.schemas import DatasetKind, Schema
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.recipes.trending import Trending
from endcap.seams import Disk
from endcap.serving.attributes import AttributeTable
from endcap.serving.content import Content, content_of, no_content
from endcap.serving.segment_counts import segments_of
from endcap.serving.segments import NO_SEGMENTS, Segments
from endcap.storage.directories import publish_directory
from endcap.stream.arrays import map_arrays, pack
from endcap.stream.histories import Histories
from endcap.stream.ids import IdIndex
from endcap.types import ACTION_ID, ITEM_ID, Bool, Float32, Int32, Int64, ShopKey

About = Literal["items", "actions"]
EVENTS: Mapping[About, DatasetKind] = {"items": "interactions", "actions": "action_interactions"}
FORMAT = "6"
FILE = "state.safetensors"
FEATURES = "features/"
"""What the names of the features' own arrays begin with."""
SEGMENTS, CONTENT = "segments/", "content/"
"""Likewise those of segments' bestsellers and of what items' texts say."""
CREATED = "creation_timestamp"


@dataclass(frozen=True)
class ShopState:
    """One shop at one snapshot of its lake.

    `catalogue` finds ids by ordinal, `listed` bool [ordinals] tells items from gaps; `trending` and `popular` int32
    hold ordinals, best first, of items that have any such score. `created` int64 [ordinals] is when each item came
    into the shop (microseconds), `counts` float32 [ordinals] the summed weight of its events, `items` what is known of
    the items by ordinal, `users` of the shoppers by their row in `histories`.
    """

    histories: Histories
    catalogue: IdIndex
    listed: Bool
    trending: Int32
    popular: Int32
    created: Int64
    counts: Float32
    items: AttributeTable
    users: AttributeTable
    snapshot: str
    kept_features: tuple[Mapping[str, np.ndarray], Mapping[str, str]] | None = field(default=None, repr=False)
    """Arrays and notes of `ShopFeatures`; None where the items are actions."""
    segments: Segments = field(default=NO_SEGMENTS, repr=False)
    """What sells to shoppers of whom nothing is known but their attributes and where they ask from."""
    content: Content = field(default_factory=no_content, repr=False)
    """What the items' texts say, so that new ones find their kind."""

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        about: About = "items",
        schemas: Mapping[DatasetKind, Schema] | None = None,
        happened: pa.Table | None = None,
    ) -> ShopState:
        """From a dataset with ordinals. `schemas` say what the columns of items (actions) and users hold, `happened`
        are interactions with what they tell of where they happened (`segment_columns.wanted_of`)."""
        schemas = schemas or {}
        catalogue, listed = _catalogue(dataset.items)
        nobody = Queries.about(np.full(1, -1, np.int32), dataset.last_time + 1)
        orders = []
        for recipe in (Trending(), Popularity()):
            scores = recipe.fit(dataset).score(nobody)[0] if len(dataset.interactions) else np.zeros(0, np.float32)
            rows = np.argsort(-scores, kind="stable")[: np.count_nonzero(~np.isnan(scores))]
            orders.append(dataset.items.ordinals[rows])
        created, counts = np.zeros(len(listed), np.int64), np.zeros(len(listed), np.float32)
        created[dataset.items.ordinals] = creation_times(dataset)
        counts[dataset.items.ordinals] = dataset.popularity()
        metadata = dataset.item_metadata
        everyone: Int32 = np.arange(dataset.n_users, dtype=np.int32)
        if about == "actions" and metadata is not None:  # filters ask for the column by its own name
            metadata = metadata.rename_columns(
                [ACTION_ID if name == ITEM_ID else name for name in metadata.column_names]
            )
        items = AttributeTable.of(metadata, dataset.items.ordinals, size=len(listed), schema=schemas.get(about))
        users = AttributeTable.of(dataset.user_metadata, everyone, size=dataset.n_users, schema=schemas.get("users"))
        histories = Histories.of(dataset, kind=EVENTS[about])
        kept = ShopFeatures.of(dataset, dataset.items.ordinals, len(listed)).arrays() if about == "items" else None
        segments, content = NO_SEGMENTS, no_content()
        if about == "items":
            segments = segments_of(dataset, schemas.get("users"), happened)
            content = content_of(dataset, created, counts)
        return cls(
            *(histories, catalogue, listed, orders[0], orders[1], created, counts, items, users, dataset.snapshot),
            *(kept, segments, content),
        )

    @cached_property
    def features(self) -> ShopFeatures | None:
        """What rankers are told, as of the snapshot; None where the items are actions. Not to be folded into."""
        return self.new_features()

    @property
    def declared(self) -> str:
        """`ShopFeatures.declared` of those features."""
        return "" if self.kept_features is None else declared_of(self.kept_features[1])

    def new_features(self) -> ShopFeatures | None:
        """A copy of the snapshot's features, to be folded into."""
        return None if self.kept_features is None else ShopFeatures.from_arrays(*self.kept_features)

    def ordinal(self, item_id: str) -> int:
        """Catalogue ordinal of an item, -1 where unknown."""
        place = self.catalogue.find(item_id)
        return place if place >= 0 and self.listed[place] else -1

    def ordinals(self, item_ids: list[str]) -> Int32:
        """int32 ordinals of items, -1 where unknown."""
        places = self.catalogue.find_all(item_ids)
        return np.where(self.listed[places], places, -1).astype(np.int32) if len(self.listed) else places

    @cached_property
    def busy_shopper(self) -> str | None:
        """A shopper with more events than nine in ten."""
        lengths = np.diff(self.histories.past.indptr)
        if not len(lengths):
            return None
        return self.histories.users.name(int(np.argsort(lengths, kind="stable")[int(len(lengths) * 0.9)]))

    def pack(self) -> bytes:
        """As the bytes of one safetensors file."""
        arrays, notes = self.histories.arrays()
        features, more = self.kept_features or ({}, {})
        notes = {**notes, **{f"{FEATURES}{name}": more[name] for name in more}}
        named = {name: getattr(self, name) for name in ("listed", "trending", "popular", "created", "counts")}
        segments, dimensions = self.segments.arrays()
        named |= {f"{SEGMENTS}{name}": segments[name] for name in segments}
        named |= {f"{CONTENT}{name}": array for name, array in self.content.arrays().items()}
        return pack(
            {
                **arrays,
                **self.catalogue.arrays("catalogue"),
                **self.items.arrays("items"),
                **self.users.arrays("users-known"),
                **{f"{FEATURES}{name}": features[name] for name in features},
                **named,
            },
            {**notes, "format": FORMAT, "snapshot": self.snapshot, SEGMENTS: dimensions},
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
            created, counts = arrays["created"], arrays["counts"]
        except KeyError as error:
            raise ArtefactError(f"{path} lacks the array {error}.", fix=_AGAIN) from error
        for order in (trending, popular, arrays["past.item"], arrays["bought.item"]):
            if len(order) and not (int(order.min()) >= 0 and int(order.max()) < len(catalogue)):
                raise ArtefactError(f"{path} names items outside its catalogue.", fix=_AGAIN)
        for column, kind in ((listed, np.bool_), (created, np.int64), (counts, np.float32)):
            if column.dtype != kind or len(column) != len(catalogue):
                raise ArtefactError(f"The catalogue of {path} is damaged.", fix=_AGAIN)
        histories = Histories.from_arrays(arrays, notes)
        items, users = AttributeTable.from_arrays(arrays, "items"), AttributeTable.from_arrays(arrays, "users-known")
        if items.size != len(catalogue) or users.size != len(histories):
            raise ArtefactError(f"The attributes of {path} are damaged.", fix=_AGAIN)
        features, found, said = (_under(arrays, prefix) for prefix in (FEATURES, SEGMENTS, CONTENT))
        segments, content = Segments.from_arrays(found, notes.get(SEGMENTS, "")), Content.from_arrays(said)
        if max(int(segments.items.max(initial=-1)), content.last) >= len(catalogue):
            raise ArtefactError(f"{path} names items outside its catalogue.", fix=_AGAIN)
        more = {name.removeprefix(FEATURES): notes[name] for name in notes if name.startswith(FEATURES)}
        return cls(
            *(histories, catalogue, listed, trending, popular, created, counts, items, users, notes["snapshot"]),
            (features, more) if features else None,
            *(segments, content),
        )


_AGAIN = "Delete the directory; it is built again."


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def _catalogue(items: Vocabulary) -> tuple[IdIndex, Bool]:
    size = int(items.ordinals.max(initial=-1)) + 1
    listed = np.zeros(size, np.bool_)
    listed[items.ordinals] = True
    rows = np.full(size, -1, np.int64)
    rows[items.ordinals] = np.arange(len(items))
    names = items.ids.cast(pa.large_string()).take(pa.array(rows, mask=rows < 0))
    return IdIndex.of(names.fill_null("")), listed


def creation_times(dataset: Dataset) -> Int64:
    """int64 [items]: `creation_timestamp` where the catalogue has one, else the oldest event, else the newest of all.

    So the service fills the column in too.
    """
    events = dataset.interactions
    oldest = np.full(dataset.n_items, dataset.last_time, np.int64)
    np.minimum.at(oldest, events.item, events.time)
    metadata = dataset.item_metadata
    if metadata is None or CREATED not in metadata.column_names:
        return oldest
    given = metadata[CREATED].combine_chunks().cast(pa.int64())
    filled: Int64 = np.asarray(pc.coalesce(given, pa.array(oldest)).to_numpy(zero_copy_only=False), np.int64)
    return filled


class Shops(Protocol):
    """Where shops' states come from: the lake, or a test's stand-in."""

    def text(self, shop: ShopKey) -> str:
        """Names the newest snapshot."""

    def state(self, shop: ShopKey) -> ShopState:
        """The newest snapshot, read."""


@runtime_checkable
class Following(Protocol):
    """`Shops` that can be held at a snapshot, and read by another process."""

    def at(self, text: str) -> Shops:
        """The same, held at a snapshot."""

    def command(self, shop: ShopKey, text: str, root: Path) -> list[str] | None:
        """The command line of a process that calls `ShopStates.load` for this snapshot; None where that is little work
        and may be done here."""

    def takes_away(self, shop: ShopKey, before: str, after: str) -> bool:
        """Whether something was deleted between two snapshots, which must not be served any longer."""


@runtime_checkable
class Declaring(Protocol):
    """`Shops` for which ranking features are declared."""

    def declared(self, shop: ShopKey) -> str:
        """The declared windows among them, as `ShopFeatures.declared` has them."""


class ShopStates:
    """States of shops, built once for each lake snapshot, and again where other windows were declared; kept as files
    under `root`, one directory for each."""

    def __init__(self, shops: Shops, root: Path, disk: Disk | None = None) -> None:
        self._shops, self._root, self._disk = shops, root, disk or Disk()
        self._children: dict[Path, subprocess.Popen[bytes]] = {}

    def load(self, shop: ShopKey) -> ShopState:
        """The state of the newest snapshot, built now, in this process, where no file holds it yet."""
        return self._load(self._shops, shop)

    def _load(self, shops: Shops, shop: ShopKey) -> ShopState:
        path = self._path(shop, shops.text(shop), shops)
        if not path.exists():
            data = shops.state(shop).pack()
            with suppress(StateError):  # another process was faster
                publish_directory(path.parent.parent, path.parent.name, {FILE: data}, self._disk)
            self._sweep(path.parent.parent, keep=path.parent.name)
        return ShopState.open(path)

    def ready(self, shop: ShopKey, text: str) -> ShopState | None:
        """The state of a snapshot without waiting for it: None while a child process builds it.

        Raises `ArtefactError` where the child failed; the next call starts another.
        """
        path = self._path(shop, text)
        if path.exists():
            self._reap(path)
            return ShopState.open(path)
        if not isinstance(self._shops, Following):
            return self.load(shop)
        child = self._children.get(path)
        if child is None:
            line = self._shops.command(shop, text, self._root)
            if line is None:
                return self._load(self._shops.at(text), shop)
            self._children[path] = subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        elif child.poll() is not None:
            said = self._reap(path)
            if not path.exists():
                why = said or "the process that builds it gave no reason."
                raise ArtefactError(f"The state of shop {shop.group} at {text} could not be built: {why}")
            return ShopState.open(path)
        return None

    def wait(self, shop: ShopKey, text: str) -> ShopState:
        """The state of a snapshot, waited for."""
        while (found := self.ready(shop, text)) is None:
            child = self._children.get(self._path(shop, text))
            if child is not None:
                child.wait()
        return found

    def takes_away(self, shop: ShopKey, before: str, after: str) -> bool:
        """Whether something was deleted between two snapshots, which must not be served any longer."""
        return isinstance(self._shops, Following) and self._shops.takes_away(shop, before, after)

    def declared(self, shop: ShopKey) -> str:
        """What `ShopState.declared` of a state that is built now would be."""
        return self._shops.declared(shop) if isinstance(self._shops, Declaring) else ""

    def newest(self, shop: ShopKey) -> str:
        """Names the newest snapshot."""
        return self._shops.text(shop)

    def close(self) -> None:
        """End the child processes that still build."""
        for child in self._children.values():
            child.kill()
            child.communicate()
        self._children.clear()

    def _path(self, shop: ShopKey, text: str, shops: Shops | None = None) -> Path:
        asked = self._shops if shops is None else shops
        declared = asked.declared(shop) if isinstance(asked, Declaring) else ""
        parts = [FORMAT, text, declared] if declared else [FORMAT, text]
        name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
        return self._root.joinpath(*shop.parts(), name, FILE)

    def _reap(self, path: Path) -> str:
        """What an ended child said last."""
        child = self._children.pop(path, None)
        if child is None:
            return ""
        _, said = child.communicate()
        return said.decode("utf-8", "replace").strip().rpartition("\n")[2]

    def _sweep(self, parent: Path, keep: str) -> None:
        """Remove all but the newest two; a process that still maps one keeps its pages."""
        others = sorted(
            (each for each in parent.iterdir() if each.name != keep and not each.name.startswith(".")), key=_age
        )
        for each in others[:-1]:
            with suppress(FileNotFoundError):  # another process sweeps too
                self._disk.remove(each)


def _age(path: Path) -> float:
    return path.stat().st_mtime
