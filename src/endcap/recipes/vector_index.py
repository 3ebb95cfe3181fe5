"""An inverted index over item vectors: the nearest by inner product without looking at all of them.

faiss' IVF: vectors are sorted into lists by the nearest of some centroids, and a search looks into the `probes` lists
whose centroids are nearest to the query. Trained when a model is loaded, seeded and on one thread. How many lists are
searched is found by asking it sample queries and comparing with the exact answer: the fewest that reach `WANTED`, or
`ENOUGH` where that would be much.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from endcap.recipes.topk import top_k
from endcap.seams import rng
from endcap.types import Float32, Float64, Int32

if TYPE_CHECKING:
    import faiss

WANTED, CHEAP, ENOUGH = 0.98, 0.05, 0.95
"""Recall on the sample, of the ten best or of the hundred best, whichever is lower: the first while no more than that
share of the lists is searched, else the last will do."""
FEW, K = 10, 100
"""Recall is measured at both: the very best have long vectors, and lie in lists that are not looked into."""
EACH, ROUNDS = 64, 10
"""Vectors that train a centroid, and rounds of k-means."""
SAMPLED = 4096
"""Items of the fixed sample that stands for those no search returned."""
MOST_PROBED = 0.25
"""Where a larger share of the lists must be searched an index is not worth having."""


@dataclass(frozen=True)
class VectorIndex:
    """Of float32 [n, d] vectors. `recall` is that of the ten or the hundred best, whichever is lower, on the
    queries it was tuned with; `seconds` is what
    building took. `sample` int32 are rows drawn at random once, `sample_vectors` theirs."""

    index: faiss.IndexIVFFlat
    recall: float
    seconds: float
    sample: Int32
    sample_vectors: Float32

    @classmethod
    def build(cls, vectors: Float32, queries: Float32, seed: int = 0) -> VectorIndex | None:
        """None where `queries` float32 [q, d] cannot be answered well by looking at a part of the vectors.

        k-means sees at most 64 vectors a list, there are about √n lists: 5 s a million vectors of 64 on one core.
        """
        import faiss  # noqa: PLC0415 - 30 MB that only large shops need

        begun = time.perf_counter()
        n, d = vectors.shape
        lists = max(1, round(n**0.5))
        faiss.omp_set_num_threads(1)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, lists, faiss.METRIC_INNER_PRODUCT)
        # Spherical centroids find 1 to 3 per cent more of the hundred best for the same work (measured).
        index.cp.spherical, index.cp.seed, index.cp.niter = True, seed, ROUNDS
        draw = rng(seed)
        shown = draw.choice(n, min(n, EACH * lists), replace=False)
        index.train(np.ascontiguousarray(vectors[np.sort(shown)]))
        index.add(vectors)
        told = queries[np.isfinite(queries[:, 0])] if len(queries) else queries
        recall = _tuned(index, vectors, np.ascontiguousarray(told, np.float32))
        if recall < ENOUGH:
            return None
        sample = np.sort(draw.choice(n, min(n, SAMPLED), replace=False)).astype(np.int32)
        return cls(index, recall, time.perf_counter() - begun, sample, np.ascontiguousarray(vectors[sample]))

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def search(self, queries: Float32, k: int) -> tuple[Int32, Float32]:
        """(int32 [q, k] rows, float32 [q, k] inner products), descending; -1 and NaN where fewer were found."""
        values, rows = self.index.search(np.ascontiguousarray(queries, np.float32), min(k, len(self)))
        return rows.astype(np.int32), np.where(rows < 0, np.float32(np.nan), values)

    def log_total(self, query: Float32, rows: Int32, values: Float32, temperature: float) -> float:
        """log Σ exp(score / temperature) over all n items, estimated: the items that a search returned (`rows`, with
        their scores `values`) are summed exactly, the fixed sample stands for all others.

        `query` float32 [d]. The sum over a uniform sample is unbiased, and what varies most is in the exact part.
        """
        others = ~np.isin(self.sample, rows)
        scores: Float64 = np.concatenate((values, (self.sample_vectors @ query)[others])).astype(np.float64)
        weights = np.ones(len(scores))
        if others.any():
            weights[len(values) :] = (len(self) - len(values)) / others.sum()
        highest = scores.max(initial=-np.inf) / temperature
        if not np.isfinite(highest):
            return -np.inf
        return float(highest + np.log(weights @ np.exp(scores / temperature - highest)))


def _tuned(index: faiss.IndexIVFFlat, vectors: Float32, queries: Float32) -> float:
    """Set how many lists are searched; the recall with it. 0 where there is nothing to measure it by."""
    if not len(queries):
        return 0.0
    k = min(K, len(vectors))
    exact = np.concatenate([top_k((vectors @ each)[None, :], k)[0] for each in queries])
    probes, recall = 1, 0.0
    while recall < (WANTED if probes <= CHEAP * index.nlist else ENOUGH) and probes <= max(
        1, MOST_PROBED * index.nlist
    ):
        index.nprobe = probes
        _, found = index.search(queries, k)
        recall = min(_recall(exact[:, :few], found[:, :few]) for few in (min(FEW, k), k))
        probes = max(probes + 1, probes * 5 // 4)
    return recall


def _recall(exact: Int32, found: Int32) -> float:
    return float(np.mean([np.isin(one, other).mean() for one, other in zip(exact, found, strict=True)]))
