"""HRNN: recurrent networks over sessions and over shoppers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes.base import InnerProductRecipe, fitted, param
from endcap.recipes.neural.extras import needed
from endcap.recipes.neural.onnx_model import OnnxModel, UInt8
from endcap.recipes.neural.packing import Sessions, sessions
from endcap.recipes.neural.sequences import GAPS, Steps
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import DAY, Float32

TOKENS = 16_384
"""Steps of a batch: many histories side by side, for one step is computed after the other."""
LEAST_RECENT = 0.05
"""What the oldest event counts beside the newest under the recency mask."""


@dataclass
class HRNN(InnerProductRecipe):
    """score(b) = state · v_b + bias_b: the state is a GRU's over the events of the session, started from another's over
    the sessions before.

    Session s of a shopper starts at h_0 = tanh(W c_s), c_s = GRU_shopper(h_last of session s - 1, c_(s-1)), and goes on
    by h_t = GRU_session(√d · v_item + event type, h_(t-1)); the state is the layer norm of h_t + c_s. Whoever asks long
    after the last event begins a session. Every event is a target of the ones before it, by cross-entropy; those of one
    moment, like the lines of a basket, of what came before it. Quadrana et al. 2017, "Personalizing session-based
    recommendations with hierarchical recurrent neural networks". `variant` metadata adds vectors of the items'
    categories to theirs; coldstart learns them so that they stand for an item alone, and lets them for items with few
    interactions, whose bias is at least the median of the others'.
    Trained with PyTorch (extra `deep`); served by onnxruntime (extra `onnx`).
    """

    title = "Hierarchical recurrent network (HRNN)"
    reason = "Follows from what you looked at"

    variant: str = param("plain", "plain, metadata or coldstart.", choices=("plain", "metadata", "coldstart"))
    hidden_dimension: int = param(64, "Length of vectors and states.", low=8, high=256, search=(32, 256), log=True)
    bptt: int = param(32, "Steps that a gradient goes back.", low=2, high=32, search=(2, 32))
    recency_mask: bool = param(True, "Recent events count more as targets: what is popular lately is learned.")
    recency_half_life_days: float = param(90.0, "Age at which an event counts half as a target.", low=0.01)
    min_user_history_length_percentile: float = param(
        0.0, "Shoppers with shorter histories than this share of them are not learned from.", low=0.0, high=1.0
    )
    max_user_history_length_percentile: float = param(
        0.99, "Shoppers with longer histories than this share of them are not learned from.", low=0.0, high=1.0
    )
    session_minutes: float = param(30.0, "A session ends after such a gap (to the next power of two).", low=0.1)
    length: int = param(100, "Newest events that are looked at.", low=2, high=1000)
    cold_start_max_interactions: int = param(15, "Variant coldstart: items with fewer are new.", low=0)
    dropout: float = param(0.3, "Share of numbers dropped in training.", low=0.0, high=0.9, search=(0.1, 0.6))
    epochs: int = param(50, "Passes over the data at most.", low=1)
    patience: int = param(4, "Passes without improvement on validation before training ends.", low=1)
    holdout: float = param(0.1, "Share of histories whose last event validates; 0: none.", low=0.0, high=0.5)
    rate: float = param(0.004, "Learning rate.", low=1e-6, high=1.0, search=(0.0005, 0.01), log=True)
    seed: int = param(0, "Seed of first weights, order and dropout.", low=0)

    kinds_: Float32 = fitted()
    """float32 [types + 1, d]: what an event's type adds; one row where there is one type."""
    first_: UInt8 = fitted()
    """uint8 [bytes]: a first session and where the next one begins, as ONNX (`neural.recurrent.first_graph`)."""
    ended_: UInt8 = fitted()
    """uint8 [bytes]: several sessions, likewise (`neural.recurrent.ended_graph`)."""
    lasting_: UInt8 = fitted()
    """uint8 [bytes]: a session that goes on (`neural.recurrent.lasting_graph`)."""
    timed_: UInt8 = fitted()
    """uint8 [1]: whether events have times, so that sessions can be told apart."""

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.min_user_history_length_percentile, self.max_user_history_length_percentile
        if low >= high:
            raise InputError(
                f"min_user_history_length_percentile is {low:g}, expected less than "
                f"max_user_history_length_percentile, which is {high:g}.",
                fix="Lower the one or raise the other: they are shares between 0 and 1.",
            )

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        torch = needed("torch")
        from endcap.recipes.neural.layers import ItemVectors  # noqa: PLC0415
        from endcap.recipes.neural.recurrent import HierarchicalModel, ended_graph, first_graph, lasting_graph  # noqa: PLC0415
        from endcap.recipes.neural.sequence_fit import Lesson, item_features, teach  # noqa: PLC0415
        from endcap.recipes.neural.training import seeded  # noqa: PLC0415

        n, width = dataset.n_items, self.hidden_dimension
        cold = self.variant == "coldstart"
        self.timed_ = np.array([dataset.time_kind == "micros"], np.uint8)
        with seeded(self.seed):
            features = None if self.variant == "plain" else item_features(dataset)
            model = HierarchicalModel(
                n,
                width,
                len(dataset.event_types) + 1 if len(dataset.event_types) > 1 else 1,
                bptt=self.bptt,
                session_gap=self._session_gap,
                dropout=self.dropout,
                vectors=ItemVectors(n, width, features, forgotten=0.3 if cold else 0.0),
            )
        steps = self._steps(dataset)
        often = np.bincount(steps.item, steps.weight, minlength=n) + 0.1
        with torch.no_grad():  # what is popular need not be learned step by step
            model.bias.copy_(torch.from_numpy(np.log(often / often.sum() * n)))
        lesson = Lesson(self.epochs, self.patience, self.holdout, self.rate, 0.0, "auto", 2048, self.seed, TOKENS)
        teach(model, steps, lesson, length=self.length, counts=self.popularity_, progress=progress)
        self.item_vectors_ = model.items().detach().numpy().copy()
        if cold and features is not None:
            taken = np.bincount(dataset.interactions.item, minlength=n)
            new = taken < self.cold_start_max_interactions
            self.item_vectors_[new, :width] = model.vectors.of_features_alone().detach().numpy()[new]
            # How often an item was taken says nothing while it is new: by its bias alone it would come last.
            bias = self.item_vectors_[:, width]
            usual = np.median(bias[taken > 0 if new.all() else ~new])
            bias[new] = np.maximum(bias[new], usual)
        self.kinds_ = model.kinds.detach().numpy().copy()
        self.first_, self.ended_ = first_graph(model.session), ended_graph(model.session)
        self.lasting_ = lasting_graph(model.session)
        self.__dict__.pop("_networks", None)

    @property
    def _session_gap(self) -> int:
        """The first bucket of `sequences.gaps` that is longer than a pause within a session."""
        return min(2 + int(math.log2(max(self.session_minutes * 60, 1.0))), GAPS - 1)

    def _steps(self, dataset: Dataset) -> Steps:
        """What is learned from: histories of middling length, weighted by recency."""
        steps = Steps.of_dataset(dataset)
        if self.recency_mask and self.timed_[0]:
            age = (dataset.last_time - dataset.interactions.time) / DAY
            weight = LEAST_RECENT + (1 - LEAST_RECENT) * np.exp2(-age / self.recency_half_life_days)
            steps = replace(steps, weight=weight.astype(np.float32))
        lengths = steps.lengths
        if not (lengths > 1).any():
            return steps
        bounds = (self.min_user_history_length_percentile, self.max_user_history_length_percentile)
        counted = lengths[lengths > 1]
        # A length that occurs, so that there is always a history between the two.
        low, high = np.quantile(counted, bounds[0], method="lower"), np.quantile(counted, bounds[1])
        return steps.only(np.flatnonzero((lengths >= low) & (lengths <= high)))

    @cached_property
    def _networks(self) -> tuple[OnnxModel, OnnxModel, OnnxModel]:
        """Of a first session, of several, of one that goes on."""
        first, ended, lasting = (OnnxModel(each, arena=False) for each in (self.first_, self.ended_, self.lasting_))
        return first, ended, lasting

    def query_vectors(self, queries: Queries) -> Float32:
        gap = self._session_gap if self.timed_[0] else 0
        asked = sessions(queries, self.length, gap, self.item_vectors_, self.kinds_)
        vectors = np.empty((len(queries), self.item_vectors_.shape[1]), np.float32)
        vectors.fill(np.nan)
        cuts, low = asked.cuts.tolist(), 0
        for row, own in groupby(asked.query.tolist()):
            high = low + len(list(own))
            vectors[row, :-1], vectors[row, -1] = self._state(asked, cuts, low, high), 1.0
            low = high
        return vectors

    def _state(self, asked: Sessions, cuts: list[int], low: int, high: int) -> Float32:
        """float32 [1, 1, d] after the sessions `low` … `high - 1` of one shopper."""
        first, ended, lasting = self._networks
        begins = asked.begins[high - 1]
        last = high if begins else high - 1
        if last == low:
            state = session = shopper = np.zeros((1, 1, self.kinds_.shape[1]), np.float32)
        elif last == low + 1:
            state, session, shopper = first.run(steps=asked.steps[cuts[low] : cuts[last]])
        else:
            places = asked.cuts[low : last + 1, None]
            state, session, shopper = ended.run(steps=asked.steps, starts=places[:-1], ends=places[1:])
        if not begins:
            own = asked.steps[cuts[last] : cuts[high]]
            (state,) = lasting.run(steps=own, session=session, shopper=shopper)
        return state
