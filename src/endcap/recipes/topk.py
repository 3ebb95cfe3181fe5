"""Choosing the k best of many scores: one place for top-k, exclusion and ties.

Scores are cut into chunks of 64. The k-th largest of the chunks' maxima is a lower bound of the k-th best score, so
only chunks that reach it are looked into: one vectorised pass, then work on little more than k chunks. For inner
products the scores of a few queries at a time are computed in the same kernel and never leave the cache, on numba's
threads alone: threads of BLAS and of numba in turn fight over the cores.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import njit, prange

from endcap.recipes.selection import BINS, column_of, key_of, largest_first, lower_bound, sort_keys
from endcap.recipes.topk_tile import CHUNK, ROWS, multiply_tile
from endcap.stream.arrays import read_only
from endcap.types import Bool, Float32, Int32, Int64

TOGETHER = 16
"""Queries whose scores are held by one thread: 16 × 40,000 float32 is about the size of a second-level cache."""
FEW = 16
"""Up to this many queries, packing the items costs more than it saves."""


def top_k(
    scores: Float32,
    k: int,
    allowed: Bool | None = None,
    exclude_indptr: Int64 | None = None,
    exclude_items: Int32 | None = None,
) -> tuple[Int32, Float32]:
    """The k best columns of each row of float32 [q, n]: (int32 [q, k], float32 [q, k]), descending.

    NaN is never chosen; ties go to the lower column; rows with fewer choices end in -1 / NaN.
    `allowed` (bool [n]) and the exclusions (CSR over rows) bar columns; nothing given is changed.
    """
    q, n = scores.shape
    items, values = _empty(q, k)
    indptr, excluded = _exclusions(q, exclude_indptr, exclude_items)
    barred = np.zeros(0, np.int32) if allowed is None else np.flatnonzero(~allowed).astype(np.int32)
    if q and n and k:
        _of_scores(np.ascontiguousarray(scores, np.float32), barred, indptr, excluded, items, values, _parts(q))
    return items, values


def top_k_inner(
    query_vectors: Float32,
    item_vectors: Float32,
    k: int,
    allowed: Bool | None = None,
    exclude_indptr: Int64 | None = None,
    exclude_items: Int32 | None = None,
) -> tuple[Int32, Float32]:
    """`top_k` of `query_vectors @ item_vectors.T`; beyond a copy of the items it holds 16 rows of scores a thread."""
    q, n = len(query_vectors), len(item_vectors)
    if q <= FEW or not n or not k:
        return top_k(query_vectors @ item_vectors.T, k, allowed, exclude_indptr, exclude_items)
    items, values = _empty(q, k)
    indptr, excluded = _exclusions(q, exclude_indptr, exclude_items)
    columns = np.arange(n, dtype=np.int32) if allowed is None else np.flatnonzero(allowed).astype(np.int32)
    place = np.full(n, -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    vectors, packed = np.ascontiguousarray(query_vectors, np.float32), _packed(item_vectors, columns)
    if len(columns):
        _of_products(vectors, packed, columns, place, indptr, excluded, items, values, _parts(q))
    return items, values


def _empty(q: int, k: int) -> tuple[Int32, Float32]:
    return np.full((q, k), -1, np.int32), np.full((q, k), np.nan, np.float32)


def _exclusions(q: int, indptr: Int64 | None, items: Int32 | None) -> tuple[Int64, Int32]:
    if indptr is None or items is None:
        return np.zeros(q + 1, np.int64), read_only(np.zeros(0, np.int32))
    return np.ascontiguousarray(indptr, np.int64), read_only(np.ascontiguousarray(items, np.int32))


def _parts(q: int) -> int:
    return int(min(-(-q // TOGETHER), 8 * numba.get_num_threads()))


def _packed(vectors: Float32, columns: Int32) -> Float32:
    """float32 [chunks, d, CHUNK]: the chosen vectors, transposed chunk by chunk; the last one is filled with zeros."""
    chosen = vectors if len(columns) == len(vectors) else vectors[columns]
    chosen = np.pad(np.asarray(chosen, np.float32), ((0, -len(columns) % CHUNK), (0, 0)))
    return np.ascontiguousarray(chosen.reshape(-1, CHUNK, chosen.shape[1]).transpose(0, 2, 1))


@njit(cache=True, nogil=True, parallel=True)
def _of_scores(scores, barred, indptr, excluded, items, values, parts):  # type: ignore[no-untyped-def]
    q, n = scores.shape
    chunks = (n + CHUNK - 1) // CHUNK
    for part in prange(parts):
        line = np.full(chunks * CHUNK, np.nan, np.float32)
        best = np.empty(chunks, np.float32)
        keys = np.empty(2 * chunks * CHUNK, np.uint64)
        bins = np.zeros(BINS, np.int32)
        for row in range(q * part // parts, q * (part + 1) // parts):
            line[:n] = scores[row]
            for column in barred:
                line[column] = np.nan
            for at in range(indptr[row], indptr[row + 1]):
                line[excluded[at]] = np.nan
            for chunk in range(chunks):
                best[chunk] = _largest(line, chunk)
            size = _choose(line, best, keys, bins, items.shape[1])
            for i in range(size):
                column = column_of(keys[i])
                items[row, i] = column
                values[row, i] = line[column]


@njit(cache=True, nogil=True, parallel=True)
def _of_products(queries, packed, columns, place, indptr, excluded, items, values, parts):  # type: ignore[no-untyped-def]
    q = len(queries)
    chunks = len(packed)
    blocks = (q + TOGETHER - 1) // TOGETHER
    for part in prange(parts):
        lines = np.empty((TOGETHER, chunks * CHUNK), np.float32)
        best = np.empty((TOGETHER, chunks), np.float32)
        keys = np.empty(2 * chunks * CHUNK, np.uint64)
        bins = np.zeros(BINS, np.int32)
        together = np.zeros((TOGETHER, packed.shape[1]), np.float32)
        for block in range(blocks * part // parts, blocks * (part + 1) // parts):
            first = block * TOGETHER
            count = min(TOGETHER, q - first)
            together[:count] = queries[first : first + count]
            for chunk in range(chunks):
                for row in range(0, count, ROWS):
                    multiply_tile(together, row, packed, chunk, lines, best)
            for row in range(count):
                line = lines[row]
                line[len(columns) :] = np.nan
                best[row, chunks - 1] = _largest(line, chunks - 1)
                for at in range(indptr[first + row], indptr[first + row + 1]):
                    column = place[excluded[at]]
                    if column >= 0:
                        line[column] = np.nan
                        best[row, column // CHUNK] = _largest(line, column // CHUNK)
                size = _choose(line, best[row], keys, bins, items.shape[1])
                for i in range(size):
                    column = column_of(keys[i])
                    items[first + row, i] = columns[column]
                    values[first + row, i] = line[column]


@njit(cache=True, nogil=True)
def _largest(line, chunk):  # type: ignore[no-untyped-def]
    """Largest of one chunk, NaN passed over; -inf where there is none."""
    largest = np.float32(-np.inf)
    for j in range(CHUNK):
        value = line[chunk * CHUNK + j]
        largest = value if value > largest else largest
    return largest


@njit(cache=True, nogil=True)
def _choose(line, best, keys, bins, k):  # type: ignore[no-untyped-def]
    """Put the keys of the k best of `line` into `keys`, in order; returns how many there are."""
    bits = line.view(np.uint32)
    chunks = len(best)
    bound = lower_bound(best, chunks, k, bins)
    size = np.int64(0)
    for chunk in range(chunks):
        if best[chunk] >= bound:
            for j in range(chunk * CHUNK, (chunk + 1) * CHUNK):
                if line[j] >= bound:
                    keys[size] = key_of(bits[j], j)
                    size += 1
    if size > k:
        largest_first(keys, size, k)
        size = k
    sort_keys(keys, size, keys[len(keys) // 2 :])
    return size
