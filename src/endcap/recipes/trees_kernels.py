"""Walking complete binary trees level by level: the children of the n-th node of a level are the 2 n-th and the next of
the level below, so that no step has to branch, and its first node is node 2^level - 1.

Nodes refer to columns of a doubled block: column 2 f holds feature f with +inf where it is missing, column 2 f + 1 with
-inf, so that a missing value goes right or left by the same comparison as any other. Places are unsigned: a signed
index would be looked at for being negative at every step, which costs as much as the step.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ROWS = 112
"""Rows that walk a tree side by side: their steps do not wait for each other, and their features stay in the cache."""
AT_ONCE = 3
"""Levels of which all nodes are compared for all rows: seven comparisons in vector registers take less time than three
steps that each look up where they are."""
_ONE, _TWO, _FOUR, _SIX = np.uint32(1), np.uint32(2), np.uint32(4), np.uint32(6)


@njit(cache=True, nogil=True)
def predict(block, column, threshold, leaf, depth, base, out):  # type: ignore[no-untyped-def]
    """`base` plus the leaf of each tree for each row of float32 [m, f], into float32 `out` [m], in order of the trees.

    `column` int32 and `threshold` float32 are [t, 2^depth - 1], `leaf` float32 is [t, 2^depth].
    """
    m, features = block.shape
    doubled = np.empty((2 * features, ROWS), np.float32)
    values, place = doubled.reshape(2 * features * ROWS), np.zeros(ROWS, np.uint32)
    for start in range(0, m, ROWS):
        size = min(ROWS, m - start)
        for row in range(size):
            for feature in range(features):
                value = block[start + row, feature]
                missing = np.isnan(value)
                doubled[2 * feature, row] = np.float32(np.inf) if missing else value
                doubled[2 * feature + 1, row] = np.float32(-np.inf) if missing else value
            out[start + row] = base
        for tree in range(len(column)):
            columns, thresholds, leaves = column[tree], threshold[tree], leaf[tree]
            if depth >= AT_ONCE:
                _three_levels(doubled, columns, thresholds, size, place)
            else:
                place[:size] = 0
            for level in range(AT_ONCE if depth >= AT_ONCE else 0, depth):
                first = (1 << level) - 1
                asked, bounds = columns[first : 2 * first + 1], thresholds[first : 2 * first + 1]
                for row in range(size):
                    node = place[row]
                    value = values[np.uint64(asked[node]) * np.uint64(ROWS) + np.uint64(row)]
                    place[row] = np.uint32((node << _ONE) | np.uint32(value >= bounds[node]))
            for row in range(size):
                out[start + row] += leaves[place[row]]


@njit(cache=True, nogil=True)
def _three_levels(doubled, columns, thresholds, size, place):  # type: ignore[no-untyped-def]
    """Where the first `size` rows are after three steps."""
    root, left, right = doubled[columns[0]], doubled[columns[1]], doubled[columns[2]]
    a, b, c, d = doubled[columns[3]], doubled[columns[4]], doubled[columns[5]], doubled[columns[6]]
    of_root, of_left, of_right = thresholds[0], thresholds[1], thresholds[2]
    of_a, of_b, of_c, of_d = thresholds[3], thresholds[4], thresholds[5], thresholds[6]
    for row in range(size):
        under_a, under_b = np.uint32(a[row] >= of_a), np.uint32(b[row] >= of_b) | _TWO
        under_c, under_d = np.uint32(c[row] >= of_c) | _FOUR, np.uint32(d[row] >= of_d) | _SIX
        under_left = under_b if left[row] >= of_left else under_a
        under_right = under_d if right[row] >= of_right else under_c
        place[row] = under_right if root[row] >= of_root else under_left


@njit(cache=True, nogil=True)
def contribute(block, column, threshold, change, depth, out):  # type: ignore[no-untyped-def]
    """Add to float64 `out` [m, f] what each step of each tree changes in the mean of the leaves below it.

    `change` float64 [t, 2^(depth + 1) - 1] is the mean of the leaves under each node less that under its parent.
    """
    m, features = block.shape
    doubled, place = np.empty((ROWS, 2 * features), np.float32), np.zeros(ROWS, np.uint32)
    for start in range(0, m, ROWS):
        size = min(ROWS, m - start)
        for row in range(size):
            for feature in range(features):
                value = block[start + row, feature]
                missing = np.isnan(value)
                doubled[row, 2 * feature] = np.float32(np.inf) if missing else value
                doubled[row, 2 * feature + 1] = np.float32(-np.inf) if missing else value
        for tree in range(len(column)):
            place[:size] = 0
            for level in range(depth):
                first = (1 << level) - 1
                asked, bounds = column[tree, first : 2 * first + 1], threshold[tree, first : 2 * first + 1]
                steps = change[tree, 2 * first + 1 : 4 * first + 3]
                for row in range(size):
                    node = place[row]
                    where = np.uint32(asked[node])
                    node = np.uint32((node << _ONE) | np.uint32(doubled[row, where] >= bounds[node]))
                    out[start + row, where >> _ONE] += steps[node]
                    place[row] = node
