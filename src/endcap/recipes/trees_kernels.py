"""Walking complete binary trees: the children of node i are 2 i + 1 and 2 i + 2, so that no step has to branch.

Nodes refer to columns of a doubled block: column 2 f holds feature f with +inf where it is missing, column 2 f + 1 with
-inf, so that a missing value goes right or left by the same comparison as any other.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ROWS = 256
"""Rows that walk a tree side by side: their steps do not wait for each other."""


@njit(cache=True, nogil=True)
def predict(block, column, threshold, leaf, depth, base, out):  # type: ignore[no-untyped-def]
    """`base` plus the leaf of each tree for each row of float32 [m, f], into float32 `out` [m], in order of the trees.

    `column` int32 and `threshold` float32 are [t, 2^depth - 1], `leaf` float32 is [t, 2^depth].
    """
    m, features = block.shape
    doubled = np.empty(2 * features * min(m, ROWS), np.float32)
    place = np.empty(min(m, ROWS), np.int32)
    first_leaf = (1 << depth) - 1
    for start in range(0, m, ROWS):
        size = min(ROWS, m - start)
        for row in range(size):
            for feature in range(features):
                value = block[start + row, feature]
                missing = np.isnan(value)
                doubled[2 * feature * size + row] = np.float32(np.inf) if missing else value
                doubled[(2 * feature + 1) * size + row] = np.float32(-np.inf) if missing else value
            out[start + row] = base
        for tree in range(len(column)):
            columns, thresholds, leaves = column[tree], threshold[tree], leaf[tree]
            place[:size] = 0
            for _ in range(depth):
                for row in range(size):
                    node = place[row]
                    value = doubled[columns[node] * size + row]
                    place[row] = 2 * node + 1 + (value >= thresholds[node])
            for row in range(size):
                out[start + row] += leaves[place[row] - first_leaf]


@njit(cache=True, nogil=True)
def contribute(block, column, threshold, mean, depth, out):  # type: ignore[no-untyped-def]
    """Add to float64 `out` [m, f] what each step of each tree changes in the mean of the leaves below it.

    `mean` float64 [t, 2^(depth + 1) - 1] is the mean of the leaves under each node, by how many rows reached them.
    """
    for row in range(len(block)):
        for tree in range(len(column)):
            node = 0
            for _ in range(depth):
                doubled = column[tree, node]
                feature = doubled // 2
                value = block[row, feature]
                if np.isnan(value):
                    value = np.float32(-np.inf) if doubled % 2 else np.float32(np.inf)
                child = 2 * node + 1 + (value >= threshold[tree, node])
                out[row, feature] += mean[tree, child] - mean[tree, node]
                node = child
