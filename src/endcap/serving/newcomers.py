"""New items and their kin, kept up to date beside requests: a put wakes a thread that compares texts and prices."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from endcap.serving.content import NO_KIN, Content, Kin
from endcap.serving.model import ServedModel
from endcap.stream.records import Value
from endcap.types import Float32, Float64, Int32, Int64

LIVE = 2_000
"""Of more items put since the state was made the newest are compared."""
VOTES = 5
"""Neighbours whose scores a new item takes the mean of."""
AT_ONCE = 100
"""Items compared before the others are told of them."""
_log = logging.getLogger("endcap.serving")


@dataclass(frozen=True)
class Kinship:
    """New items with their neighbours, both ways round; never changed, replaced whole."""

    kin: Kin = field(default_factory=lambda: NO_KIN)

    @cached_property
    def place(self) -> dict[int, int]:
        """Where each new item's neighbours are in `kin`."""
        return {ordinal: row for row, ordinal in enumerate(self.kin.items.tolist())}

    @cached_property
    def votes(self) -> tuple[Int32, Int64, Int32, Float32]:
        """(`known` int32 ascending, `indptr`, `who` int32 rows of `kin`, `shares` float32): the neighbour `known[i]`
        has the share `shares[at]` in the score of the new item `who[at]`, for `at` in `indptr[i]` … `indptr[i + 1]`."""
        near, alike = self.kin.near[:, :VOTES], self.kin.alike[:, :VOTES]
        shares = alike / np.maximum(alike.sum(axis=1, keepdims=True), np.float32(1e-9))
        rows, columns = np.nonzero(near >= 0)
        ordinals = near[rows, columns]
        order = np.argsort(ordinals, kind="stable")
        known, starts = np.unique(ordinals[order], return_index=True)
        indptr = np.append(starts, len(order)).astype(np.int64)
        return known, indptr, rows[order].astype(np.int32), shares[rows, columns][order]

    @cached_property
    def _unknown(self) -> dict[str, Kinship]:
        return {}

    def unknown_to(self, model: ServedModel) -> Kinship:
        """Of those items that a version, which must be tied to the same state, does not know; kept, as every request
        asks."""
        held = self._unknown.get(model.version)
        if held is None:
            rows = np.flatnonzero(model.rows_of(self.kin.items) < 0)
            held = self._unknown[model.version] = Kinship(
                Kin(self.kin.items[rows], self.kin.near[rows], self.kin.alike[rows])
            )
        return held

    def scores(self, candidates: Int32, chances: Float64) -> tuple[Int32, Float64]:
        """(int32 ordinals, float64 scores) of new items with a neighbour among `candidates`: the mean of the chances of
        its neighbours, each by its likeness; of those that are no candidates 0."""
        known, indptr, who, shares = self.votes
        if not len(known) or not len(candidates):
            return candidates[:0], chances[:0]
        at = np.minimum(np.searchsorted(known, candidates), len(known) - 1)
        hits = np.flatnonzero(known[at] == candidates)
        if not len(hits):
            return candidates[:0], chances[:0]
        starts, ends = indptr[at[hits]], indptr[at[hits] + 1]
        counts = ends - starts
        flat = np.repeat(starts - np.concatenate(([0], np.cumsum(counts)[:-1])), counts) + np.arange(counts.sum())
        rows, back = np.unique(who[flat], return_inverse=True)
        weighed = (shares[flat] * np.repeat(chances[hits], counts)).astype(np.float64)
        return self.kin.items[rows], np.bincount(back, weights=weighed).astype(np.float64)

    def near(self, ordinal: int) -> Int32:
        """int32 ordinals of those most like a new item, nearest first; empty where it is none."""
        row = self.place.get(ordinal, -1)
        near: Int32 = self.kin.near[row] if row >= 0 else self.kin.near[:0].reshape(-1)
        return near[near >= 0]

    def warm(self) -> Kinship:
        """With everything made that a request asks for."""
        assert self.votes is not None and self.place is not None
        return self


class Newcomers:
    """Of one shop's state and what is put into it. `now` is read by requests; `put` returns at once."""

    def __init__(self, content: Content, properties: Callable[[int], Mapping[str, Value]]) -> None:
        """`properties` tells what is known of an item, by ordinal, at the moment."""
        self._content, self._properties = content, properties
        self._told = dict[int, tuple[Int32, Float32]]()
        self._waiting: deque[int] = deque(maxlen=LIVE)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.now = Kinship(content.kin).warm()

    def put(self, ordinal: int) -> None:
        """Compare an item, as it is known then, with the others."""
        if not len(self._content.ordinals):
            return
        with self._lock:
            self._waiting.append(ordinal)
            if self._thread is None:
                # It ends when nothing waits: a state that is served no longer leaves no thread behind.
                self._thread = threading.Thread(target=self._run, name="newcomers", daemon=True)
                self._thread.start()

    def settle(self, seconds: float) -> bool:
        """Wait until all that was put is compared; False where that takes longer."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._thread is None

    def _run(self) -> None:
        while True:
            with self._lock:
                some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
                if not some:
                    self._thread = None
                    return
            try:
                self._compare(some)
            except Exception:  # an item that cannot be compared is found by exploration
                _log.exception("Comparing %d new items failed", len(some))

    def _compare(self, some: list[int]) -> None:
        for ordinal in some:
            self._told.pop(ordinal, None)  # so that the newest put is the last
            self._told[ordinal] = self._content.near(self._properties(ordinal), ordinal)
        while len(self._told) > LIVE:
            del self._told[next(iter(self._told))]
        base = self._content.kin
        kept = ~np.isin(base.items, np.fromiter(self._told, np.int32))
        live = Kin.of(self._told)
        joined = Kin(
            np.concatenate((base.items[kept], live.items)),
            np.concatenate((base.near[kept], live.near)),
            np.concatenate((base.alike[kept], live.alike)),
        )
        self.now = Kinship(joined).warm()
