"""Session kNN: what went on in earlier sessions like this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.alike import alike
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.item_item_kernels import window_neighbours
from endcap.recipes.nearest import as_rows
from endcap.recipes.queries import Queries
from endcap.recipes.session_knn_kernels import score_rows
from endcap.seams import Progress
from endcap.types import DAY, Float32, Int32, Int64

GAPS = (DAY // 48, DAY, 7 * DAY, 30 * DAY)
"""Half an hour, as in web analytics, and where that leaves events alone: a day, a week, a month."""
WINDOW, WINDOW_DECAY, SHRINKAGE = 5, 0.8, 20.0
"""Steps within which two items of a session keep company, the factor per step, and what keeps rare pairs down."""
LENGTH = 0.3
"""A session of s events counts s^-0.3."""
BACK = 0.4
"""What came before the shared item counts this much of what came after."""
REACH = 16
"""From so many steps on, distance in a session counts no less."""
NEWEST = 30
"""Only so many newest events of a history are looked at."""
ORDER_HALF_LIFE = 0.3
"""Without times a session counts half after this share of all sessions, where their order tells of drift."""
TRUST = 1000.0
"""Where so many sessions have an item in common with this one, what is alike counts half."""
DRIFT = 0.9
"""It does where sessions with one item in common lie in less than this share of the spread of chance."""


@dataclass
class SessionKNN(Recipe):
    """score(b) = √(N(b) / max N) + share · 1000 / (1000 + sessions that share an item) · A(b) / max A

    N(b) = Σ over the most similar sessions s of sim(s) · Σ over b's places in s of d(place - place of the newest
    shared item), sim(s) = worth(s) · |s|^-0.3 · Σ over shared items a of step_decay^(steps back of a) · rarity(a),
    rarity(a) = log(1 + sessions / sessions with a), worth(s) = 2^(-age / half_life_days), d(x) =
    distance_decay^(|x| - 1), 0.4 of that before the item, 1 at it: after Garg et al. 2019, "Sequence and time aware
    neighborhood for session-based recommendations: STAN", and the IDF of Ludewig et al. 2021 (VSTAN). A(b) = Σ_a
    step_decay^(steps back of a) · alike(a, b), alike being the cosine of what two items are taken near: sessions
    that share no item with this one speak through it.
    Histories of shoppers are cut into sessions where `gap_hours` lie between two events. Without times the order of
    the histories stands for age where it tells of drift. Postings hold the newest `sessions_per_item` of each item.
    """

    title: ClassVar[str] = "Session kNN"
    reason: ClassVar[str] = "Chosen in visits like this one"

    neighbours: int = param(1000, "Most similar sessions that are heard.", low=1)
    sessions_per_item: int = param(1000, "Newest sessions kept of each item.", low=1)
    step_decay: float = param(0.65, "Factor per step back in the history.", low=0.0, high=1.0, search=(0.3, 0.95))
    distance_decay: float = param(0.67, "Factor per step from the shared item.", low=0.0, high=1.0, search=(0.4, 0.95))
    half_life_days: float = param(45.0, "Age at which a session counts half.", low=0.01, search=(7.0, 365.0), log=True)
    share: float = param(1.0, "Weight of items that are taken near the same things.", low=0.0, search=(0.0, 2.0))
    alike_neighbours: int = param(300, "Such items kept of each item.", low=1)
    gap_hours: float | None = param(
        None,
        "A longer pause ends a session; None: half an hour, or the first of a day, a week, a month that fits.",
        low=0.0,
    )

    session_ptr_: Int64 = fitted()
    """int64 [s + 1]: session k holds `session_items_[session_ptr_[k]:session_ptr_[k + 1]]`."""
    session_items_: Int32 = fitted()
    """int32 [m]: items in the order of the session."""
    worth_: Float32 = fitted()
    """float32 [s]: what age and length leave of each session."""
    index_ptr_: Int64 = fitted()
    postings_: Int32 = fitted()
    """int32: sessions of each item (`index_ptr_` int64 [n + 1]), the newest first."""
    rarity_: Float32 = fitted()
    """float32 [n]: log(1 + sessions / sessions with the item)."""
    alike_: sparse.csr_matrix = fitted()
    """float32 [n, n]: cosine of what two items are taken near."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        n = dataset.n_items
        items, ptr, ages = self._sessions(dataset)
        with progress("session kNN", total=2 * n, unit="items") as tick:
            self._index(items, ptr, ages, n)
            tick(n)
            found = window_neighbours(
                ptr, items, n, self.alike_neighbours, window=WINDOW, decay=WINDOW_DECAY, shrinkage=SHRINKAGE
            )
            self.alike_ = alike(as_rows(*found, n), self.alike_neighbours, tick=tick)

    def _sessions(self, dataset: Dataset) -> tuple[Int32, Int64, Float32]:
        """Items of all sessions, int64 [s + 1] where each begins, and their ages in half-lives, oldest first."""
        events = dataset.interactions
        begins = np.diff(events.user, prepend=-1) != 0
        if dataset.time_kind == "micros":
            begins |= np.diff(events.time, prepend=0) > self._gap(events.user, events.time, events.item)
        starts = np.flatnonzero(begins)
        ends = np.append(starts[1:], len(events))
        if dataset.time_kind == "micros":
            ages = (dataset.last_time - events.time[ends - 1]) / (self.half_life_days * DAY)
        else:
            place = np.arange(len(starts)) / len(starts)
            ages = (1 - place) / ORDER_HALF_LIFE * drifts(events.item, np.repeat(place, ends - starts))
        order = np.argsort(-ages, kind="stable")
        lengths = (ends - starts)[order]
        ptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        rows = np.arange(ptr[-1]) + np.repeat(starts[order] - ptr[:-1], lengths)
        return events.item[rows], ptr, ages[order].astype(np.float32)

    def _gap(self, user: Int32, time: Int64, item: Int32) -> int:
        """Longest pause within a session, µs: the shortest of `GAPS` that leaves most events with another item."""
        if self.gap_hours is not None:
            return int(self.gap_hours / 24 * DAY)
        same = (user[1:] == user[:-1]) & (item[1:] != item[:-1])
        pause = np.diff(time)
        for gap in GAPS:
            near = same & (pause <= gap)
            accompanied = np.append(near, False) | np.insert(near, 0, False)
            if accompanied.mean() > 0.5:
                return gap
        return int(np.iinfo(np.int64).max)

    def _index(self, items: Int32, ptr: Int64, ages: Float32, n: int) -> None:
        """Postings of the newest sessions of each item; sessions that none holds are dropped."""
        lengths = np.diff(ptr)
        session = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        pairs = np.unique(items.astype(np.int64) << 32 | (len(lengths) - 1 - session))
        item, newest = (pairs >> 32).astype(np.int32), len(lengths) - 1 - (pairs & 0xFFFFFFFF)
        counts = np.bincount(item, minlength=n)
        rank = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
        first = rank < self.sessions_per_item
        kept, self.postings_ = (found.astype(np.int32) for found in np.unique(newest[first], return_inverse=True))
        self.index_ptr_ = _ends(np.minimum(counts, self.sessions_per_item))
        self.rarity_ = np.log1p(len(lengths) / np.maximum(counts, 1)).astype(np.float32)
        self.session_ptr_ = _ends(lengths[kept])
        rows = np.arange(self.session_ptr_[-1]) + np.repeat(ptr[kept] - self.session_ptr_[:-1], lengths[kept])
        self.session_items_ = items[rows]
        self.worth_ = (np.exp2(-ages[kept]) * lengths[kept] ** -LENGTH).astype(np.float32)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        starts, history, steps = _newest(queries.with_current())
        weights = np.power(np.float32(self.step_decay), steps.astype(np.float32))
        sessions = (self.session_ptr_, self.session_items_, self.worth_)
        index = (self.index_ptr_, self.postings_)
        near = (self.alike_.indptr.astype(np.int64), self.alike_.indices, self.alike_.data)
        shape = (self.neighbours, np.float32(self.share), np.float32(TRUST), self._decays())
        scores = np.empty((len(queries), self.n_items), np.float32)
        score_rows(starts, history, weights, self.rarity_, sessions, index, near, shape, scores)
        return scores if items is None else scores[:, items]

    def _decays(self) -> Float32:
        """float32 [2 · REACH + 1]: d(x) for x = -REACH … REACH."""
        x = np.arange(-REACH, REACH + 1)
        decays = np.where(x == 0, 1.0, self.distance_decay ** np.maximum(np.abs(x) - 1, 0))
        return np.where(x < 0, BACK * decays, decays).astype(np.float32)


def drifts(item: Int32, place: Float32) -> bool:
    """Whether events of one item lie close together: `place` is that of each event, 0 … 1."""
    counts = np.bincount(item)
    several = counts > 1
    if not several.any():
        return False
    means = np.bincount(item, place) / np.maximum(counts, 1)
    within = np.bincount(item, (place - means[item]) ** 2)[several].sum() / (counts[several] - 1).sum()
    return bool(within < DRIFT * place.var())


def _newest(queries: Queries) -> tuple[Int64, Int32, Int64]:
    """The newest events of each history: where each begins, distinct items, the newest first, and their steps back."""
    steps = queries.steps_back()
    near = np.flatnonzero(steps < NEWEST)
    owner, item, steps = queries.owner()[near].astype(np.int64), queries.item[near], steps[near]
    order = np.lexsort((steps, item, owner))
    again = (np.diff(owner[order], prepend=-1) == 0) & (np.diff(item[order], prepend=-1) == 0)
    order = order[~again]
    order = order[np.lexsort((steps[order], owner[order]))]
    return _ends(np.bincount(owner[order], minlength=len(queries))), item[order], steps[order]


def _ends(lengths: Int64) -> Int64:
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
