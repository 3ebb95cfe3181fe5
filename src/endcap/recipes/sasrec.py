"""SASRec: a causal transformer over the shopper's history."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from endcap.errors import StateError
from endcap.lake.dataset import Dataset
from endcap.recipes.base import InnerProductRecipe, fitted, param
from endcap.recipes.neural.extras import needed
from endcap.recipes.neural.onnx_model import OnnxModel, UInt8, export
from endcap.recipes.neural.packing import embedded, groups
from endcap.recipes.neural.sequences import GAPS, Steps
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32

if TYPE_CHECKING:
    from endcap.recipes.neural.transformer import Shape

ALONE = np.zeros(1, np.int64)
"""The rows of a batch of one."""
WIDE = 3_000_000
"""Interactions from which vectors of 128 pay; below, 64."""


@dataclass
class SASRec(InnerProductRecipe):
    """score(b) = state · v_b: the state is what a causal transformer makes of the history's newest events.

    Each event enters as √d · v_item + position (counted from the newest) + event type + log2 of the seconds since the
    event before; v_item is the item's own vector plus those of its categories. Every event of training is a target of
    the ones before it, by cross-entropy over the whole catalogue, or for large catalogues over many drawn negatives
    shared by the batch, both sides corrected by the log of how likely they were drawn.
    Kang and McAuley 2018, "Self-attentive sequential recommendation"; the loss after Klenitskiy and Vasilev 2023,
    "Turning dross into gold loss". What is left open is chosen from the data: vectors of 64 (128 from three million
    interactions on), windows as long as 95 % of histories (16 … 200), dropout 0.2 where histories are long, else 0.4.
    Blocks are computed twice where a batch beside the catalogue would take more than half of the memory there is.
    Trained with PyTorch (extra `deep`); served by onnxruntime (extra `onnx`).
    """

    title = "Transformer over histories (SASRec)"
    reason = "Follows from what you looked at"

    factors: int | None = param(
        None, "Length of the vectors; None: by the size of the data.", low=8, high=1024, search=(32, 128), log=True
    )
    blocks: int = param(2, "Transformer blocks.", low=1, high=12, search=(1, 3))
    length: int | None = param(
        None, "Newest events that are looked at; None: as long as most histories.", low=2, high=4096
    )
    dropout: float | None = param(
        None, "Share of numbers dropped in training; None: by history length.", low=0.0, high=0.9, search=(0.1, 0.5)
    )
    loss: str = param(
        "auto",
        "softmax, sampled (softmax), binary, or by catalogue size.",
        choices=("auto", "softmax", "sampled", "binary"),
    )
    negatives: int = param(2048, "Negatives drawn for a batch of the sampled softmax.", low=1, high=1_000_000)
    epochs: int = param(100, "Passes over the data at most.", low=1)
    patience: int = param(8, "Passes without improvement on validation before training ends.", low=1)
    holdout: float = param(
        0.1,
        "Share of histories whose last event validates (at most 1000); 0: none, all epochs are trained.",
        low=0.0,
        high=0.5,
    )
    rate: float = param(0.001, "Learning rate.", low=1e-6, high=1.0, search=(0.0003, 0.003), log=True)
    decay: float = param(0.0, "Weight decay.", low=0.0, high=1.0)
    event_types: bool = param(True, "Tell types of events (view, cart, purchase) apart.")
    metadata: bool = param(True, "Learn from categories of the items.")
    gaps: bool = param(True, "Look at the time between events.")
    baskets: bool = param(True, "What came in one moment is foretold from what came before it, not line by line.")
    checkpointing: bool | None = param(
        None, "Save memory in training by computing each block twice; None: by the size of the work."
    )
    seed: int = param(0, "Seed of first weights, order and dropout.", low=0)

    positions_: Float32 = fitted()
    """float32 [length, d]: what each position adds to an event, the newest last."""
    kinds_: Float32 = fitted()
    """float32 [types + 1, d]: what an event's type adds; one row where types are not told apart."""
    gaps_: Float32 = fitted()
    """float32 [buckets, d]: what the time since the event before adds; one row where it is not looked at."""
    encoder_: UInt8 = fitted()
    """uint8 [bytes]: the network as ONNX, `steps` [t, d], `mask` [t, t] and `last` int64 [q] to `state` [q, d]."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        needed("torch")
        from endcap.recipes.neural.sequence_fit import Lesson, item_features, teach  # noqa: PLC0415
        from endcap.recipes.neural.training import seeded  # noqa: PLC0415
        from endcap.recipes.neural.transformer import Packed, SequenceModel  # noqa: PLC0415

        steps = Steps.of_dataset(dataset, baskets=self.baskets)
        shape = self._shape(dataset)
        twice = self._twice(steps, shape, dataset.n_items) if self.checkpointing is None else self.checkpointing
        with seeded(self.seed):
            features = item_features(dataset) if self.metadata else None
            model = SequenceModel(dataset.n_items, shape, features, checkpointed=twice)
        lesson = Lesson(
            self.epochs, self.patience, self.holdout, self.rate, self.decay, self.loss, self.negatives, self.seed
        )
        teach(model, steps, lesson, length=shape.length, counts=self.popularity_, progress=progress)
        weights = {name: each.numpy().copy() for name, each in model.state_dict().items()}
        self.item_vectors_ = model.items().detach().numpy().copy()
        self.positions_, self.kinds_, self.gaps_ = weights["positions"], weights["kinds"], weights["gaps"]
        example: dict[str, np.ndarray] = {
            "steps": np.zeros((3, shape.width), np.float32),
            "mask": np.zeros((3, 3), np.float32),
            "last": np.array([0, 2]),
        }
        free = {"steps": {0: "steps"}, "mask": {0: "steps", 1: "steps"}}
        self.encoder_ = export(Packed(model.encoder), example, outputs=("state",), batch=("last",), also=free)
        self.__dict__.pop("_network", None)

    def _shape(self, dataset: Dataset) -> Shape:
        from endcap.recipes.neural.transformer import Shape  # noqa: PLC0415

        lengths = np.diff(dataset.indptr)
        lengths = lengths[lengths > 1] if (lengths > 1).any() else np.ones(1)
        width = self.factors or (128 if len(dataset.interactions) >= WIDE else 64)
        heads = next(heads for heads in (4, 2, 1) if width % heads == 0 and width // heads >= min(32, width))
        timed = self.gaps and dataset.time_kind == "micros"
        return Shape(
            width=width,
            blocks=self.blocks,
            heads=heads,
            length=self.length or int(np.clip(np.quantile(lengths, 0.95), 16, 200)),
            dropout=self.dropout if self.dropout is not None else (0.2 if lengths.mean() >= 40 else 0.4),
            kinds=len(dataset.event_types) + 1 if self.event_types and len(dataset.event_types) > 1 else 1,
            gaps=GAPS if timed else 1,
        )

    @staticmethod
    def _twice(steps: Steps, shape: Shape, n_items: int) -> bool:
        """Whether blocks are computed twice: by the largest batch, the catalogue, and the memory of the device."""
        from endcap.recipes.neural.memory import pays, room  # noqa: PLC0415
        from endcap.recipes.neural.processes import here  # noqa: PLC0415
        from endcap.recipes.neural.sequence_fit import largest_batch  # noqa: PLC0415
        from endcap.recipes.neural.training import chosen_device  # noqa: PLC0415

        place = here()
        own = -(-largest_batch(steps, shape.length) // place.world)
        return pays(own, shape.blocks, shape.width, n_items, room(chosen_device("auto", place)))

    @cached_property
    def _network(self) -> OnnxModel:
        return OnnxModel(self.encoder_)

    def query_vectors(self, queries: Queries) -> Float32:
        if not hasattr(self, "encoder_"):
            raise StateError("SASRec is not fitted yet.", fix="Call fit(dataset) first.")
        length, width = self.positions_.shape
        vectors = np.full((len(queries), width), np.nan, np.float32)
        for rows in (ALONE,) if len(queries) == 1 else groups(queries, length):
            steps, mask, last = embedded(queries, rows, self.item_vectors_, self.positions_, self.kinds_, self.gaps_)
            if len(last):
                (vectors[rows],) = self._network.run(steps=steps, mask=mask, last=last)
        return vectors
