"""What is known of a shop's items, in columns by place: prices, categories, brands, opinions, when they came."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import ArtefactError
from endcap.stream.records import Value
from endcap.types import Float32, Int32, Int64

PRICE, RELATIVE_PRICE, MARGIN, RATING, POLARITY, STOCK, INTERVAL = range(7)
NUMBERS = 7
"""Columns of `ItemFacts.numbers`, float32, NaN where unknown: price; price over the median price of the category (of
the shop, where the item has none); margin (share of the price); mean rating; review polarity, (positive - negative) /
(both + 1); stock; days between one shopper's purchases of the item, the median."""
CATEGORY, SUBCATEGORY, BRAND = range(3)
CODES = 3
"""Columns of `ItemFacts.codes`, int32, -1 where unknown."""
UNKNOWN_TIME = -(2**62)

_CODED = (("category_l1", "category", "genres"), ("category_l2",), ("brand", "manufacturer"))
_NUMBERED = {
    PRICE: ("price",),
    MARGIN: ("margin",),
    RATING: ("average_rating", "rating"),
    STOCK: ("stock",),
}
_REVIEWS = ("positive_review_count", "negative_review_count")
_CREATED = "creation_timestamp"
_ARRAYS = {"numbers": np.float32, "codes": np.int32, "created": np.int64, "category_price": np.float32}


@dataclass
class ItemFacts:
    """`numbers` float32 [size, NUMBERS], `codes` int32 [size, CODES], `created` int64 [size] (`UNKNOWN_TIME` where
    unknown), `category_price` float32 [categories + 1] median prices, the shop's in the last place, `names` what the
    codes of each column stand for. Not locked: `ShopFeatures` sees to that."""

    numbers: Float32
    codes: Int32
    created: Int64
    category_price: Float32
    names: tuple[dict[str, int], ...] = field(default_factory=lambda: ({}, {}, {}))

    @classmethod
    def of(cls, metadata: pa.Table | None, size: int, places: Int32 | None = None) -> ItemFacts:
        """From the items' table (columns in lower or upper case), whose row i is the item at `places[i]`, or at i."""
        facts = cls.unknown(size)
        if metadata is None or not metadata.num_rows:
            return facts
        columns = {name.lower(): metadata[name] for name in metadata.column_names}
        rows = np.arange(metadata.num_rows, dtype=np.int32) if places is None else places
        for at, names in _NUMBERED.items():
            facts.numbers[rows, at] = _numbers(columns, names, len(rows))
        facts.numbers[rows, POLARITY] = _polarity(*(_numbers(columns, (name,), len(rows)) for name in _REVIEWS))
        for at, names in enumerate(_CODED):
            facts.codes[rows, at], found = _coded(columns, names, len(rows))
            facts.names[at].update(found)
        if _CREATED in columns:
            facts.created[rows] = _times(columns[_CREATED])
        facts._price_categories()
        return facts

    @classmethod
    def unknown(cls, size: int) -> ItemFacts:
        """So many items of which nothing is known."""
        return cls(
            np.full((size, NUMBERS), np.nan, np.float32),
            np.full((size, CODES), -1, np.int32),
            np.full(size, UNKNOWN_TIME, np.int64),
            np.full(1, np.nan, np.float32),
        )

    def __len__(self) -> int:
        return len(self.created)

    @property
    def categories(self) -> int:
        """How many categories there are."""
        return len(self.names[CATEGORY])

    def grow(self, size: int) -> None:
        """Hold at least so many items."""
        if size <= len(self):
            return
        more = ItemFacts.unknown(max(size, len(self) * 5 // 4 + 64) - len(self))
        self.numbers = np.concatenate((self.numbers, more.numbers))
        self.codes = np.concatenate((self.codes, more.codes))
        self.created = np.concatenate((self.created, more.created))

    def put(self, place: int, properties: Mapping[str, Value]) -> None:
        """Lay live properties (by lower-case column) over what is known of an item; null takes a value away.

        Times are int64 microseconds. The median prices of categories stay as they were.
        """
        self.grow(place + 1)
        told = {name.lower(): value for name, value in properties.items()}
        for at, names in _NUMBERED.items():
            for name in names:
                if name in told:
                    self.numbers[place, at] = _number(told[name])
        if any(name in told for name in _REVIEWS):
            counts = [np.array([_number(told.get(name, 0))], np.float32) for name in _REVIEWS]
            self.numbers[place, POLARITY] = _polarity(*counts)[0]
        for at, names in enumerate(_CODED):
            for name in reversed(names):
                if name in told:
                    self.codes[place, at] = self._code(at, told[name])
        if isinstance(created := told.get(_CREATED), int):
            self.created[place] = created
        self._relate(np.array([place]))

    def _code(self, column: int, value: Value) -> int:
        first = value[0] if isinstance(value, list) and value else value
        text = "" if first is None or isinstance(first, list) else str(first).split("|")[0]
        return self.names[column].setdefault(text, len(self.names[column])) if text else -1

    def _price_categories(self) -> None:
        price, category = self.numbers[:, PRICE], self.codes[:, CATEGORY]
        known = np.flatnonzero(price > 0)
        medians = np.full(self.categories + 1, np.nan, np.float32)
        if len(known):
            medians[-1] = np.median(price[known])
            order = known[np.lexsort((price[known], category[known]))]
            groups, starts, counts = np.unique(category[order], return_index=True, return_counts=True)
            kept = groups >= 0
            medians[groups[kept]] = price[order][(starts + (counts - 1) // 2)[kept]]
        self.category_price = medians
        self._relate(np.arange(len(self)))

    def _relate(self, rows: np.ndarray) -> None:
        category, price = self.codes[rows, CATEGORY], self.numbers[rows, PRICE]
        known = np.where(category < len(self.category_price) - 1, category, -1)
        usual = self.category_price[known]
        usual = np.where(np.isnan(usual), self.category_price[-1], usual)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.numbers[rows, RELATIVE_PRICE] = np.where((price > 0) & (usual > 0), price / usual, np.nan)

    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays, to be saved; see `stream.arrays`."""
        named = {f"facts.{name}": getattr(self, name) for name in _ARRAYS}
        # Thousands of brands are more than a header may hold.
        names = json.dumps([list(names) for names in self.names]).encode()
        return {**named, "facts.names": np.frombuffer(names, np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ItemFacts:
        """What `arrays` gave, copied: facts change. Raises `ArtefactError` when the parts do not fit together."""
        try:
            numbers, codes, created, prices = (
                np.array(arrays[f"facts.{name}"], kind) for name, kind in _ARRAYS.items()
            )
            names = tuple(
                {name: at for at, name in enumerate(column)} for column in json.loads(arrays["facts.names"].tobytes())
            )
        except (KeyError, ValueError, TypeError) as error:
            raise ArtefactError(f"The facts of items are damaged: {error}.", fix=_AGAIN) from error
        size = len(created)
        fits = numbers.shape == (size, NUMBERS) and codes.shape == (size, CODES) and len(names) == CODES
        if not fits or any(codes[:, at].max(initial=-1) >= len(names[at]) for at in range(CODES)):
            raise ArtefactError("The facts of items do not fit together.", fix=_AGAIN)
        return cls(numbers, codes, created, prices, names)


_AGAIN = "Delete the directory; it is built again."


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _numbers(columns: Mapping[str, pa.ChunkedArray], names: tuple[str, ...], size: int) -> Float32:
    for name in names:
        if name in columns:
            kind = columns[name].type
            if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
                column = columns[name].combine_chunks().cast(pa.float32(), safe=False)
                return np.asarray(column.to_numpy(zero_copy_only=False), np.float32)
    return np.full(size, np.nan, np.float32)


def _polarity(positive: Float32, negative: Float32) -> Float32:
    known = ~(np.isnan(positive) & np.isnan(negative))
    good, bad = np.nan_to_num(positive), np.nan_to_num(negative)
    return np.where(known, (good - bad) / (good + bad + 1), np.nan).astype(np.float32)


def _coded(columns: Mapping[str, pa.ChunkedArray], names: tuple[str, ...], size: int) -> tuple[Int32, dict[str, int]]:
    """(codes, names) of the first column that is there; of several values joined by `|` the first counts."""
    name = next((name for name in names if name in columns), None)
    if name is None:
        return np.full(size, -1, np.int32), {}
    column = columns[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.string())
    first = pc.list_element(pc.split_pattern(column, "|", max_splits=1), 0).combine_chunks()
    encoded = pc.if_else(pc.equal(first, ""), None, first).dictionary_encode()
    codes = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int32)
    return codes, {str(text): at for at, text in enumerate(encoded.dictionary.to_pylist())}


def _times(column: pa.ChunkedArray) -> Int64:
    whole = column.combine_chunks()
    if pa.types.is_timestamp(whole.type):
        whole = whole.cast(pa.timestamp("us"), safe=False)
    return np.asarray(pc.fill_null(whole.cast(pa.int64()), UNKNOWN_TIME).to_numpy(zero_copy_only=False), np.int64)
