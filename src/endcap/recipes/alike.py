"""Items that keep the same company: likeness of second order, which reaches items never taken together."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from endcap.recipes.nearest import nearest
from endcap.seams import Tick


def alike(
    similarity: sparse.csr_matrix, keep: int, *, itself: float = 0.35, tick: Tick | None = None
) -> sparse.csr_matrix:
    """float32 [n, n]: the `keep` largest cosines between rows of a similarity of items, each item's own row among them.

    Rows are s_a + itself · |s_a| e_a: two items are alike when their neighbours are the same, or when one is a
    neighbour of the other. An item with itself gives 1; what has no neighbour has no row.
    """
    lengths = np.sqrt(np.asarray(similarity.multiply(similarity).sum(axis=1)).ravel())
    rows = (similarity + sparse.diags(itself * lengths)).tocsr().astype(np.float32)
    rows.eliminate_zeros()
    squares = np.asarray(rows.multiply(rows).sum(axis=1), np.float32).ravel()
    columns = rows.T.tocsr()
    return nearest(columns, columns, keep, measure="cosine", supports=(squares, squares), itself=True, tick=tick)
