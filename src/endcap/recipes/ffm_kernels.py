"""Field-aware factorization machines over sparse rows (Juan et al. 2016): a feature has one vector for each field.

A row scores  w₀ + Σ w_j x_j + Σ_{j<l} <v_{j,field(l)}, v_{l,field(j)}> x_j x_l. With S[a, b] = Σ_{j in a} v_{j,b} x_j
the pairs are Σ_{a<b} <S[a, b], S[b, a]> + ½ Σ_a (|S[a, a]|² - Σ_{j in a} |v_{j,a} x_j|²): linear in the entries of a
row, and an inner product of what two groups of fields say. `factors` float32 [n, fields, k], `sums` float32 [n,
fields]; all else as in `fm_kernels`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.recipes.fm_kernels import FAST, _step_bias, judge
from endcap.types import Float32, Int32, Int64

_ONE, _HALF, _NONE = np.float32(1), np.float32(0.5), np.float32(0)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def learn_rows(
    order: Int32,
    indptr: Int64,
    indices: Int32,
    data: Float32,
    target: Float32,
    worth: Float32,
    bias: Float32,
    weights: Float32,
    factors: Float32,
    sums: Float32,
    steps: Float32,
    loss: int,
    field_of: Int32,
) -> float:
    """One pass over the rows in this order, as `fm_kernels.learn_rows`."""
    fields, k = factors.shape[1], factors.shape[2]
    total, mass = 0.0, 0.0
    said = np.empty((fields, fields, k), np.float32)
    for row in order:
        low, high = indptr[row], indptr[row + 1]
        said[:] = _NONE
        score = bias[0] + gather(indices[low:high], data[low:high], weights[0], factors, field_of, said)
        score += _pairs(said)
        value, slope = judge(score, target[row], loss)
        total += value * worth[row]
        mass += worth[row]
        slope *= worth[row]
        _step_bias(bias, slope, steps[0])
        for at in range(low, high):
            _step(indices[at], data[at], slope, said, weights, factors, sums, steps, field_of)
    return total / max(mass, 1e-12)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def score_rows(
    indptr: Int64,
    indices: Int32,
    data: Float32,
    bias: Float32,
    weights: Float32,
    factors: Float32,
    field_of: Int32,
    out: Float32,
) -> None:
    """The scores of rows, into `out` float32 [rows]; `weights` float32 [n] without their sums."""
    fields, k = factors.shape[1], factors.shape[2]
    said = np.empty((fields, fields, k), np.float32)
    for row in range(len(indptr) - 1):
        low, high = indptr[row], indptr[row + 1]
        said[:] = _NONE
        alone = gather(indices[low:high], data[low:high], weights, factors, field_of, said)
        out[row] = bias[0] + alone + _pairs(said)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def gather_rows(
    indptr: Int64,
    indices: Int32,
    data: Float32,
    weights: Float32,
    factors: Float32,
    field_of: Int32,
    said: Float32,
    alone: Float32,
) -> None:
    """Of each row S, added to `said` float32 [rows, fields, fields, k], and what it scores by itself, into `alone`."""
    for row in range(len(indptr) - 1):
        low, high = indptr[row], indptr[row + 1]
        own = gather(indices[low:high], data[low:high], weights, factors, field_of, said[row])
        alone[row] = own + _pairs(said[row])


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def gather(
    indices: Int32, data: Float32, weights: Float32, factors: Float32, field_of: Int32, said: Float32
) -> np.float32:
    """Σ w_j x_j - ½ Σ |v_{j,field(j)} x_j|² of one row; S is added to `said`."""
    fields, k = factors.shape[1], factors.shape[2]
    alone = _NONE
    for at in range(len(indices)):
        j, x = indices[at], data[at]
        own = field_of[j]
        alone += weights[j] * x
        squares = _NONE
        for f in range(k):
            squares += factors[j, own, f] * factors[j, own, f]
        alone -= _HALF * squares * x * x
        for b in range(fields):
            for f in range(k):
                said[own, b, f] += factors[j, b, f] * x
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
def _step(
    j: int,
    x: np.float32,
    slope: np.float32,
    said: Float32,
    weights: Float32,
    factors: Float32,
    sums: Float32,
    steps: Float32,
    field_of: Int32,
) -> None:
    """Against the slope: that of v_{j,b} is slope · x_j S[b, a], a being j's field, less what j itself put there."""
    fields, k = factors.shape[1], factors.shape[2]
    rate, flat, ridge = steps[0], steps[1], steps[2]
    if x == _NONE:
        return
    gradient = slope * x + flat * weights[0, j]
    weights[1, j] += gradient * gradient
    weights[0, j] -= rate * gradient / np.sqrt(weights[1, j])
    a, pull, each = field_of[j], slope * x, _ONE / np.float32(k)
    for b in range(fields):
        own = ridge - pull * x if a == b else ridge
        v, other = factors[j, b], said[b, a]
        norm = _NONE
        for f in range(k):
            step = pull * other[f] + own * v[f]
            norm += step * step
        sums[j, b] += norm * each
        scale = rate / np.sqrt(sums[j, b])
        left, right = _ONE - scale * own, scale * pull
        for f in range(k):
            v[f] = left * v[f] - right * other[f]
