"""Items that keep the same company: likeness of second order, which reaches items never taken together."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from endcap.recipes.nearest import nearest
from endcap.seams import Tick

HUB = 2000
"""Of the items near one item at most so many are compared through it: work stays linear in the catalogue."""


def alike(
    similarity: sparse.csr_matrix, keep: int, *, itself: float = 0.35, hub: int = HUB, tick: Tick | None = None
) -> sparse.csr_matrix:
    """float32 [n, n]: the `keep` largest cosines between rows of a similarity of items, each item's own row among them.

    Rows are s_a + itself · |s_a| e_a: two items are alike when their neighbours are the same, or when one is a
    neighbour of the other. An item with itself gives 1; what has no neighbour has no row. An item near more than `hub`
    others is a neighbour of the nearest of them only.
    """
    lengths = np.sqrt(np.asarray(similarity.multiply(similarity).sum(axis=1)).ravel())
    columns = (similarity + sparse.diags(itself * lengths)).T.tocsr().astype(np.float32)
    for row in np.flatnonzero(np.diff(columns.indptr) > hub):
        values = columns.data[columns.indptr[row] : columns.indptr[row + 1]]
        values[np.argsort(-values, kind="stable")[hub:]] = 0
    columns.eliminate_zeros()
    squares = np.asarray(columns.multiply(columns).sum(axis=0), np.float32).ravel()
    return nearest(columns, columns, keep, measure="cosine", supports=(squares, squares), itself=True, tick=tick)
