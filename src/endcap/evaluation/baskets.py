"""Basket completion: one item of an order, drawn at random, asks for the others of the same order.

Every order of the test data with at least two distinct items that training knows is one question. The answer ranks the
whole catalogue but the item that asks. Asked twice: by the item alone (anonymous), and with what training holds of the
shopper whose order it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import DataError, SchemaError
from endcap.evaluation.protocols import QUERIES_PER_BATCH
from endcap.evaluation.tables import table_of
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Targets
from endcap.recipes.queries import Exclusions, Queries
from endcap.seams import Progress, no_progress, rng
from endcap.types import EVENT_TYPE, ITEM_ID, ORDER_ID, TIMESTAMP, USER_ID, WEIGHT, Bool, Int32, Int64, Ranking

ALONE, WITH_HISTORY = "item alone", "item and the shopper's history"


class Completer(Protocol):
    """What is judged: any `Recipe`."""

    def similar(self, items: Int32, k: int, *, allowed: Bool | None = None) -> Ranking: ...

    def recommend(
        self, queries: Queries, k: int, *, allowed: Bool | None = None, exclude: Exclusions | None = None
    ) -> Ranking: ...


@dataclass(frozen=True)
class Baskets:
    """q questions: `asked` int32 [q] model rows, `users` int32 [q] training rows (-1 for strangers), `now` int64 [q]
    just after the training's last event, `targets` the other known items of each order."""

    train: Dataset
    asked: Int32
    users: Int32
    now: Int64
    targets: Targets
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.asked)

    def queries(self, start: int, stop: int) -> Queries:
        """Questions start … stop - 1 with the shoppers' histories; a stranger's is empty."""
        users, known = self.users[start:stop], self.users[start:stop] >= 0
        held = Queries.histories(self.train, users[known])
        lengths = np.zeros(len(users), np.int64)
        lengths[known] = np.diff(held.indptr)
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        return replace(
            held, indptr=indptr, now=self.now[start:stop], current=self.asked[start:stop], user=users, profiles=None
        )


def baskets(train: Any, test: Any, seed: int = 0) -> Baskets:
    """The questions of two tables with `user_id, item_id, order_id` (and `timestamp`), or of two `Dataset`s.

    Orders are taken in order of their ids, so that a seed draws the same items whatever the order of rows; rows of no
    order are passed over. Raises `SchemaError` where the test has no orders, `DataError` where no order of it has two
    items that training knows.
    """
    learned = train if isinstance(train, Dataset) else _dataset(train)
    later = table_of(test, (USER_ID, ITEM_ID, ORDER_ID), what="test")
    later = later.filter(pc.not_equal(later[ORDER_ID].cast(pa.string()), ""))
    if not later.num_rows:
        raise SchemaError("The test data has no orders.", column=ORDER_ID, fix=f"Fill the column {ORDER_ID}.")
    order = np.unique(np.asarray(later[ORDER_ID].to_pylist(), np.str_), return_inverse=True)[1]
    taken = np.append(np.bincount(learned.interactions.item, minlength=learned.n_items) > 0, False)
    item = learned.items.rows(later[ITEM_ID].combine_chunks())
    user = learned.users.rows(later[USER_ID].combine_chunks())
    known = taken[item]
    pairs, first = np.unique(np.stack([order[known], item[known]]), axis=1, return_index=True)
    buyer = user[known][first]
    draws, ends = rng(seed), np.flatnonzero(np.diff(pairs[0])) + 1
    asked: list[int] = []
    users: list[int] = []
    owner: list[int] = []
    wanted: list[int] = []
    for basket, who in zip(np.split(pairs[1], ends), np.split(buyer, ends), strict=True):
        if len(basket) > 1:
            chosen = int(draws.integers(len(basket)))
            owner += [len(asked)] * (len(basket) - 1)
            wanted += np.delete(basket, chosen).tolist()
            asked.append(int(basket[chosen]))
            users.append(int(who[0]))
    if not asked:
        raise DataError("No order of the test data has two items known to training.", column=ORDER_ID)
    orders = int(order.max()) + 1
    notes = (f"{orders - len(asked):,} of {orders:,} orders have fewer than two items known to training.",)
    targets = Targets.of(np.array(owner, np.int32), np.array(wanted, np.int32), len(asked))
    rows = np.array(users, np.int32)
    moment = np.full(len(asked), learned.last_time + 1, np.int64)
    return Baskets(learned, np.array(asked, np.int32), rows, moment, targets, notes)


def completed(judged: Completer, asked: Baskets, k: int, *, progress: Progress = no_progress) -> Mapping[str, Int32]:
    """int32 [q, k] of each way of asking: what goes with the item alone, and with it for this shopper."""
    answers = {ALONE: judged.similar(asked.asked, k).items}
    own = np.full((len(asked), k), -1, np.int32)
    with progress("Completing baskets", len(asked), "orders") as tick:
        for start in range(0, len(asked), QUERIES_PER_BATCH):
            stop = min(start + QUERIES_PER_BATCH, len(asked))
            alone = Exclusions(np.arange(stop - start + 1, dtype=np.int64), asked.asked[start:stop])
            own[start:stop] = judged.recommend(asked.queries(start, stop), k, exclude=alone).items
            tick(stop - start)
    return {**answers, WITH_HISTORY: own}


def _dataset(source: Any) -> Dataset:
    table = table_of(source, (USER_ID, ITEM_ID, ORDER_ID), (TIMESTAMP, EVENT_TYPE, WEIGHT), what="training")
    if not table.num_rows or table[ORDER_ID].null_count == table.num_rows:
        raise SchemaError("The training data has no orders.", column=ORDER_ID, fix=f"Fill the column {ORDER_ID}.")
    return Dataset.from_table(table)
