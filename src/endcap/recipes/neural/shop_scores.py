"""Trained networks over fields asked about a shop's items: every query beside every item, in blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.recipes.fields import Fields
from endcap.recipes.neural.shop_rows import history_rows, moment_rows, pair_rows, profile_rows
from endcap.recipes.neural.tabular import ROWS, Networks
from endcap.recipes.neural.tabular_rows import Slots, side_by_side, vectors
from endcap.recipes.queries import Queries
from endcap.types import Float32, Int32


@dataclass(frozen=True)
class ShopNetworks:
    """Networks with what they need of the shop: `fields` of profiles, rows of `items`, how much `history` is read, and
    whether moments are known."""

    networks: Networks
    fields: Fields
    items: Slots
    history: int
    timed: bool

    def logits(self, queries: Queries, wanted: Int32) -> Float32:
        """float32 [q, m] for items int32 [m]; at most `ROWS` rows of vectors are held at once."""
        asked = self._asked(queries)
        before = asked.shape.features
        own = [vectors(table, asked) for table in self.networks.tables]
        found = np.empty((len(queries), len(wanted)), np.float32)
        for start in range(0, len(wanted), ROWS):
            part = slice(start, start + ROWS)
            items = [known[wanted[part]] for known in self._known(before)]
            for row in range(len(queries)):
                pairs = self._pairs(queries, row, wanted[part])
                joined = [
                    _beside(each[row], item, vectors(table, pairs, before + self.items.shape.features))
                    for each, item, table in zip(own, items, self.networks.tables, strict=True)
                ]
                found[row, part] = self.networks.joined(joined)
        return found

    def _asked(self, queries: Queries) -> Slots:
        """Profile, moment and history of every query."""
        ends = queries.indptr[1:]
        history = history_rows(queries.indptr[:-1], ends, queries.item, self.history, len(self.items))
        return side_by_side([profile_rows(self.fields, queries), moment_rows(queries.now, timed=self.timed), history])

    def _known(self, before: int) -> list[Float32]:
        """Of each member float32 [n, fields, w]: the vectors of all items."""
        if "_vectors" not in self.__dict__:
            self.__dict__["_vectors"] = [vectors(table, self.items, before) for table in self.networks.tables]
        found: list[Float32] = self.__dict__["_vectors"]
        return found

    def _pairs(self, queries: Queries, row: int, wanted: Int32) -> Slots:
        events = slice(queries.indptr[row], queries.indptr[row + 1])
        times, last = np.zeros(len(self.items), np.int64), np.zeros(len(self.items), np.int64)
        np.add.at(times, queries.item[events], 1)
        np.maximum.at(last, queries.item[events], queries.time[events])
        age = np.where(times > 0, np.maximum(queries.now[row] - last, 0), 0)
        return pair_rows(times[wanted], age[wanted])


def _beside(own: Float32, items: Float32, pairs: Float32) -> Float32:
    """float32 [m, fields, w]: one query's vectors [a, w] before those of m items and of the pairs with them."""
    return np.concatenate((np.broadcast_to(own, (len(items), *own.shape)), items, pairs), axis=1)
