"""What the recipes that predict a label from fields share: of the rows of a table, or of a shop's interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, cast

import numpy as np
import pyarrow as pa
from scipy.special import expit

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.clicks import click_fields
from endcap.recipes.fields import Fields
from endcap.recipes.neural.batches import Rows
from endcap.recipes.neural.shop_rows import ShopRows, in_order, item_rows, learn_fields
from endcap.recipes.neural.shop_scores import ShopNetworks
from endcap.recipes.neural.tabular import Networks, Plan, learn
from endcap.recipes.neural.tabular_heads import Kind, Layout
from endcap.recipes.neural.tabular_rows import Shape, Slots, join
from endcap.recipes.queries import Queries
from endcap.seams import Progress, no_progress, rng
from endcap.types import ITEM_ID, USER_ID, Float32, Float64, Int32, Int64

HELD_BACK = 0.1
"""Share of rows that tell when to stop, where no table is given for it."""
TABLE, SHOP = (0.1, 20), (0.001, 4)
"""(penalty, epochs) where none are given."""
MOST_HELD = 5_000
"""At most so many events of a shop are held back."""


@dataclass
class PropensityRecipe(Recipe):
    """Base: P(label) of rows of fields. See the recipes for the networks."""

    network: ClassVar[Kind] = "ffnn"
    wants_profiles: ClassVar[bool] = True
    wants_context: ClassVar[bool] = True

    width: int = param(10, "Length of the vector of a field's value.", low=1, high=256, search=(4, 32), log=True)
    hidden: str = param("256,128", "Units of the hidden layers, joined by commas.")
    dropout: float = param(0.4, "Share of hidden units left out in training.", low=0.0, high=0.9, search=(0.0, 0.5))
    penalty: float | None = param(
        None, "Weight of half the squares of all vectors beside the mean loss; None: 0.1, of a shop 0.001.", low=0.0
    )
    rate: float = param(
        1e-3, "Learning rate at the start; it falls to 0.", low=1e-6, high=1.0, search=(3e-4, 1e-2), log=True
    )
    epochs: int | None = param(None, "Passes over the rows; None: 20, over a shop's 4.", low=1)
    batch: int = param(4096, "Rows of a step.", low=2)
    members: int = param(1, "Networks of different seeds that are averaged.", low=1, high=32)
    history: int = param(20, "A shop's: newest events of the shopper that are read.", low=1)
    negatives: int = param(4, "A shop's: items drawn for each one taken.", low=1, search=(2, 16))
    examples: int = param(300_000, "A shop's: the newest so many interactions are learned from.", low=1)
    seed: int = param(0, "Seed of weights, order and drawn items.", low=0)

    fields_: Fields = fitted()
    """Columns of the table; of a shop, those of its users' metadata."""
    item_codes_: Int32 = fitted()
    """int32 [n, slots]: of every item of a shop its features."""
    item_weights_: Float32 = fitted()
    item_shape_: Int64 = fitted()
    """int64 [slots + 1]: the field of each slot of an item, then the number of features."""
    tables_: Float32 = fitted()
    """float32 [members, 1 + features, w]: the vectors, row 0 empty."""
    heads_: Float32 = fitted()
    """float32 [members, p]: the networks over them."""
    shape_: Int64 = fitted()
    """int64 [1]: fields of a row."""
    scale_: Float64 = fitted()
    """float64 [2]: slope and offset of calibrated logits."""
    timed_: Int64 = fitted()
    """int64 [1]: 1 where moments are known."""

    def fit_table(
        self, table: pa.Table, label: str, valid: pa.Table | None = None, progress: Progress = no_progress
    ) -> Self:
        """See `clicks.ClickModel`. Without `valid` a tenth of the rows, drawn, tells when to stop."""
        if valid is None:
            held = rng(self.seed).random(table.num_rows) < HELD_BACK
            table, valid = table.filter(pa.array(~held)), table.filter(pa.array(held))
        self.popularity_ = np.zeros(0, np.float32)
        self.fields_ = Fields.learn(table, click_fields(table, label))
        self._items(Slots(Shape((), 0), np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32)))
        self.timed_ = np.zeros(1, np.int64)
        rows, labels = Slots.of(self.fields_, table), _labels(table, label)
        batches = Rows({"codes": rows.codes, "weights": rows.weights, "label": labels}, self.batch, self.seed)
        stop = (Slots.of(self.fields_, valid), _labels(valid, label))
        self._take(learn(batches, rows.shape, stop, self._plan(TABLE), progress))
        return self

    def probabilities(self, table: pa.Table) -> Float32:
        """See `clicks.ClickModel`."""
        return sigmoid(self._serving.networks.logits(Slots.of(self.fields_, table)))

    @property
    def layout(self) -> Layout:
        """The network."""
        return Layout(self.network, self.width, hidden_of(self.hidden), self._crosses(), self.dropout)

    def _plan(self, usual: tuple[float, int]) -> Plan:
        penalty, epochs = (
            own if own is not None else each for own, each in zip((self.penalty, self.epochs), usual, strict=True)
        )
        return Plan(self.layout, penalty, self.rate, int(epochs), int(epochs), self.members, self.seed)

    def _crosses(self) -> int:
        return 0

    def __post_init__(self) -> None:
        super().__post_init__()
        hidden_of(self.hidden)

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        dataset = in_order(dataset)
        self.timed_ = np.array([dataset.time_kind == "micros"], np.int64)
        self.fields_ = learn_fields(dataset.user_metadata, dataset.n_users, USER_ID)
        items = item_rows(dataset, learn_fields(dataset.item_metadata, dataset.n_items, ITEM_ID))
        self._items(items)
        newest = np.argsort(dataset.interactions.time, kind="stable")[-self.examples :]
        held = rng(self.seed).random(len(newest)) < min(HELD_BACK, MOST_HELD / len(newest))
        seen = newest if held.all() else newest[~held]
        rows = ShopRows(dataset, self.fields_, items, seen, self.history, self.negatives, self.batch, self.seed)
        stop = rows.rows(newest[held], rng(self.seed + 1))
        found = learn(rows, join(rows.shapes), stop, self._plan(SHOP), progress)
        # As many items are drawn for each one taken; there are more, so the odds among all are lower.
        found.scale[1] += np.log(self.negatives / max(dataset.n_items, self.negatives))
        self._take(found)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        """float32 [q, m]: the probability that the shopper's next interaction is with each item."""
        wanted = np.arange(self.n_items, dtype=np.int32) if items is None else np.asarray(items, np.int32)
        return sigmoid(self._serving.logits(queries.with_current(), wanted))

    def chances(self, scores: Float32) -> Float32:
        """float32, shaped as `scores`, which are chances: that the shopper's next interaction is with the item."""
        return scores

    def _items(self, rows: Slots) -> None:
        self.item_codes_, self.item_weights_ = rows.codes, rows.weights
        self.item_shape_ = np.array([*rows.shape.field_of, rows.shape.features], np.int64)

    def _take(self, found: Networks) -> None:
        self.tables_, self.heads_, self.scale_ = found.tables, found.heads, found.scale
        self.shape_ = np.array([found.fields], np.int64)
        self.__dict__.pop("_read", None)

    @property
    def _serving(self) -> ShopNetworks:
        """The networks, opened once; twice, where two threads come first, is no harm."""
        if "_read" not in self.__dict__:
            *field_of, features = self.item_shape_.tolist()
            items = Slots(Shape(tuple(field_of), features), self.item_codes_, self.item_weights_)
            networks = Networks(self.layout, int(self.shape_[0]), self.tables_, self.heads_, self.scale_)
            self.__dict__["_read"] = ShopNetworks(networks, self.fields_, items, self.history, bool(self.timed_[0]))
        return cast(ShopNetworks, self.__dict__["_read"])


def sigmoid(logits: Float32) -> Float32:
    """1 / (1 + e^-x)."""
    return np.asarray(expit(logits), np.float32)


def hidden_of(text: str) -> tuple[int, ...]:
    """ "256,128" as (256, 128). Raises `InputError` for anything but whole numbers of 1 or more."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"hidden is {text!r}.", fix="Give units of each layer joined by commas, such as 256,128.")
    return tuple(int(part) for part in parts)


def _labels(table: pa.Table, label: str) -> Float32:
    return np.asarray(table[label].to_numpy(), np.float32)
