"""What the texts and prices of a shop's items say, by word: how a new item finds its kind.

Likeness of two items is the cosine of their tf-idf words (`recipes.words`; the name of a category or a brand is a word,
too), over 1 + |log2 of the ratio of their prices|, where both are known: twice the price halves it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.errors import ArtefactError
from endcap.lake.dataset import Dataset
from endcap.recipes.words import Words, weights, words_of
from endcap.stream.ids import IdIndex
from endcap.stream.records import Value
from endcap.types import ITEM_ID, Float32, Int32, Int64

ITEMS = 200_000
"""Of more items that shoppers took only those taken most are compared with: some 40 MB of memory map."""
WORDS = 24
"""Most words kept of an item, the most telling ones."""
NEWEST = 2_000
"""So many of a state's newest items have their neighbours found when it is made: a version may not know them."""
NEAR = 25
"""Neighbours kept of a new item, …"""
LEAST = 0.1
"""… none less alike than this."""
_AGAIN = "Delete the directory; it is built again."


@dataclass(frozen=True)
class Kin:
    """New items by ordinal (`items` int32 [m]) and those most like them: `near` int32 [m, NEAR] ordinals, nearest
    first, -1 past the end, `alike` float32 [m, NEAR]."""

    items: Int32
    near: Int32
    alike: Float32

    def __len__(self) -> int:
        return len(self.items)

    @classmethod
    def of(cls, found: Mapping[int, tuple[Int32, Float32]]) -> Kin:
        """From (neighbours, likeness) by ordinal; those without any are left out."""
        known = {ordinal: told for ordinal, told in found.items() if len(told[0])}
        near = np.full((len(known), NEAR), -1, np.int32)
        alike = np.zeros((len(known), NEAR), np.float32)
        for row, (ordinals, likeness) in enumerate(known.values()):
            near[row, : len(ordinals)], alike[row, : len(ordinals)] = ordinals, likeness
        return cls(np.array(list(known), np.int32), near, alike)


@dataclass(frozen=True)
class Content:
    """Items `ordinals` int32 [n] with `prices` float32 [n] (NaN where unknown), and by word w of `names` with its
    `rarity` float32: it has the weight `weights[i]` in the item at `places[i]`, i in `indptr[w]` … `indptr[w + 1]`."""

    names: IdIndex
    rarity: Float32
    indptr: Int64
    places: Int32
    weights: Float32
    ordinals: Int32
    prices: Float32
    kin: Kin

    @property
    def last(self) -> int:
        """The highest ordinal that it names, -1 where none."""
        held = (self.ordinals, self.kin.items, self.kin.near)
        return max(int(each.max(initial=-1)) for each in held)

    def near(self, properties: Mapping[str, Value], ordinal: int = -1) -> tuple[Int32, Float32]:
        """(int32 ordinals, float32 likeness) of the items most like one with these properties (by lower-case column),
        nearest first, without `ordinal` itself."""
        counts = Counter(word for name, value in properties.items() for word in words_of(name, _text(name, value)))
        codes = self.names.find_all(list(counts))
        known = codes >= 0
        told = weights(np.array(list(counts.values()), np.float64)[known], self.rarity[codes[known]].astype(np.float64))
        scores = np.zeros(len(self.ordinals), np.float32)
        length = float(np.sqrt(told @ told)) or 1.0
        for code, weight in zip(codes[known].tolist(), (told / length).tolist(), strict=True):
            part = slice(int(self.indptr[code]), int(self.indptr[code + 1]))
            scores[self.places[part]] += np.float32(weight) * self.weights[part]
        chosen = np.flatnonzero(scores >= LEAST)  # prices only take away from it
        chosen = chosen[self.ordinals[chosen] != ordinal]
        alike, price = scores[chosen], properties.get("price")
        if isinstance(price, int | float) and price > 0:
            apart = np.abs(np.log2(np.float32(price) / self.prices[chosen]))
            alike = alike / (1 + np.where(np.isnan(apart), np.float32(0), apart))
        order = np.argsort(-alike, kind="stable")[:NEAR]
        order = order[alike[order] >= LEAST]
        return self.ordinals[chosen[order]], alike[order]

    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays, to be saved."""
        own = {name: getattr(self, name) for name in _KINDS}
        kin = {f"kin.{name}": getattr(self.kin, name) for name in ("items", "near", "alike")}
        return {**self.names.arrays("names"), **own, **kin}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Content:
        """What `arrays` gave. Raises `ArtefactError` where the parts do not fit together."""
        try:
            names = IdIndex.from_arrays(arrays, "names")
            kin = Kin(arrays["kin.items"], arrays["kin.near"], arrays["kin.alike"])
            made = cls(names=names, kin=kin, **{name: arrays[name] for name in _KINDS})
        except KeyError as error:
            raise ArtefactError(f"The words of items are damaged: {error} is missing.", fix=_AGAIN) from error
        kinds = all(getattr(made, name).dtype == kind for name, kind in _KINDS.items())
        ends = len(made.indptr) == len(names) + 1 and made.indptr[0] == 0 and made.indptr[-1] == len(made.places)
        sizes = len(made.rarity) == len(names) and len(made.places) == len(made.weights)
        sizes = sizes and len(made.ordinals) == len(made.prices) and kin.near.shape == kin.alike.shape
        sizes = sizes and kin.near.shape == (len(kin), NEAR)
        inside = not len(made.places) or 0 <= int(made.places.min()) <= int(made.places.max()) < len(made.ordinals)
        if not (kinds and ends and sizes and inside and bool((np.diff(made.indptr) >= 0).all())):
            raise ArtefactError("The words of items are damaged.", fix=_AGAIN)
        return made


_KINDS: Mapping[str, type] = {
    "rarity": np.float32,
    "indptr": np.int64,
    "places": np.int32,
    "weights": np.float32,
    "ordinals": np.int32,
    "prices": np.float32,
}
_NO_ITEMS, _NO_NUMBERS = np.zeros(0, np.int32), np.zeros(0, np.float32)
NO_KIN = Kin.of({})


@cache
def no_content() -> Content:
    """Of a shop whose items have no texts. Made when asked for: finding no ids takes a compiled function."""
    nothing = IdIndex.of(pa.array([], pa.string()))
    return Content(nothing, _NO_NUMBERS, np.zeros(1, np.int64), _NO_ITEMS, _NO_NUMBERS, _NO_ITEMS, _NO_NUMBERS, NO_KIN)


def content_of(dataset: Dataset, created: Int64, counts: Float32) -> Content:
    """Of the items that shoppers took; `created` and `counts` are by ordinal. Nothing where items have no texts."""
    metadata, ordinals = dataset.item_metadata, dataset.items.ordinals
    if metadata is None:
        return no_content()
    taken = np.flatnonzero(counts[ordinals] > 0)
    # The most taken first: of those equally like a new item they are the nearest.
    rows = taken[np.argsort(-counts[ordinals[taken]], kind="stable")[:ITEMS]]
    words = Words.of(metadata.take(pa.array(rows)), len(rows))
    if not len(words.names):
        return no_content()
    by_word = _shortened(words).tocsc()
    by_word.sort_indices()
    made = Content(
        IdIndex.of(pa.array(words.names, pa.large_string())),
        words.rarity.astype(np.float32),
        by_word.indptr.astype(np.int64),
        by_word.indices.astype(np.int32),
        by_word.data.astype(np.float32),
        ordinals[rows].astype(np.int32),
        _prices(metadata, rows),
        NO_KIN,
    )
    newest = np.argsort(-created[ordinals], kind="stable")[:NEWEST]
    found = {}
    for row, told in zip(newest.tolist(), metadata.take(pa.array(newest)).to_pylist(), strict=True):
        found[int(ordinals[row])] = made.near(told, int(ordinals[row]))
    return replace(made, kin=Kin.of(found))


def _shortened(words: Words) -> sparse.csr_matrix:
    """The matrix with the most telling words of each item only, rows of length 1 again."""
    matrix = words.matrix.copy()
    lengths = np.diff(matrix.indptr)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((-matrix.data, owner))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], lengths)
    matrix.data[place >= WORDS] = 0
    matrix.eliminate_zeros()
    squares = np.add.reduceat(np.append(matrix.data**2, 0), matrix.indptr[:-1]) if matrix.nnz else np.zeros(0)
    norms = np.where(np.diff(matrix.indptr) > 0, np.sqrt(squares), 1)
    matrix.data /= np.repeat(norms, np.diff(matrix.indptr)).astype(np.float32)
    return matrix


def _prices(metadata: pa.Table, rows: np.ndarray) -> Float32:
    kind = metadata["price"].type if "price" in metadata.column_names else None
    if kind is None or not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return np.full(len(rows), np.nan, np.float32)
    column = metadata["price"].combine_chunks().cast(pa.float32(), safe=False)
    prices = np.asarray(column.to_numpy(zero_copy_only=False), np.float32)[rows]
    return np.where(prices > 0, prices, np.float32(np.nan))


def _text(name: str, value: Value) -> str | None:
    if name == ITEM_ID:
        return None
    if isinstance(value, list):
        return "|".join(str(each) for each in value)
    return value if isinstance(value, str) else None
