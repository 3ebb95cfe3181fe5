"""Counting which items go together, and keeping each item's best neighbours.

One accumulator of all items per thread: for an item, every history that holds it adds its other items. Where few are
added, those met for the first time join a list, without a branch; where many are, keeping the list would double the
cost and all items are looked through in vectors. Items are numbered by popularity inside, so that the entries most
often added to lie together in the first-level cache.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy import sparse

from endcap.errors import InputError
from endcap.recipes.als_kernels import balanced
from endcap.recipes.selection import BINS, column_of, key_of, largest_first, lower_bound, sort_keys
from endcap.types import Float32, Int32, Int64

Similarity = Literal["cosine", "count"]

_RUN = 16
"""Values are skipped in runs of this many, by the largest of each."""
_LISTED = 8
"""An item whose histories hold fewer than 1/8 as many entries as there are items keeps a list."""
_LEAST = np.float32(1e-38)
_QUICK = {"nnan", "nsz", "contract"}


def neighbours(
    matrix: sparse.csr_matrix,
    k: int,
    *,
    similarity: Similarity = "cosine",
    shrinkage: float = 0.0,
    min_support: int = 1,
    cap: int | None = None,
) -> tuple[Int32, Float32]:
    """The k best neighbours of every item of float32 [rows, n] weights > 0: (int32 [n, k], float32 [n, k]), descending.

    A row is whatever makes items go together: a user's history, a session, an order. With d_ij = Σ_rows w_i w_j the
    value is d_ij / (|i| |j| + shrinkage) for `cosine` and d_ij for `count`. Pairs found in fewer than `min_support`
    rows are left out; rows longer than `cap` items are thinned to that many, evenly. Fewer than k neighbours end in
    -1 / NaN; ties go to the more popular item, then to the lower row. An item is never its own neighbour.
    """
    if matrix.nnz and not matrix.data.min() > 0:
        raise InputError(f"Weights of interactions start at {matrix.data.min()}, expected all > 0.")
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    matrix = matrix if cap is None else _thinned(matrix, cap)
    order, ranked = _by_popularity(matrix)
    columns = ranked.T.tocsr()
    lengths = np.diff(ranked.indptr).astype(np.float64)
    work = np.concatenate(([0.0], np.cumsum(columns.astype(bool) @ lengths)))
    ones = bool((ranked.data == 1).all())
    squares = np.bincount(ranked.indices, None if ones else ranked.data.astype(np.float64) ** 2, matrix.shape[1])
    found = _empty(matrix.shape[1], k)
    work = work.astype(np.int64)
    _neighbours(
        balanced(work),
        work,
        np.asarray(columns.indptr, np.int64),
        columns.indices,
        columns.data,
        np.asarray(ranked.indptr, np.int64),
        ranked.indices,
        ranked.data,
        ones,
        *_scales(squares, similarity, shrinkage),
        min_support,
        order,
        *found,
    )
    return found


def window_neighbours(
    indptr: Int64,
    items: Int32,
    n_items: int,
    k: int,
    *,
    window: int = 5,
    decay: float = 0.8,
    directed: bool = False,
    similarity: Similarity = "cosine",
    shrinkage: float = 0.0,
    min_support: int = 1,
) -> tuple[Int32, Float32]:
    """As `neighbours`, from ordered histories (int64 [h + 1], int32 [m], oldest first) and near pairs only.

    Two events d ≤ `window` steps apart add decay^(d - 1) to d_ij; with `directed`, only to the neighbours of the
    earlier item, so that they are what comes next. |i|² is the number of events of item i.
    """
    counts = np.bincount(items, minlength=n_items)
    order = np.argsort(-counts, kind="stable").astype(np.int32)
    rank = np.empty(n_items, np.int32)
    rank[order] = np.arange(n_items, dtype=np.int32)
    ranked = rank[items]
    places = np.argsort(ranked, kind="stable")
    starts = np.concatenate(([0], np.cumsum(counts[order]))).astype(np.int64)
    lengths = np.diff(indptr)
    found = _empty(n_items, k)
    _window(
        balanced(starts * window),
        starts,
        places,
        np.repeat(indptr[:-1], lengths),
        np.repeat(indptr[1:], lengths),
        ranked,
        np.power(np.float32(decay), np.arange(window, dtype=np.float32)),
        directed,
        *_scales(counts[order], similarity, shrinkage),
        min_support,
        order,
        *found,
    )
    return found


def order_matrix(order: Int64, item: Int32, n_items: int) -> sparse.csr_matrix:
    """float32 [orders, n_items] of ones: which items each order holds; events with order -1 are left out."""
    known = order >= 0
    codes, rows = np.unique(order[known], return_inverse=True)
    ones = np.ones(len(rows), np.float32)
    matrix = sparse.csr_matrix((ones, (rows, item[known])), shape=(len(codes), n_items))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _empty(n: int, k: int) -> tuple[Int32, Float32]:
    return np.full((n, k), -1, np.int32), np.full((n, k), np.nan, np.float32)


def _scales(squares: NDArray[Any], similarity: Similarity, shrinkage: float) -> tuple[Float32, np.float32]:
    """What values are scaled by: 1 / |i| of each item without shrinkage, |i| with it; 1 for counts."""
    if similarity == "count":
        return np.ones(len(squares), np.float32), np.float32(0)
    norms = np.sqrt(np.maximum(squares, 1e-30))
    return (norms if shrinkage else 1 / norms).astype(np.float32), np.float32(shrinkage)


def _by_popularity(matrix: sparse.csr_matrix) -> tuple[Int32, sparse.csr_matrix]:
    """Items by descending number of rows, and the matrix in that numbering."""
    n = matrix.shape[1]
    counts = np.bincount(matrix.indices, minlength=n)
    order = np.argsort(-counts, kind="stable").astype(np.int32)
    rank = np.empty(n, np.int32)
    rank[order] = np.arange(n, dtype=np.int32)
    data = np.ascontiguousarray(matrix.data, np.float32)
    return order, sparse.csr_matrix((data, rank[matrix.indices], matrix.indptr), shape=matrix.shape)


def _thinned(matrix: sparse.csr_matrix, cap: int) -> sparse.csr_matrix:
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(matrix.nnz) - matrix.indptr[row]
    length = np.maximum(lengths[row], 1)
    # Entry p is kept where the line p * cap / length steps to the next integer: exactly cap of them, evenly spread.
    keep = (length <= cap) | ((place + 1) * cap // length > place * cap // length)
    indptr = np.concatenate(([0], np.cumsum(np.minimum(lengths, cap))))
    return sparse.csr_matrix((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)


@njit(cache=True, nogil=True, parallel=True)
def _neighbours(  # type: ignore[no-untyped-def]
    runs, work, item_ptr, item_rows, item_weights, row_ptr, row_items, row_weights, ones, scale, shrinkage, support,
    order, items, values,
):  # fmt: skip
    n = len(order)
    for run in prange(len(runs) - 1):
        sums = np.zeros(n, np.float32)
        counts = np.zeros(n if support > 1 and not ones else 0, np.int32)
        met = np.empty(n + 1, np.int32)
        totals = np.empty(n, np.float32)
        highest = np.empty(n // _RUN + 1, np.float32)
        keys = np.empty(2 * n, np.uint64)
        bins = np.zeros(BINS, np.int32)
        for i in range(runs[run], runs[run + 1]):
            listed = work[i + 1] - work[i] < n // _LISTED
            size = 0
            for at in range(item_ptr[i], item_ptr[i + 1]):
                row = item_rows[at]
                mine = row_items[row_ptr[row] : row_ptr[row + 1]]
                if listed and ones:
                    size = _add_listed(mine, sums, met, size)
                    continue
                if listed:
                    size = _list(mine, sums, met, size)
                if ones:
                    for j in mine:
                        sums[j] += np.float32(1)
                else:
                    weights = row_weights[row_ptr[row] : row_ptr[row + 1]]
                    _add(mine, weights, item_weights[at], sums, counts)
            space = totals, highest, keys, bins
            _keep(i, listed, met, size, sums, counts, space, scale, shrinkage, support, order, items, values)


@njit(cache=True, nogil=True, parallel=True)
def _window(  # type: ignore[no-untyped-def]
    runs, item_ptr, places, starts, stops, events, decays, directed, scale, shrinkage, support, order, items, values
):
    n = len(order)
    reach = len(decays)
    for run in prange(len(runs) - 1):
        sums = np.zeros(n, np.float32)
        counts = np.zeros(n if support > 1 else 0, np.int32)
        met = np.empty(n + 1, np.int32)
        totals = np.empty(n, np.float32)
        highest = np.empty(n // _RUN + 1, np.float32)
        keys = np.empty(2 * n, np.uint64)
        bins = np.zeros(BINS, np.int32)
        for i in range(runs[run], runs[run + 1]):
            size = 0
            for at in range(item_ptr[i], item_ptr[i + 1]):
                here = places[at]
                first = here + 1 if directed else max(starts[here], here - reach)
                for other in range(first, min(stops[here], here + reach + 1)):
                    if other == here:
                        continue
                    j = events[other]
                    before = sums[j]
                    met[size] = j
                    size += before == 0
                    sums[j] = before + decays[abs(other - here) - 1]
                    if len(counts):
                        counts[j] += 1
            space = totals, highest, keys, bins
            _keep(i, True, met, size, sums, counts, space, scale, shrinkage, support, order, items, values)


@njit(cache=True, nogil=True)
def _add(mine, weights, weight, sums, counts):  # type: ignore[no-untyped-def]
    for other in range(len(mine)):
        sums[mine[other]] += weight * weights[other]
    if len(counts):
        for j in mine:
            counts[j] += 1


@njit(cache=True, nogil=True)
def _add_listed(mine, sums, met, size):  # type: ignore[no-untyped-def]
    """Add one to each, and append those not met before to `met`; returns its size."""
    for j in mine:
        before = sums[j]
        met[size] = j
        size += before == 0
        sums[j] = before + np.float32(1)
    return size


@njit(cache=True, nogil=True)
def _list(mine, sums, met, size):  # type: ignore[no-untyped-def]
    for j in mine:
        met[size] = j
        size += sums[j] == 0
    return size


@njit(cache=True, nogil=True)
def _keep(  # type: ignore[no-untyped-def]
    i, listed, met, size, sums, counts, space, scale, shrinkage, support, order, items, values
):
    """Turn the sums of item i into its row of the answer, and clear them."""
    totals, highest, keys, bins = space
    k = items.shape[1]
    if len(counts):
        size = size if listed else len(order)
        for at in range(size):
            j = met[at] if listed else at
            if counts[j] < support:
                sums[j] = 0
            counts[j] = 0
        support = 1
    least = np.float32(0 if support <= 1 else support - 0.5)
    sums[i] = 0
    if listed:
        _some_values(i, met, size, sums, least, scale, shrinkage, totals)
    else:
        size = len(order)
        _all_values(i, sums, least, scale, shrinkage, totals)
    chosen = _pick(met, listed, totals, size, highest, keys, bins, k)
    if chosen > k:
        largest_first(keys, chosen, k)
        chosen = k
    sort_keys(keys, chosen, keys[len(order) :])
    bits = totals.view(np.uint32)
    last = np.float32(1) if shrinkage else scale[i]
    target = order[i]
    for place in range(chosen):
        items[target, place] = order[column_of(keys[place])]
        # A key begins with the bits of its value, the sign turned round.
        bits[place] = np.uint32(keys[place] >> np.uint64(32)) ^ np.uint32(0x80000000)
        values[target, place] = totals[place] * last


@njit(cache=True, nogil=True, fastmath=_QUICK)
def _some_values(i, met, size, sums, least, scale, shrinkage, totals):  # type: ignore[no-untyped-def]
    """Values of the listed items, up to the factor of item i; -1 where there are too few. Clears the sums."""
    for at in range(size):
        j = met[at]
        total = sums[j]
        sums[j] = 0
        value = total / (scale[i] * scale[j] + shrinkage) if shrinkage else total * scale[j]
        totals[at] = value if total > least else np.float32(-1)


@njit(cache=True, nogil=True, fastmath=_QUICK)
def _all_values(i, sums, least, scale, shrinkage, totals):  # type: ignore[no-untyped-def]
    if shrinkage:
        for j in range(len(sums)):
            total = sums[j]
            totals[j] = total / (scale[i] * scale[j] + shrinkage) if total > least else np.float32(-1)
    else:
        for j in range(len(sums)):
            total = sums[j]
            totals[j] = total * scale[j] if total > least else np.float32(-1)
    sums[:] = 0


@njit(cache=True, nogil=True)
def _pick(met, listed, totals, size, highest, keys, bins, k):  # type: ignore[no-untyped-def]
    """Keys of the items that may be among the k best; returns how many. Long lists are looked into run by run."""
    bits = totals.view(np.uint32)
    runs = (size + _RUN - 1) // _RUN
    chosen = np.int64(0)
    if runs < 2 * k:
        bound = max(_LEAST, lower_bound(totals, size, k, bins))
        for at in range(size):
            keys[chosen] = np.uint64(at)
            chosen += totals[at] >= bound
        for place in range(chosen):
            where = np.int64(keys[place])
            keys[place] = key_of(bits[where], met[where] if listed else where)
        return chosen
    _largest_of_runs(totals, size, highest)
    bound = max(_LEAST, lower_bound(highest, runs, k, bins))
    for run in range(runs):
        if highest[run] >= bound:
            for at in range(run * _RUN, min((run + 1) * _RUN, size)):
                if totals[at] >= bound:
                    keys[chosen] = key_of(bits[at], met[at] if listed else at)
                    chosen += 1
    return chosen


@njit(cache=True, nogil=True, fastmath=_QUICK)
def _largest_of_runs(totals, size, highest):  # type: ignore[no-untyped-def]
    whole = size // _RUN
    for run in range(whole):
        largest = np.float32(-1)
        for at in range(run * _RUN, (run + 1) * _RUN):
            largest = max(largest, totals[at])
        highest[run] = largest
    if whole * _RUN < size:
        largest = np.float32(-1)
        for at in range(whole * _RUN, size):
            largest = max(largest, totals[at])
        highest[whole] = largest
