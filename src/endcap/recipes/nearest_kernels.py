"""Rows of a product of two sparse matrices, each summed and its largest entries kept, without holding the product.

One accumulator of all items per thread: for an item, every history that holds it adds its items. Where few are added,
those met for the first time join a list, without a branch; where many are, keeping the list would double the cost and
all items are looked through in vectors. Items are numbered by popularity inside, so that the entries most often added
to lie together in the first-level cache. Each row is summed by one thread in the order of the histories: the answer
does not depend on how many threads there are.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray
from scipy import sparse

from endcap.recipes.als_kernels import balanced
from endcap.recipes.selection import BINS, column_of, key_of, largest_first, lower_bound, sort_keys
from endcap.seams import Tick
from endcap.types import Float32, Int32, Int64

Form = Literal["scaled", "shrunk", "jaccard"]
FORMS: tuple[Form, ...] = ("scaled", "shrunk", "jaccard")
Slots = tuple[Int64, Int32, Float32]
"""Where row a goes: items and values `slots[1:]` from `slots[0][a]` to `slots[0][a + 1]`."""

Side = tuple[Int64, NDArray[np.uint32], Float32 | Int32]
"""A sparse matrix by rows: where each starts, int64, places and float32 weights; no int32 weights where all are one."""

_RUN = 16
"""Values are skipped in runs of this many, by the largest of each."""
_LISTED = 8
"""An item whose histories hold fewer than 1/8 as many entries as there are items keeps a list."""
_LEAST = np.float32(1e-38)
_FLOOR = np.float32(1e-30)
"""Weights are at least this: a sum of zero means that an item was not met yet."""
_QUICK = {"nnan", "nsz", "contract"}


@dataclass(frozen=True)
class Values:
    """How the sum c of items a and b becomes a value.

    `scaled`: c · left[a] · right[b]; `shrunk`: c / (left[a] · right[b] + shrinkage);
    `jaccard`: c / (left[a] + right[b] - c). Both float32 [n].
    """

    left: Float32
    right: Float32
    form: Form = "scaled"
    shrinkage: float = 0.0


@dataclass(frozen=True)
class Product:
    """leftᵀ · right, both with items numbered by popularity: `order` int32 [n] holds the item of each number."""

    order: Int32
    columns: Side
    """leftᵀ: its rows are items, its entries rows."""
    rows: Side
    """right: its entries are items."""
    work: Int64
    """int64 [n + 1]: additions for all items before each."""

    @classmethod
    def of(cls, left: sparse.csr_matrix, right: sparse.csr_matrix) -> Product:
        n = right.shape[1]
        order = np.argsort(-np.bincount(right.indices, minlength=n), kind="stable").astype(np.int32)
        rank = np.empty(n, np.uint32)
        rank[order] = np.arange(n, dtype=np.uint32)
        weights: list[Float32] | list[Int32]
        weights = [_weights(side.data) for side in ((right,) if left is right else (left, right))]
        if all((side == 1).all() for side in weights):
            weights = [np.empty(0, np.int32)]
        starts = np.asarray(right.indptr, np.int64)
        others = np.asarray(left.indptr, np.int64)
        *turned, ranked, added = _turned(others, left.indices, weights[0], rank, starts)
        items = ranked if left is right else rank[right.indices]
        work = np.concatenate(([0], np.cumsum(added))).astype(np.int64)
        pointers, rows, values = turned
        return cls(order, (pointers, rows, values), (starts, items, weights[-1]), work)

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.order)

    def fill(
        self,
        slots: Slots,
        values: Values | None = None,
        *,
        min_support: int = 1,
        own: bool = False,
        ordered: bool = False,
        tick: Tick | None = None,
    ) -> Int64:
        """Put the best of each row into its slot, as many as have room; returns how many of each, int64 [n].

        Entries summed from fewer than `min_support` rows are left out, and those of an item with itself unless `own`.
        With `ordered` they come in descending order and the rest of the room holds -1 and NaN. Ties go to the more
        popular item, then to the lower one. `tick` is called with the number of rows done.
        """
        *columns, column_weights = self.columns
        *rows, row_weights = self.rows
        parts = tuple(columns), tuple(rows), column_weights, row_weights
        scale = scaling(self.order, values)
        sizes = np.zeros(self.n, np.int64)

        def run(low: int, high: int) -> None:
            choice = (own, ordered, min_support)
            _of_rows(low, high, self.work, *parts, choice, scale, self.order, slots, sizes)

        in_threads(run, balanced(self.work), tick)
        return sizes


def scaling(order: Int32, values: Values | None) -> tuple[int, Float32, Float32, np.float32]:
    """`values` as the kernels take it, in the numbering of `order`."""
    if values is None:
        return 0, np.ones(len(order), np.float32), np.ones(len(order), np.float32), np.float32(0)
    left, right = (np.asarray(side, np.float32)[order] for side in (values.left, values.right))
    return FORMS.index(values.form), left, right, np.float32(values.shrinkage)


def in_threads(run: Callable[[int, int], None], bounds: Int64, tick: Tick | None) -> None:
    """Call `run` for each two neighbouring bounds, in as many threads as numba has; `run` must not hold the GIL."""

    def part(low: int, high: int) -> int:
        run(low, high)
        return high - low

    lows, highs = bounds[:-1].tolist(), bounds[1:].tolist()
    # An empty part compiles, which is not safe in several threads at once.
    run(0, 0)
    with ThreadPoolExecutor(get_num_threads()) as pool:
        for rows in pool.map(part, lows, highs):
            if tick is not None:
                tick(rows)


def _weights(data: Float32) -> Float32:
    return np.maximum(np.asarray(data, np.float32), _FLOOR)


@njit(cache=True, nogil=True)
def _turned(indptr, indices, weights, rank, starts):  # type: ignore[no-untyped-def]
    """The transposed matrix, items numbered by `rank`: pointers, rows, weights; then the items, renumbered, in the old
    order, and for each the additions, which are the lengths by `starts` of the rows that hold it."""
    n = len(rank)
    pointers, free, added = np.zeros(n + 1, np.int64), np.empty(n, np.int64), np.zeros(n, np.int64)
    items, rows = np.empty(len(indices), np.uint32), np.empty(len(indices), np.uint32)
    turned = np.empty(len(weights), weights.dtype)
    for at in range(len(indices)):
        item = rank[indices[at]]
        items[at] = item
        pointers[np.int64(item) + 1] += 1
    for item in range(n):
        free[item] = pointers[item]
        pointers[item + 1] += pointers[item]
    for row in range(len(indptr) - 1):
        length = starts[row + 1] - starts[row]
        for at in range(indptr[row], indptr[row + 1]):
            item = items[at]
            place = free[item]
            free[item] = place + 1
            rows[place] = row
            added[item] += length
            if len(weights):
                turned[place] = weights[at]
    return pointers, rows, turned, items, added


@njit(cache=True, nogil=True)
def scratch(n, counted, dtype):  # type: ignore[no-untyped-def]
    """Accumulators and room for the choice: sums, counts, list of items met, values, best of runs, keys, bins."""
    return (
        np.zeros(n, dtype),
        np.zeros(n if counted else 0, np.int32),
        np.empty(n + 1, np.uint32),
        np.empty(n, np.float32),
        np.empty(n // _RUN + 1, np.float32),
        np.empty(2 * n, np.uint64),
        np.zeros(BINS, np.int32),
    )


@njit(cache=True, nogil=True)
def _of_rows(  # type: ignore[no-untyped-def]
    low, high, work, columns, rows, column_weights, row_weights, choice, scale, order, slots, sizes
):
    n = len(order)
    own, ordered, support = choice
    column_ptr, column_rows = columns
    row_ptr, row_items = rows
    # Weights of one are not read, and their sums are whole numbers.
    ones = len(row_weights) == 0
    space = scratch(n, support > 1 and not ones, row_weights.dtype)
    sums, counts, met = space[:3]
    for i in range(low, high):
        listed = work[i + 1] - work[i] < n // _LISTED
        size = np.int64(0)  # a plain 0 would compile what takes it once more, for that number alone
        for at in range(column_ptr[i], column_ptr[i + 1]):
            row = column_rows[at]
            first, last = row_ptr[row], row_ptr[np.int64(row) + 1]
            mine = row_items[first:last]
            if ones:
                if listed:
                    size = _add_listed(mine, sums, met, size)
                else:
                    _add_ones(mine, sums)
            else:
                if listed:
                    size = _list(mine, sums, met, size)
                _add(mine, row_weights[first:last], column_weights[at], sums, counts)
        if not own:
            sums[i] = 0
        keep_best(i, size if listed else -1, space, support, scale, ordered, order, slots, sizes)


@njit(cache=True, nogil=True)
def _add_ones(mine, sums):  # type: ignore[no-untyped-def]
    for j in mine:
        sums[j] += 1


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
        sums[j] = before + 1
    return size


@njit(cache=True, nogil=True)
def _list(mine, sums, met, size):  # type: ignore[no-untyped-def]
    for j in mine:
        met[size] = j
        size += sums[j] == 0
    return size


@njit(cache=True, nogil=True)
def keep_best(i, size, space, support, scale, ordered, order, slots, sizes):  # type: ignore[no-untyped-def]
    """Turn the sums of item i, `size` of them listed (-1: all items), into its row of the answer, and clear them."""
    sums, counts, met, totals, highest, keys, bins = space
    starts, items, values = slots
    form, left, right, shrinkage = scale
    listed = size >= 0
    size = size if listed else len(order)
    if len(counts):
        for at in range(size):
            j = met[at] if listed else at
            if counts[j] < support:
                sums[j] = 0
            counts[j] = 0
    least = np.float32(0 if support <= 1 or len(counts) else support - 0.5)
    if listed:
        _some_values(met, size, sums, least, form, left[i], right, shrinkage, totals)
    else:
        _all_values(sums, least, form, left[i], right, shrinkage, totals)
    target = order[i]
    first, room = starts[target], starts[target + 1] - starts[target]
    chosen = _pick(met, listed, totals, size, highest, keys, bins, room) if room else np.int64(0)
    if chosen > 2 * room:
        chosen = _fewer_ties(keys, chosen, room, len(order), bins)
    if chosen > room:
        largest_first(keys, chosen, room)
        chosen = room
    if ordered:
        sort_keys(keys, chosen, keys[len(order) :])
        items[first + chosen : first + room] = -1
        values[first + chosen : first + room] = np.nan
    bits = values[first : first + chosen].view(np.uint32)
    for place in range(chosen):
        items[first + place] = order[column_of(keys[place])]
        # A key begins with the bits of its value, the sign turned round.
        bits[place] = np.uint32(keys[place] >> np.uint64(32)) ^ np.uint32(0x80000000)
    if form == 0:
        values[first : first + chosen] *= left[i]
    sizes[target] = chosen


@njit(cache=True, nogil=True, fastmath=_QUICK)
def _some_values(met, size, sums, least, form, left, right, shrinkage, totals):  # type: ignore[no-untyped-def]
    """Values of the listed items, but for the factor `left` of form 0; -1 where there are too few. Clears the sums."""
    for at in range(size):
        j = met[at]
        total = np.float32(sums[j])
        sums[j] = 0
        if form == 0:
            value = total * right[j]
        elif form == 1:
            value = total / (left * right[j] + shrinkage)
        else:
            value = total / (left + right[j] - total)
        totals[at] = value if total > least else np.float32(-1)


@njit(cache=True, nogil=True, fastmath=_QUICK)
def _all_values(sums, least, form, left, right, shrinkage, totals):  # type: ignore[no-untyped-def]
    for j in range(len(sums)):
        total = np.float32(sums[j])
        if form == 0:
            value = total * right[j]
        elif form == 1:
            value = total / (left * right[j] + shrinkage)
        else:
            value = total / (left + right[j] - total)
        totals[j] = value if total > least else np.float32(-1)
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


@njit(cache=True, nogil=True)
def _fewer_ties(keys, size, room, n, bins):  # type: ignore[no-untyped-def]
    """Drop keys of the smallest value whose column is too high to be among the `room` best; returns how many stay.

    Small counts are mostly ties. No order is needed to leave them out: their columns are counted in bins.
    """
    half = np.uint64(32)
    lowest = keys[0] >> half
    for place in range(1, size):
        lowest = min(lowest, keys[place] >> half)
    shift = 0
    while n >> shift >= len(bins):
        shift += 1
    bins[:] = 0
    needed = np.int64(room)
    for place in range(size):
        tied = keys[place] >> half == lowest
        needed -= not tied
        bins[column_of(keys[place]) >> shift] += tied
    if needed <= 0:
        return size
    last = 0
    while needed > bins[last] and last < len(bins) - 1:
        needed -= bins[last]
        last += 1
    edge = (lowest << half) | (np.uint64(0xFFFFFFFF) - np.uint64(((last + 1) << shift) - 1))
    stay = np.int64(0)
    for place in range(size):
        key = keys[place]
        keys[stay] = key
        stay += key >= edge
    return stay
