"""What retrieval said of a candidate: its score, its rank, and how far it is behind the best."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.features.family import Block, Family, Feature
from endcap.types import Float32, Int64


@njit(cache=True, nogil=True)
def _fill(indptr: Int64, score: Float32, out: Float32) -> None:
    for query in range(len(indptr) - 1):
        low, high = indptr[query], indptr[query + 1]
        known = np.empty(high - low, np.float32)
        count, falling = 0, True
        for at in range(low, high):
            out[at, 0] = score[at] if np.isfinite(score[at]) else np.nan
            out[at, 1] = out[at, 2] = np.nan
            if np.isfinite(score[at]):
                known[count] = score[at]
                falling = falling and (count == 0 or known[count - 1] >= known[count])
                count += 1
        known = known[:count]
        if not falling:
            known = -np.sort(-known)
        seen = 0
        for at in range(low, high):
            if np.isnan(out[at, 0]):
                continue
            if falling:
                while known[seen] > score[at]:
                    seen += 1
                above = seen
            else:
                above = np.searchsorted(-known, -score[at])
            out[at, 1] = above + 1
            out[at, 2] = score[at] - known[0]


def _of(block: Block, out: Float32) -> None:
    _fill(block.indptr, block.retrieval, out)


CANDIDATE = Family(
    (
        Feature("retrieval_score", "candidate", "Score that the retrieval model gave."),
        Feature("retrieval_rank", "candidate", "1 + how many candidates of the question it scored higher."),
        Feature("retrieval_gap", "candidate", "Its score less the best one of the question."),
    ),
    _of,
)
