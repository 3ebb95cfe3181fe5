"""What a ranker learns from: one columnar block of candidates with their features, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numba import njit

from endcap.types import Bool, Float32, Float64, Int32, Int64

GRADES = ((0.6, 3.0), (0.3, 2.0), (0.0, 1.0))
"""(weight of an event above which, its grade): a purchase or a checkout, a cart or a wish list, a view."""
CUT = 10
"""Places that the order is judged by."""


@dataclass(frozen=True)
class Examples:
    """Candidates of q queries: query i owns rows `indptr[i]:indptr[i + 1]`, best candidate of the retrieval first.

    `block` float32 [m, f] are their features, NaN where unknown. `gain` float32 [m] is how much was made of each (see
    `GRADES`; 0: nothing), corrected for position where it was shown. `weight` float32 [m] is how much evidence the row
    is. `position` int32 [m] is the place it was shown at, 0 where it was not. `time` int64 [q] is the moment of asking,
    `wanted` int32 [q] how many items were acted on, candidates or not.
    """

    block: Float32
    indptr: Int64
    item: Int32
    gain: Float32
    weight: Float32
    position: Int32
    time: Int64
    wanted: Int32

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def owner(self) -> Int32:
        """int32 [m]: the query of each row."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.indptr))

    @property
    def answered(self) -> Int64:
        """int64 [a]: queries with a candidate that was acted on."""
        return np.unique(self.owner[self.gain > 0]).astype(np.int64)

    def take(self, queries: Bool) -> Examples:
        """The queries of a mask bool [q]."""
        rows, lengths = queries[self.owner], np.diff(self.indptr)[queries]
        ends = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        own = {name: getattr(self, name)[queries] for name in ("time", "wanted")}
        by_row = {name: getattr(self, name)[rows] for name in ("block", "item", "gain", "weight", "position")}
        return Examples(indptr=ends, **by_row, **own)

    @classmethod
    def join(cls, parts: Sequence[Examples]) -> Examples:
        """One after the other; there must be at least one."""
        if len(parts) == 1:
            return parts[0]
        ends = np.concatenate([[0], *(np.diff(part.indptr) for part in parts)]).cumsum().astype(np.int64)
        names = [field.name for field in fields(cls) if field.name != "indptr"]
        return cls(indptr=ends, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def grades(weight: Float32) -> Float32:
    """float32: the grade of events by what one of their type says about interest, 0 where the weight is."""
    found = np.zeros(len(weight), np.float32)
    for least, grade in reversed(GRADES):
        found[weight > least if least == 0 else weight >= least] = grade
    return found


class Judge:
    """NDCG at k of orders of the same candidates. Gains are linear, the ideal order is that of the candidates' own.

    `whole`: every gain counts 1, and what was acted on without being a candidate is missing from every order.
    """

    def __init__(self, examples: Examples, k: int = CUT, *, whole: bool = False) -> None:
        self._indptr, self._k = examples.indptr, k
        self._gain = (examples.gain > 0).astype(np.float32) if whole else examples.gain
        if whole:
            best = np.concatenate(([0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))))
            self._ideal = best[np.minimum(examples.wanted, k)]
        else:
            self._ideal = self._discounted(examples.gain)

    def ndcg(self, scores: Float32) -> Float64:
        """float64 [q] for float32 [m] scores, ties in the order they stand in; NaN for queries without any gain."""
        found = self._discounted(scores)
        return np.where(self._ideal > 0, found / np.where(self._ideal > 0, self._ideal, 1.0), np.nan)

    def mean(self, scores: Float32) -> float:
        """Over the queries with gain; 0 without any."""
        values = self.ndcg(scores)
        return float(np.nanmean(values)) if not np.isnan(values).all() else 0.0

    def _discounted(self, scores: Float32) -> Float64:
        found = np.zeros(len(self._indptr) - 1, np.float64)
        _sum_discounted(self._indptr, np.ascontiguousarray(scores, np.float32), self._gain, self._k, found)
        return found


@njit(cache=True, nogil=True)
def _sum_discounted(indptr: Int64, scores: Float32, gain: Float32, k: int, out: Float64) -> None:
    """Into float64 `out` [q]: gains in order of scores, over log2(1 + place), down to place k; ties as they stand."""
    for query in range(len(indptr) - 1):
        low, high = indptr[query], indptr[query + 1]
        order = np.argsort(-scores[low:high], kind="mergesort")
        for place in range(min(k, high - low)):
            out[query] += gain[low + order[place]] / np.log2(place + 2.0)
