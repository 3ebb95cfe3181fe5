"""A shop's tables as the reference groups read them: columns of what happened, and facts of items and users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.features.groups import Feature, FeatureGroup, FeatureType, Store
from endcap.features.kinds import Kinds, kinds_of
from endcap.lake.tables import Lake
from endcap.types import EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID, AccountKey, Float64, Int32, Int64, ShopKey

SEASONS = ("winter", "spring", "summer", "autumn")
"""Of the northern hemisphere: December to February, and so on."""
MOMENT = "event_time"


@dataclass(frozen=True)
class ReferenceGroup:
    """A feature group that every shop can have: what it holds, and how its rows are computed.

    `rows(tables)` has the columns `identifier` (text), `event_time` (int64 microseconds) and the features, null where
    the shop has no source for one. A row says what was known just before its event time, and nothing later.
    """

    name: str
    identifier: str
    features: tuple[Feature, ...]
    rows: Callable[[ShopTables], pa.Table]
    stores: tuple[Store, ...] = ("online", "offline")

    def of(self, account: AccountKey) -> FeatureGroup:
        """As the feature store has it; its event time is in seconds there."""
        own = (Feature(self.identifier, "String"), Feature(MOMENT, "Fractional"))
        return FeatureGroup(account, self.name, self.identifier, MOMENT, (*own, *self.features), self.stores)

    def table(self, ids: pa.Array, time: Int64, columns: dict[str, pa.Array]) -> pa.Table:
        """Rows in the order of event times. Raises `KeyError` for a feature without its column."""
        arrays = [columns[feature.name].cast(feature.arrow) for feature in self.features]
        names = [self.identifier, MOMENT, *(feature.name for feature in self.features)]
        return pa.Table.from_arrays([ids, pa.array(time), *arrays], names=names).take(np.argsort(time, kind="stable"))


def features(kind: FeatureType, *names: str) -> tuple[Feature, ...]:
    """Features of one type."""
    return tuple(Feature(name, kind) for name in names)


@dataclass(frozen=True)
class ShopTables:
    """What happened, all kinds of events, in the order of time; items and users where there are tables of them."""

    events: pa.Table
    items: pa.Table | None
    users: pa.Table | None

    @classmethod
    def of(cls, lake: Lake, shop: ShopKey) -> ShopTables:
        """The newest of a shop. What a session did that became a user's is the user's. Raises `StateError` where there
        are no interactions."""
        from endcap.lake.links import resolved  # noqa: PLC0415 - loads DuckDB, which most who import this do not need

        parts = [lake.read(shop, "interactions")]
        if lake.exists(shop, "other_events"):
            parts.append(lake.read(shop, "other_events"))
        linked = lake.links(shop)
        events = pa.concat_tables([resolved(part, linked) for part in parts], promote_options="default")
        events = events.sort_by([(name, "ascending") for name in (TIMESTAMP, USER_ID, ITEM_ID)])
        items = lake.read(shop, "items") if lake.exists(shop, "items") else None
        return cls(events, items, lake.read(shop, "users") if lake.exists(shop, "users") else None)

    @cached_property
    def time(self) -> Int64:
        """int64 microseconds."""
        return np.asarray(self.events[TIMESTAMP].to_numpy(), np.int64)

    @cached_property
    def user(self) -> tuple[Int32, pa.Array]:
        """(codes, ids)."""
        return self.codes(USER_ID)

    @cached_property
    def item(self) -> tuple[Int32, pa.Array]:
        """(codes, ids); -1 for events without an item."""
        return self.codes(ITEM_ID)

    @cached_property
    def kind(self) -> Kinds:
        """int8 codes of `features.kinds`."""
        codes, types = self.codes(EVENT_TYPE)
        return kinds_of([str(name) for name in types.to_pylist()])[codes]

    def codes(self, name: str) -> tuple[Int32, pa.Array]:
        """(int32 codes, -1 for null or empty, texts) of a text column; a column that is not there is all null."""
        if name not in self.events.column_names:
            return np.full(self.events.num_rows, -1, np.int32), pa.array([], pa.string())
        column = self.events[name].cast(pa.string())
        column = pc.if_else(pc.equal(column, ""), None, column) if name != EVENT_TYPE else pc.fill_null(column, "")
        encoded = column.combine_chunks().dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        return np.asarray(encoded.indices.fill_null(-1), np.int32), encoded.dictionary

    def numbers(self, name: str) -> Float64:
        """float64, NaN for null or where the column is not there."""
        if name not in self.events.column_names:
            return np.full(self.events.num_rows, np.nan)
        return np.asarray(self.events[name].cast(pa.float64()).to_numpy(), np.float64)

    @cached_property
    def price(self) -> Float64:
        """float64 per unit; NaN where it is not known."""
        price, value = self.numbers("price"), self.numbers("event_value")
        return np.where(np.isnan(price), value / np.maximum(self.quantity, 1), price)

    @cached_property
    def quantity(self) -> Float64:
        """float64; 1 where it is not known."""
        return np.nan_to_num(self.numbers("quantity"), nan=1.0)

    def item_text(self, *names: str) -> pa.Array:
        """Texts of the items of `item`, of the first of these columns that there is; null where unknown."""
        return _aligned(self.items, ITEM_ID, self.item[1], names, pa.string())

    def item_number(self, *names: str) -> Float64:
        """float64 of the items of `item`, as `item_text`; NaN where unknown."""
        return np.asarray(
            _aligned(self.items, ITEM_ID, self.item[1], names, pa.float64()).to_numpy(zero_copy_only=False), np.float64
        )

    def user_text(self, *names: str) -> pa.Array:
        """Texts of the users of `user`."""
        return _aligned(self.users, USER_ID, self.user[1], names, pa.string())

    def user_number(self, *names: str) -> Float64:
        """float64 of the users of `user`."""
        return np.asarray(
            _aligned(self.users, USER_ID, self.user[1], names, pa.float64()).to_numpy(zero_copy_only=False), np.float64
        )


def _aligned(table: pa.Table | None, key: str, ids: pa.Array, names: Sequence[str], kind: pa.DataType) -> pa.Array:
    found = next((name for name in names if table is not None and name in table.column_names), None)
    if table is None or found is None:
        return pa.nulls(len(ids), kind)
    places = pc.index_in(ids, value_set=table[key].cast(pa.string()).combine_chunks())
    column = table[found].combine_chunks().take(places)
    return pc.cast(column, kind)


def coded(texts: pa.Array) -> tuple[Int32, list[str]]:
    """(int32 codes, -1 for null, texts)."""
    encoded = texts.dictionary_encode()
    return np.asarray(encoded.indices.fill_null(-1), np.int32), encoded.dictionary.to_pylist()


def season(time: Int64) -> pa.Array:
    """The season of each moment."""
    months = time.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12
    return pa.array(SEASONS).take(pa.array((months + 1) % 12 // 3))


def number(values: Float64, known: np.ndarray | bool = True) -> pa.Array:
    """float64, null where it is NaN or not `known`."""
    return pa.array(np.where(known, values, np.nan), from_pandas=True)


def text(codes: Int32 | Int64, texts: pa.Array | list[str]) -> pa.Array:
    """Texts by codes, null for -1."""
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    places = pa.array(codes, mask=np.less(codes, 0))
    return column.take(places) if len(column) else pa.nulls(len(codes), pa.string())


def divided(above: Float64, below: Float64) -> Float64:
    """float64: a quotient, or what is above where there is nothing below."""
    return np.asarray(above / np.maximum(below, 1), np.float64)


def ratio(above: Float64, below: Float64) -> pa.Array:
    """A quotient, null where there is nothing below."""
    return number(divided(above, below), below > 0)
