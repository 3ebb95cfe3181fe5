"""Examples from logged decisions: the features as they were when the answer was given, what nobody took as refusals."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.recipes.ranker_examples import Examples, grades
from endcap.recipes.ranker_positions import Examination
from endcap.types import TIMESTAMP, Float32, Int64

ENOUGH = 500
"""Answers of which something was taken: from here on they are learned from, beside history."""
PLENTY = 20_000
"""From here on they are learned from alone."""


def logged_examples(
    decisions: pa.Table | None, signature: str, width: int, retrieval: int, *, seed: int = 0, threads: int = 1
) -> Examples | None:
    """Examples of the answers whose features are of this set, `width` of them; None where fewer than `ENOUGH` were
    answered. `decisions` is `lake.logged.LOGGED`, `retrieval` the column of the retrieval's score.

    What was taken counts by its grade over how often its place is looked at, which makes sums of gains unbiased
    (Joachims, Swaminathan, Schnabel 2017); what was not is evidence as far as it was looked at.
    """
    if decisions is None or not decisions.num_rows:
        return None
    fits = pc.and_(
        pc.equal(decisions["feature_set"], signature), pc.equal(pc.binary_length(decisions["features"]), 4 * width)
    )
    table = decisions.filter(pc.fill_null(fits, False)).combine_chunks()
    block = np.frombuffer(b"".join(table["features"].to_pylist()), "<f4").reshape(-1, width).astype(np.float32)
    seen_by_ranker = ~np.isnan(block).all(axis=1)
    table, block = table.filter(pa.array(seen_by_ranker)), block[seen_by_ranker]
    if not table.num_rows:
        return None
    return _examples(table, block, retrieval, seed, threads)


def _examples(table: pa.Table, block: Float32, retrieval: int, seed: int, threads: int) -> Examples | None:
    answer = np.asarray(table["recommendation_id"].combine_chunks().dictionary_encode().indices, np.int64)
    time = np.asarray(table[TIMESTAMP], np.int64)
    order = np.lexsort((-np.nan_to_num(block[:, retrieval], nan=-np.inf), answer, time))
    table, block, answer, time = table.take(pa.array(order)), block[order], answer[order], time[order]
    starts = np.flatnonzero(np.diff(answer, prepend=-1))
    indptr = np.append(starts, len(answer)).astype(np.int64)
    grade = grades(np.asarray(pc.fill_null(table["response"], 0.0), np.float32))
    if len(np.unique(answer[grade > 0])) < ENOUGH:
        return None
    position = np.asarray(pc.fill_null(table["position"], 0), np.int32)
    query = np.repeat(np.arange(len(starts), dtype=np.int32), np.diff(indptr))
    seen = Examination.estimate(block, position, grade > 0, query, seed=seed, threads=threads).at(position)
    return Examples(
        block,
        indptr,
        np.full(len(block), -1, np.int32),
        (grade / seen).astype(np.float32),
        np.where(grade > 0, 1.0, seen).astype(np.float32),
        position,
        time[starts],
        _counts(grade, indptr),
    )


def _counts(grade: Float32, indptr: Int64) -> np.ndarray:
    return np.add.reduceat((grade > 0).astype(np.int32), indptr[:-1]).astype(np.int32)
