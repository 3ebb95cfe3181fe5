"""What the texts of items say: tf-idf of words and of short texts as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.recipes.item_facts import NAMES
from endcap.types import ITEM_ID, Float32, Float64

LONGEST_CATEGORY = 60
"""Texts up to this long also count as a whole: as the name of a category, a brand, a genre."""
LETTERS = 4
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Words:
    """`matrix` float32 csr [n, words], rows of length 1 (or 0 without texts), of the words `names` with their
    `rarity` float64."""

    matrix: sparse.csr_matrix
    names: tuple[str, ...]
    rarity: Float64

    @classmethod
    def of(
        cls,
        metadata: pa.Table | None,
        n_items: int,
        split: Callable[[str, str | None], list[str]] | None = None,
    ) -> Words:
        """Of all text columns (Salton and Buckley 1988), `split` into words by `words_of` unless said otherwise. What
        only one item says is left out: it makes nothing similar. Words are numbered in order of appearance."""
        split = split or words_of
        texts = [] if metadata is None else [name for name in metadata.column_names if name != ITEM_ID]
        rows: list[int] = []
        codes: list[int] = []
        numbers: dict[str, int] = {}
        for name in texts:
            assert metadata is not None
            if not pa.types.is_string(metadata[name].type) and not pa.types.is_large_string(metadata[name].type):
                continue
            for row, text in enumerate(metadata[name].to_pylist()):
                for word in split(name, text):
                    rows.append(row)
                    codes.append(numbers.setdefault(word, len(numbers)))
        shape = (n_items, max(len(numbers), 1))
        counts = sparse.csr_matrix((np.ones(len(rows)), (rows, codes)), shape=shape)
        counts.sum_duplicates()
        spread = np.bincount(counts.indices, minlength=shape[1])
        shared = spread > 1
        counts = counts[:, shared].tocsr()
        if not counts.nnz:
            return cls(sparse.csr_matrix((n_items, 1), dtype=np.float32), (), np.zeros(0))
        rarity = np.log(n_items / spread[shared]) + 1e-6
        counts.data = weights(counts.data, rarity[counts.indices])
        lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(1)).ravel())
        matrix = (sparse.diags(1 / np.maximum(lengths, 1e-12)) @ counts).tocsr().astype(np.float32)
        return cls(matrix, tuple(name for name, kept in zip(numbers, shared.tolist(), strict=False) if kept), rarity)


def item_words(metadata: pa.Table | None, n_items: int) -> sparse.csr_matrix:
    """float32 [n_items, words]: tf-idf of the words and short texts in all text columns, rows of length 1 (or 0)."""
    return Words.of(metadata, n_items).matrix


def weights(counts: Float64 | Float32, rarity: Float64) -> Float64:
    """Tf-idf of words that occur so often in an item."""
    return np.asarray((1 + np.log(counts)) * rarity, np.float64)


def letters_of(column: str, text: str | None) -> list[str]:
    """The runs of `LETTERS` letters of a name, across its words: what spelling and number cannot hide."""
    if not text or column not in NAMES:
        return []
    whole = f" {' '.join(_WORD.findall(text.lower()))} "
    return [whole[start : start + LETTERS] for start in range(len(whole) - LETTERS + 1)]


def words_of(column: str, text: str | None) -> list[str]:
    """The words of a text, and the text itself with its column where it is short; of several joined by `|` each."""
    if not text:
        return []
    found = _WORD.findall(text.lower())
    if len(text) <= LONGEST_CATEGORY:
        found += [f"{column}={part.strip().lower()}" for part in text.split("|") if part.strip()]
    return found
