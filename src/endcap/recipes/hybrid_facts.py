"""Metadata of items and users as short dense vectors: the main directions of their encoded columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.recipes.field_columns import joined
from endcap.recipes.fields import Fields, guess
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.types import Float32, Int32

LEAST = 3
"""A value of a column counts from so many rows on."""
RECENT = 30
"""Events of a history whose items tell the taste in metadata."""


def directions(rows: sparse.csr_matrix, width: int, seed: int) -> Float32:
    """float32 [features, ≤ width]: right singular vectors of the rows, each set to length 1 (Eckart and Young 1936)."""
    from scipy.sparse.linalg import svds  # noqa: PLC0415

    k = min(width, min(rows.shape) - 1)
    if k < 1 or not rows.nnz:
        return np.zeros((rows.shape[1], 0), np.float32)
    start = rng(seed).normal(size=min(rows.shape))
    _, values, right = svds(rows.astype(np.float64), k=k, v0=start)
    order = np.argsort(-values)
    flip = np.sign(right[np.arange(k), np.abs(right).argmax(axis=1)])  # so that equal input gives equal signs
    return np.asarray((right * flip[:, None])[order].T, np.float32)


def item_vectors(table: pa.Table | None, n_items: int, own: str, width: int, seed: int) -> Float32:
    """float32 [n, ≤ width], rows of length 1; no columns where there is no metadata."""
    if table is None or table.num_rows != n_items:
        return np.zeros((n_items, 0), np.float32)
    spec = guess(table, least=LEAST, leave_out=(own,))
    if not spec:
        return np.zeros((n_items, 0), np.float32)
    rows = Fields.learn(table, spec).encode(table)
    found = rows @ directions(rows, width, seed)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6), np.float32)


def taste(queries: Queries, vectors: Float32) -> Float32:
    """float32 [q, w]: mean vector of the newest items of each history."""
    recent = queries.steps_back() < RECENT
    owner = queries.owner()[recent]
    found = np.zeros((len(queries), vectors.shape[1]), np.float32)
    np.add.at(found, owner, vectors[queries.item[recent]])
    counts = np.bincount(owner, minlength=len(queries)).astype(np.float32)
    return np.asarray(found / np.maximum(counts, 1)[:, None], np.float32)


def profile_vectors(queries: Queries, fields: Fields, into: Float32) -> Float32:
    """float32 [q, w] of what is known of the users; 0 where nothing is. Context of a column's name goes first."""
    if not fields.fields or (queries.profiles is None and not queries.context):
        return np.zeros((len(queries), into.shape[1]), np.float32)
    table = queries.profiles if queries.profiles is not None else joined([{}] * len(queries), fields.columns)
    return np.asarray(fields.encode(table) @ into, np.float32)


def pair_facts(items: Int32, vectors: Float32, tastes: Float32, profiles: Float32) -> Float32:
    """float32 [q, d, c] of candidates int32 [q, d]: the item's vector, that times the taste, and the profile."""
    own = vectors[items]
    shape = (*items.shape, profiles.shape[1])
    return np.concatenate((own, own * tastes[:, None, :], np.broadcast_to(profiles[:, None, :], shape)), axis=2)
