"""Item-item neighbours against implicit 0.7.3's nearest-neighbour models, on Gowalla and 10 M synthetic events."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import warnings
from typing import Any

import numpy as np
from scipy import sparse

from endcap.recipes.item_item_kernels import Similarity, neighbours
from measure import alternate, arguments, gowalla, peer, report
from synthetic import Shop, matrices

PEERS: tuple[tuple[Similarity, str], ...] = (("cosine", "CosineRecommender"), ("count", "ItemItemRecommender"))


def race(name: str, train: sparse.csr_matrix, runs: int) -> None:
    theirs = peer("nearest_neighbours")
    # Theirs computes in double precision, and one of the two models takes nothing else.
    doubles = train.astype(np.float64)
    lengths = np.diff(train.indptr).astype(np.int64)
    print(f"{name}: {train.nnz} pairs, {int((lengths**2).sum())} additions", file=sys.stderr)
    for similarity, peer_name in PEERS:
        for k in (20, 100):
            # Theirs counts the item itself among its neighbours, ours never does.
            def fit_theirs(peer_name: str = peer_name, k: int = k) -> Any:
                model = getattr(theirs, peer_name)(K=k + 1)
                model.fit(doubles, show_progress=False)
                return model

            def fit_ours(similarity: Similarity = similarity, k: int = k) -> Any:
                return neighbours(train, k, similarity=similarity)

            agree = same(fit_ours()[1], fit_theirs().similarity, k)
            pairs = alternate(fit_ours, fit_theirs, runs)
            detail = {"peer": peer_name, "k": k, "largest_difference": agree}
            report(f"item-item {name}, {similarity}, K={k}", pairs, must=2.0, aim=2.0, rate=True, **detail)


def same(values: np.ndarray, similarity: sparse.csr_matrix, k: int) -> float:
    """Largest difference between the two in the sorted values of a thousand items (ties may name other items)."""
    rows = np.linspace(0, len(values) - 1, 1000).astype(int)
    worst = 0.0
    for row in rows:
        part = similarity[int(row)]
        expected = np.sort(part.data[part.indices != row])[::-1][:k]
        found = values[row][: len(expected)]
        worst = max(worst, float(np.abs(found - expected).max(initial=0.0)))
    return worst


if __name__ == "__main__":
    warnings.filterwarnings("ignore", module="implicit")
    options = arguments(__doc__)
    if options.only != "synthetic":
        race("Gowalla", gowalla(options.data)[0], options.runs)
    if options.only != "gowalla":
        race("synthetic 10 M", matrices(Shop())[0], options.runs)
