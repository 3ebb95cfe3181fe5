"""Field-aware factorization machines over sparse rows (Juan et al. 2016): a feature has one vector for each field.

A row scores  w₀ + Σ w_j x_j + Σ_{j<l} <v_{j,field(l)}, v_{l,field(j)}> x_j x_l. With S[a, b] = Σ_{j in a} v_{j,b} x_j
the pairs are Σ_{a<b} <S[a, b], S[b, a]> + ½ Σ_a (|S[a, a]|² - Σ_{j in a} |v_{j,a} x_j|²): linear in the entries of a
row, and an inner product of what two groups of fields say. A row of the table holds all vectors of a feature, w and
its sum, the sum of each vector; all else as in `fm_kernels`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.recipes.fm_kernels import AHEAD, FAST, Rows, _step_bias, judge, step_weight
from endcap.recipes.prefetch import prefetch
from endcap.types import Float32, Int32

_ONE, _HALF, _NONE = np.float32(1), np.float32(0.5), np.float32(0)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def learn_rows(
    order: Int32,
    rows: Rows,
    targets: tuple[Float32, Float32],
    bias: Float32,
    table: Float32,
    k: int,
    steps: Float32,
    loss: int,
    field_of: Int32,
    fields: int,
) -> float:
    """One pass over the rows in this order, as `fm_kernels.learn_rows`."""
    total, mass = 0.0, 0.0
    said = np.empty((fields, fields, k), np.float32)
    (indptr, features, data), (target, worth), width = rows, targets, table.shape[1]
    each = np.int64(len(worth) > 1)
    # What is asked for ahead is written in both kernels: in a function of its own a row would take a third longer, as
    # every array that it is given is counted.
    for at in range(len(order)):
        if at + AHEAD[0] < len(order):
            later = order[at + AHEAD[0]]
            prefetch(indptr, later, later + 2)
            prefetch(target, later, later + 1)
            prefetch(worth, each * later, each * later + 1)
        if at + AHEAD[1] < len(order):
            later = order[at + AHEAD[1]]
            prefetch(features, indptr[later], indptr[later + 1])
            prefetch(data, indptr[later], indptr[later + 1])
        if at + AHEAD[2] < len(order):
            later = order[at + AHEAD[2]]
            for place in range(indptr[later], indptr[later + 1]):
                start = np.int64(features[place]) * width
                prefetch(table, start, start + width)
        row = order[at]
        low, high = indptr[row], indptr[row + 1]
        said[:] = _NONE
        alone = gather(features[low:high], data[low:high], table[:, fields * k], table, field_of, said)
        value, slope = judge(bias[0] + alone + _pairs(said), target[row], loss)
        total += value * worth[each * row]
        mass += worth[each * row]
        slope *= worth[each * row]
        _step_bias(bias, slope, steps[0])
        for place in range(low, high):
            j = features[place]
            _step(table[j], data[place], slope, said, steps, field_of[j])
    return total / max(mass, 1e-12)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def score_rows(
    rows: Rows, bias: Float32, weights: Float32, factors: Float32, k: int, out: Float32, field_of: Int32, fields: int
) -> None:
    """The scores of rows, into `out` float32 [rows]; `weights` float32 [n], `factors` float32 [n, ≥ fields · k]."""
    said = np.empty((fields, fields, k), np.float32)
    for row in range(len(out)):
        low, high = rows[0][row], rows[0][row + 1]
        said[:] = _NONE
        alone = gather(rows[1][low:high], rows[2][low:high], weights, factors, field_of, said)
        out[row] = bias[0] + alone + _pairs(said)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def gather_rows(rows: Rows, weights: Float32, factors: Float32, field_of: Int32, said: Float32, alone: Float32) -> None:
    """Of each row S, added to `said` float32 [rows, fields, fields, k], and what it scores by itself, into `alone`."""
    for row in range(len(alone)):
        low, high = rows[0][row], rows[0][row + 1]
        own = gather(rows[1][low:high], rows[2][low:high], weights, factors, field_of, said[row])
        alone[row] = own + _pairs(said[row])


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def gather(
    indices: Int32, data: Float32, weights: Float32, factors: Float32, field_of: Int32, said: Float32
) -> np.float32:
    """Σ w_j x_j - ½ Σ |v_{j,field(j)} x_j|² of one row; S is added to `said`."""
    fields, k = said.shape[1], said.shape[2]
    alone = _NONE
    for at in range(len(indices)):
        v, x, own = factors[indices[at]], data[at], field_of[indices[at]]
        alone += weights[indices[at]] * x
        squares = _NONE
        for f in range(own * k, own * k + k):
            squares += v[f] * v[f]
        alone -= _HALF * squares * x * x
        for b in range(fields):
            vector = v[b * k : b * k + k]
            for f in range(k):
                said[own, b, f] += vector[f] * x
    return alone


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _pairs(said: Float32) -> np.float32:
    fields, k = said.shape[1], said.shape[2]
    total = _NONE
    for a in range(fields):
        for f in range(k):
            total += _HALF * said[a, a, f] * said[a, a, f]
        for b in range(a):
            for f in range(k):
                total += said[a, b, f] * said[b, a, f]
    return total


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _step(row: Float32, x: np.float32, slope: np.float32, said: Float32, steps: Float32, a: int) -> None:
    """Against the slope: that of v_{j,b} is slope · x_j S[b, a], `a` being j's field, less what j itself put there."""
    fields, k = said.shape[1], said.shape[2]
    rate, flat, ridge = steps[0], steps[1], steps[2]
    if x == _NONE:
        return
    after = fields * k
    step_weight(row[after : after + 2], slope * x, flat, rate)
    pull, each = slope * x, _ONE / np.float32(k)
    for b in range(fields):
        own = ridge - pull * x if a == b else ridge
        v, other = row[b * k : b * k + k], said[b, a]
        norm = _NONE
        for f in range(k):
            step = pull * other[f] + own * v[f]
            norm += step * step
        row[after + 2 + b] += norm * each
        scale = rate / np.sqrt(row[after + 2 + b])
        left, right = _ONE - scale * own, scale * pull
        for f in range(k):
            v[f] = left * v[f] - right * other[f]
