"""Factorization machines over sparse rows, one example after another (Rendle 2010): learning and scoring.

A row with features x has the score  w₀ + Σ w_j x_j + ½ (|Σ v_j x_j|² - Σ |v_j x_j|²), linear in its entries. Steps are
AdaGrad's (Duchi, Hazan, Singer 2011) with one sum for the vector of a feature, not one for each of its numbers: a third
of the time, and better on what was held back. `bias` float32 [2] holds w₀ and its sum of squared slopes, `table`
float32 [n, ≥ k + 3] a row for each feature, whose parts are met together and so lie together in memory: v, w, the sum
of w, the sum of v. Rows of features are (indptr, indices, data).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.recipes.prefetch import prefetch
from endcap.types import Bool, Float32, Int32, Int64

Rows = tuple[Int64, Int32, Float32]
LOGISTIC, SQUARED, SOFTMAX = 0, 1, 2
FAST = {"reassoc", "contract", "nsz", "arcp", "afn"}
"""Sums may be reordered, so that they run in parallel lanes; what is no number stays so."""
AHEAD = (24, 12, 4)
"""So many rows before a row is learnt from, memory is asked for where it lies, its features, what the table holds of
them: rows in a random order are not waited for."""
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
) -> float:
    """One pass over the rows in this order; `targets` are what rows shall score and what each is worth (one number: all
    the same), `k` is the length of vectors, `steps` float32 [3]: rate, ridge of w, ridge of v. Returns the mean loss,
    each row judged before it is learnt from."""
    total, mass = 0.0, 0.0
    mean = np.empty(k, np.float32)
    (indptr, features, data), (target, worth), width = rows, targets, table.shape[1]
    each = np.int64(len(worth) > 1)
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
        mean[:] = _NONE
        alone, squares = _gather(features[low:high], data[low:high], table[:, k], table, mean)
        score = bias[0] + alone + _HALF * (_square(mean) - squares)
        value, slope = judge(score, target[row], loss)
        total += value * worth[each * row]
        mass += worth[each * row]
        slope *= worth[each * row]
        _step_bias(bias, slope, steps[0])
        _step(features[low:high], data[low:high], slope, slope, mean, table, steps)
    return total / max(mass, 1e-12)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def learn_groups(
    order: Int32,
    askers: Rows,
    items: Rows,
    taken: Rows,
    worth: Float32,
    pool: Int32,
    negatives: int,
    bias: Float32,
    table: Float32,
    k: int,
    steps: Float32,
    loss: int,
    learns: bool,
) -> float:
    """One pass over groups: who asks, the items that they took, and beside them `negatives` from the `pool` for each,
    of which those that are among the taken say nothing. `askers` and `items` are rows of features (indptr, indices,
    data), `taken` (indptr, items, targets) of each group. Returns the mean loss of a candidate, each judged before it
    is learnt from; without `learns` that is all."""
    weights = table[:, k]
    most = 0
    for group in order:
        most = max(most, taken[0][group + 1] - taken[0][group])
    most *= 1 + negatives
    candidates, targets = np.empty(most, np.int32), np.empty(most, np.float32)
    counts, slopes = np.empty(most, np.bool_), np.empty(most, np.float32)
    scores, means = np.empty(most, np.float32), np.empty((most, k), np.float32)
    asking, pull = np.empty(k, np.float32), np.empty(k, np.float32)
    total, mass, drawn = 0.0, 0.0, 0
    for group in order:
        positives = taken[0][group + 1] - taken[0][group]
        size = positives * (1 + negatives)
        for at in range(size):
            place = taken[0][group] + at
            is_taken = at < positives
            candidates[at] = taken[1][place] if is_taken else pool[drawn % len(pool)]
            targets[at] = taken[2][place] if is_taken else _NONE
            drawn += not is_taken
        _mark(candidates[:size], positives, counts)
        low, high = askers[0][group], askers[0][group + 1]
        asking[:] = _NONE
        alone, squares = _gather(askers[1][low:high], askers[2][low:high], weights, table, asking)
        for at in range(size):
            start, end = items[0][candidates[at]], items[0][candidates[at] + 1]
            mean = means[at]
            mean[:] = asking
            own, more = _gather(items[1][start:end], items[2][start:end], weights, table, mean)
            scores[at] = bias[0] + alone + own + _HALF * (_square(mean) - squares - more)
        value, weight = _slopes(scores[:size], targets, counts, positives, loss, slopes)
        total += value * worth[group]
        mass += weight * worth[group]
        if not learns:
            continue
        pull[:] = _NONE
        sum_of_slopes = _NONE
        for at in range(size):
            slope = slopes[at] * worth[group]
            if slope != _NONE:
                sum_of_slopes += slope
                for f in range(k):
                    pull[f] += slope * means[at, f]
                start, end = items[0][candidates[at]], items[0][candidates[at] + 1]
                _step(items[1][start:end], items[2][start:end], slope, slope, means[at], table, steps)
        if loss != SOFTMAX:
            _step_bias(bias, sum_of_slopes, steps[0])
        _step(askers[1][low:high], askers[2][low:high], sum_of_slopes, _ONE, pull, table, steps)
    return total / max(mass, 1e-12)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def score_rows(rows: Rows, bias: Float32, weights: Float32, factors: Float32, k: int, out: Float32) -> None:
    """The scores of rows, into `out` float32 [rows]; `weights` float32 [n], `factors` float32 [n, ≥ k]."""
    mean = np.empty(k, np.float32)
    for row in range(len(out)):
        low, high = rows[0][row], rows[0][row + 1]
        mean[:] = _NONE
        alone, squares = _gather(rows[1][low:high], rows[2][low:high], weights, factors, mean)
        out[row] = bias[0] + alone + _HALF * (_square(mean) - squares)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def gather_rows(rows: Rows, weights: Float32, factors: Float32, means: Float32, alone: Float32) -> None:
    """Of each row Σ v_j x_j, added to `means` float32 [rows, k], and what it scores by itself, into `alone` [rows]."""
    for row in range(len(alone)):
        low, high = rows[0][row], rows[0][row + 1]
        own, squares = _gather(rows[1][low:high], rows[2][low:high], weights, factors, means[row])
        alone[row] = own + _HALF * (_square(means[row]) - squares)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
def _gather(
    indices: Int32, data: Float32, weights: Float32, factors: Float32, mean: Float32
) -> tuple[np.float32, np.float32]:
    """(Σ w_j x_j, Σ |v_j x_j|²); Σ v_j x_j is added to `mean`."""
    alone, squares = _NONE, _NONE
    for at in range(0, len(indices), 2):  # two at once: `mean` is read and written half as often
        last = at + 1 == len(indices)
        x, y = data[at], _NONE if last else data[at + 1]
        j, other = indices[at], indices[at if last else at + 1]
        alone += weights[j] * x + weights[other] * y
        v, w = factors[j], factors[other]
        for f in range(len(mean)):
            one, two = v[f] * x, w[f] * y
            mean[f] += one + two
            squares += one * one + two * two
    return alone, squares


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _square(vector: Float32) -> np.float32:
    whole = _NONE
    for f in range(len(vector)):
        whole += vector[f] * vector[f]
    return whole


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
def _step(
    indices: Int32,
    data: Float32,
    slope: np.float32,
    share: np.float32,
    mean: Float32,
    table: Float32,
    steps: Float32,
) -> None:
    """Against the slope: that of v_j is x_j (share · mean - slope · v_j x_j), where `mean` is the sum over all of the
    row, or, with a `share` of 1, the sum of such sums times their slopes."""
    rate, flat, ridge = steps[0], steps[1], steps[2]
    k = len(mean)
    each = _ONE / np.float32(k)
    for at in range(len(indices)):
        v, x = table[indices[at]], data[at]
        if x == _NONE:
            continue
        step_weight(v[k : k + 2], slope * x, flat, rate)
        pull, own = share * x, ridge - slope * x * x
        norm = _NONE
        for f in range(k):
            step = pull * mean[f] + own * v[f]
            norm += step * step
        v[k + 2] += norm * each
        scale = rate / np.sqrt(v[k + 2])
        pull, own = scale * pull, _ONE - scale * own
        for f in range(k):
            v[f] = own * v[f] - pull * mean[f]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def step_weight(weight: Float32, slope: np.float32, flat: np.float32, rate: np.float32) -> None:
    """Of `weight` float32 [2], w and its sum; `flat` pulls it to 0."""
    gradient = slope + flat * weight[0]
    weight[1] += gradient * gradient
    weight[0] -= rate * gradient / np.sqrt(weight[1])


@njit(cache=True, nogil=True, error_model="numpy")
def _step_bias(bias: Float32, slope: np.float32, rate: np.float32) -> None:
    bias[1] += slope * slope
    bias[0] -= rate * slope / np.sqrt(bias[1])


@njit(cache=True, nogil=True, error_model="numpy")
def _mark(candidates: Int32, positives: int, counts: Bool) -> None:
    """Which candidates say anything: all but drawn ones that are among the taken."""
    for at in range(len(candidates)):
        counts[at] = True
        if at >= positives:
            for other in range(positives):
                if candidates[at] == candidates[other]:
                    counts[at] = False
                    break


@njit(cache=True, nogil=True, error_model="numpy")
def _slopes(
    scores: Float32, targets: Float32, counts: Bool, positives: int, loss: int, slopes: Float32
) -> tuple[float, float]:
    """(summed loss, how many it is of); the slope of each score into `slopes`.

    `SOFTMAX` is the cross-entropy of each taken item among itself and all that was drawn, times its target.
    """
    if loss == SOFTMAX:
        found: tuple[float, float] = _softmax_slopes(scores, targets, counts, positives, slopes)
        return found
    total, count = 0.0, 0.0
    for at in range(len(scores)):
        slopes[at] = _NONE
        if counts[at]:
            value, slopes[at] = judge(scores[at], targets[at], loss)
            total += value
            count += 1.0
    return total, count


@njit(cache=True, nogil=True, error_model="numpy")
def _softmax_slopes(
    scores: Float32, targets: Float32, counts: Bool, positives: int, slopes: Float32
) -> tuple[float, float]:
    total, count = 0.0, 0.0
    top = np.float32(-np.inf)
    for at in range(positives, len(scores)):
        slopes[at] = _NONE
        if counts[at]:
            top = max(top, scores[at])
    drawn = 0.0
    for at in range(positives, len(scores)):
        if counts[at]:
            drawn += np.exp(scores[at] - top)
    shared = 0.0
    for at in range(positives):
        slopes[at] = _NONE
        if drawn > 0:
            most = max(top, scores[at])
            own, others = np.exp(scores[at] - most), np.exp(top - most)
            whole = own + drawn * others
            total += targets[at] * (np.log(whole) - (scores[at] - most))
            count += targets[at]
            slopes[at] = targets[at] * (own / whole - 1)
            shared += targets[at] * others / whole
    for at in range(positives, len(scores)):
        if counts[at]:
            slopes[at] = shared * np.exp(scores[at] - top)
    return total, count


@njit(cache=True, nogil=True, inline="always")
def judge(score: np.float32, target: np.float32, loss: int) -> tuple[np.float32, np.float32]:
    """(loss, its slope) of a score: log loss of a target in 0 … 1, or half the squared error."""
    if loss == LOGISTIC:
        decay = np.exp(-abs(score))
        value = max(score, _NONE) + np.log(_ONE + decay) - target * score
        chance = (_ONE if score >= _NONE else decay) / (_ONE + decay)
        return value, chance - target
    miss = score - target
    return _HALF * miss * miss, miss
