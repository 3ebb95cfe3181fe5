"""Real shoppers of a shop as personas: chosen to be unlike each other, described by what they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from endcap.api.console.operation import Shape
from endcap.api.console.storefront.goods import Aisles, Card, Goods
from endcap.lake.tables import Lake
from endcap.serving.attributes import Plain
from endcap.serving.snapshot import Snapshot
from endcap.types import ORDER_ID, TIMESTAMP, USER_ID, Float32, Int32, Int64, ShopKey

LOOKED_AT = 2_000
"""Shoppers among whom personas are chosen."""
PLENTY = 24
"""So many shoppers of whom something is known besides: then only they are personas."""
LEAST = 8
"""Events of a shopper who can be one."""
KINDS = 400
"""Categories of a level that still tell people apart."""
SHOWN, FAVOURITES = 6, 4
HIDDEN = frozenset({USER_ID, "questionnaire", "creation_timestamp", "search_queries", "wish_list", "alerts"})
LONGEST = 60


class Weighted(Shape, frozen=True):
    """A category's share of what a shopper took, and of what everybody took; both 0 … 1."""

    name: str
    share: float
    usual: float


class Persona(Shape, frozen=True):
    """A shopper. Times are in milliseconds; `orders` is what the lake has, 0 where orders are not told apart."""

    user: str
    categories: tuple[Weighted, ...]
    facts: dict[str, str]
    events: int
    orders: int
    since: int
    last: int
    favourites: tuple[Card, ...]


@dataclass(frozen=True)
class People:
    """The shoppers of one state, by what they took: `rows` int32 [m] of its histories, `shares` float32 [m, kinds]."""

    snapshot: Snapshot
    goods: Goods
    level: int
    rows: Int32
    shares: Float32
    usual: Float32

    @classmethod
    def of(cls, snapshot: Snapshot, goods: Goods) -> People:
        """Of at most `LOOKED_AT` shoppers with enough of a history, those first of whom something is known besides."""
        past = snapshot.state.histories.past
        lengths = np.diff(past.indptr)
        enough = np.flatnonzero(lengths >= LEAST)
        if len(enough):
            low, high = np.quantile(lengths[enough], [0.5, 0.97])
            enough = enough[(lengths[enough] >= low) & (lengths[enough] <= max(high, LEAST))]
        told = np.array([_is_told(snapshot, int(row)) for row in enough[: LOOKED_AT * 5]], np.bool_)
        first = enough[: LOOKED_AT * 5]
        # Who is not known by anything but events may be a session that never became a user's.
        chosen = first[told] if told.sum() >= PLENTY else np.concatenate((first[told], first[~told]))
        rows: Int32 = chosen[:LOOKED_AT].astype(np.int32)
        level = level_of(goods.aisles)
        return cls(snapshot, goods, level, rows, *_shares(snapshot, goods.aisles, level, rows))

    def unlike(self, count: int) -> Int32:
        """int32 rows of shoppers, each as unlike those before as can be; the first is the most unusual one."""
        if not self.shares.size:  # nobody, or nothing that they could differ by
            return self.rows[:count]
        lift = np.log1p(self.shares / np.maximum(self.usual, 1e-3))
        lift /= np.maximum(np.linalg.norm(lift, axis=1, keepdims=True), 1e-9)
        chosen = [int(np.argmax(self.shares.max(1) - self.usual[self.shares.argmax(1)]))]
        near = lift @ lift[chosen[0]]
        while len(chosen) < min(count, len(self.rows)):
            near[chosen] = np.inf
            chosen.append(int(np.argmin(near)))
            near = np.maximum(near, lift @ lift[chosen[-1]])
        return self.rows[chosen]

    def personas(self, lake: Lake, shop: ShopKey, rows: Int32) -> list[Persona]:
        """What is to be said of them."""
        names = self.snapshot.state.histories.users.names(rows)
        bought = orders(lake, shop, names)
        return [self._persona(name, int(row), bought.get(name, 0)) for name, row in zip(names, rows, strict=True)]

    def _persona(self, name: str, row: int, count: int) -> Persona:
        past = self.snapshot.state.histories.past.slice(row)
        shares, _ = _shares(self.snapshot, self.goods.aisles, self.level, np.array([row], np.int32))
        times = past.time[past.time > 0]
        return Persona(
            user=name,
            categories=_weighted(self.goods.aisles, self.level, shares[0], self.usual),
            facts=facts_of(self.snapshot, row),
            events=len(past.item),
            orders=count,
            since=int(times.min()) // 1000 if len(times) else 0,
            last=int(times.max()) // 1000 if len(times) else 0,
            favourites=tuple(self.goods.of(_most(past.item))),
        )


def level_of(aisles: Aisles) -> int:
    """The narrowest level of categories that is not too narrow; -1 where a shop has none."""
    fits = [level for level, names in enumerate(aisles.names) if 2 <= len(names) <= KINDS]
    return fits[-1] if fits else (0 if aisles.names else -1)


def facts_of(snapshot: Snapshot, row: int) -> dict[str, str]:
    """What is known of a shopper beside what they did: short values, by words for the columns."""
    attributes = snapshot.attributes
    attributes.users.now()
    found = attributes.users.row(row) if row >= 0 else {}
    if found.get("age_group"):
        found = {name: value for name, value in found.items() if name != "age"}
    return {name.replace("_", " "): said(value) for name, value in found.items() if _tells(name, value)}


def has_answered(snapshot: Snapshot, user: str) -> bool:
    """Whether a shopper's answers to a questionnaire are known."""
    if not user:
        return False
    attributes = snapshot.attributes
    attributes.users.now()  # who was put just now has a row after this
    row = attributes.user_row(user)
    return row >= 0 and bool(attributes.users.row(row).get("questionnaire"))


def said(value: Plain) -> str:
    """A value for people."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return ", ".join(text.split("|"))


def orders(lake: Lake, shop: ShopKey, users: Sequence[str]) -> Mapping[str, int]:
    """How many orders each of these shoppers placed, where the lake knows orders."""
    if not users or not lake.exists(shop, "interactions"):
        return {}
    table = lake.open(shop, "interactions").to_pyarrow_dataset()
    if ORDER_ID not in table.schema.names:
        return {}
    mine = pc.field(USER_ID).isin(list(users)) & pc.field(ORDER_ID).is_valid()
    rows = table.to_table(columns=[USER_ID, ORDER_ID, TIMESTAMP], filter=mine)
    counted = rows.group_by(USER_ID).aggregate([(ORDER_ID, "count_distinct")])
    return dict(zip(counted[USER_ID].to_pylist(), counted[f"{ORDER_ID}_count_distinct"].to_pylist(), strict=True))


def _is_told(snapshot: Snapshot, row: int) -> bool:
    return any(_tells(name, value) for name, value in snapshot.state.users.row(row).items())


def _tells(name: str, value: Plain) -> bool:
    return name not in HIDDEN and value not in (None, "") and len(str(value)) <= LONGEST


def _shares(snapshot: Snapshot, aisles: Aisles, level: int, rows: Int32) -> tuple[Float32, Float32]:
    """float32 [m, kinds] of these shoppers, float32 [kinds] of everybody."""
    if level < 0:
        return np.zeros((len(rows), 0), np.float32), np.zeros(0, np.float32)
    state, codes = snapshot.state, aisles.codes[level]
    kinds = len(aisles.names[level])
    known = codes >= 0
    usual = np.bincount(codes[known], state.counts[: len(codes)][known], kinds)
    past = state.histories.past.take(rows)
    owner = np.repeat(np.arange(len(rows)), np.diff(past.indptr))
    code = np.where((past.item >= 0) & (past.item < len(codes)), codes[np.minimum(past.item, len(codes) - 1)], -1)
    kept = code >= 0
    flat: Int64 = owner[kept] * kinds + code[kept]
    sums = np.bincount(flat, past.weight[kept], len(rows) * kinds).reshape(len(rows), kinds)
    shares = sums / np.maximum(sums.sum(1, keepdims=True), 1e-9)
    return shares.astype(np.float32), (usual / max(usual.sum(), 1e-9)).astype(np.float32)


def _weighted(aisles: Aisles, level: int, shares: Float32, usual: Float32) -> tuple[Weighted, ...]:
    """What they take more of than others do, by how much of it."""
    if level < 0:
        return ()
    gain = np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-9) / np.maximum(usual, 1e-4)), -np.inf)
    best = [place for place in np.argsort(-gain, kind="stable")[:SHOWN].tolist() if shares[place] > 0]
    names = aisles.names[level]
    return tuple(
        Weighted(name=names[place], share=round(float(shares[place]), 4), usual=round(float(usual[place]), 4))
        for place in sorted(best, key=lambda place: -shares[place])
    )


def _most(items: Int32) -> Int32:
    """int32 ordinals that occur most often, at most `FAVOURITES`."""
    found, counts = np.unique(items[items >= 0], return_counts=True)
    return found[np.argsort(-counts, kind="stable")[:FAVOURITES]].astype(np.int32)
