"""The words of texts and of what is searched for, made alike; and an index of them by BM25, as data."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.recipes.item_facts import BRANDS, NAMES, texts
from endcap.types import ITEM_ID, Float32, Int32

SEARCH = "search"
"""The member of a question's context that holds the words searched for."""
SHORTEST_PREFIX, MOST_ENDINGS = 3, 20
"""A word that is not in the index stands for those that begin with it: of at least so many letters, the most common."""
NOT_SEARCHED = frozenset({ITEM_ID, "image_url", "url", "creation_timestamp"})
_WORD = re.compile(r"\w+")
_STOP = frozenset(
    ("a", "an", "and", "as", "at", "be", "by", "for", "from", "in", "is", "it", "of", "on", "or", "the", "to", "with")
)


def search_words(text: str) -> list[str]:
    """Lower-case words without the commonest, plurals without their ending (Harman 1991, the S stemmer)."""
    return [_singular(word) for word in _WORD.findall(text.lower()) if word not in _STOP]


def asked_words(context: Sequence[Mapping[str, str]], q: int) -> list[list[str]]:
    """The words that each of q questions searches for; empty where it searches for nothing."""
    return [search_words(each.get(SEARCH, "")) for each in context] if context else [[] for _ in range(q)]


def documents(metadata: pa.Table | None, ids: pa.Array, name_weight: int, brand_weight: int) -> list[list[str]]:
    """The words of each item: its texts, those of its name and brand or maker as many times as said, and its id."""
    lines: list[list[str]] = [search_words(str(name)) for name in ids.to_pylist()]
    for column, values in texts(metadata).items():
        if column in NOT_SEARCHED:
            continue
        times = name_weight if column in NAMES else brand_weight if column in BRANDS else 1
        for line, text in zip(lines, values, strict=True):
            line.extend(search_words(text) * times)
    return lines


@dataclass(frozen=True)
class WordIndex:
    """`weights` float32 csr [words, n]: what a word adds to an item's relevance; `names` are the words, sorted."""

    names: tuple[str, ...]
    weights: sparse.csr_matrix

    @classmethod
    def of(cls, lines: Sequence[Sequence[str]], k1: float, b: float) -> WordIndex:
        """By bm25s, its Lucene variant: idf · tf / (tf + k1 · (1 - b + b · length / mean length)), idf = log(1 + (n -
        df + ½) / (df + ½)) (Robertson and Zaragoza 2009; Kamphuis et al. 2020)."""
        import bm25s  # noqa: PLC0415 - only training needs it

        names = sorted({word for line in lines for word in line})
        if not names:  # nothing of any item is a word: bm25s has no mean length then
            return cls((), sparse.csr_matrix((0, len(lines)), dtype=np.float32))
        numbers = {word: number for number, word in enumerate(names)}
        retriever = bm25s.BM25(method="lucene", k1=k1, b=b, dtype="float32", backend="numpy")
        retriever.index(([[numbers[word] for word in line] for line in lines], numbers), show_progress=False)
        held = retriever.scores
        parts = (np.asarray(held["data"], np.float32), np.asarray(held["indices"], np.int32), held["indptr"])
        # bm25s keeps a column of items for each word: read as rows, that is words by items. It may add an empty word.
        whole = sparse.csr_matrix(parts, shape=(len(held["indptr"]) - 1, len(lines)))
        return cls(tuple(names), whole[: len(names)].tocsr())

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Row of each word."""
        return {name: number for number, name in enumerate(self.names)}

    def relevance(self, asked: Sequence[Sequence[str]]) -> sparse.csr_matrix:
        """float32 [q, n]: summed weights of each question's words."""
        rows: list[int] = []
        words: list[int] = []
        values: list[float] = []
        for row, each in enumerate(asked):
            for word in dict.fromkeys(each):
                found = self._rows(word)
                rows += [row] * len(found)
                words += found
                values += [1.0] * len(found)
        place = (np.array(values, np.float32), (np.array(rows, np.int64), np.array(words, np.int64)))
        return (sparse.csr_matrix(place, shape=(len(asked), len(self.names))) @ self.weights).tocsr()

    def _rows(self, word: str) -> list[int]:
        if word in self.numbers:
            return [self.numbers[word]]
        if len(word) < SHORTEST_PREFIX:
            return []
        low = bisect_left(self.names, word)
        high = bisect_left(self.names, word + "\U0010ffff")
        spread = np.diff(self.weights.indptr)[low:high]
        return [low + int(place) for place in np.argsort(-spread, kind="stable")[:MOST_ENDINGS]]

    def of_items(self, items: Int32) -> Float32:
        """float32 [m, n]: relevance of every item to the words of each of `items`."""
        has = self.weights[:, items].T.tocsr()
        has.data[:] = 1.0
        lengths = np.maximum(np.diff(has.indptr), 1)
        found: Float32 = (sparse.diags(1.0 / lengths) @ has @ self.weights).toarray().astype(np.float32)
        return found


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("es") and word[-3] not in "aeo":
        return word[:-1]
    if len(word) > 3 and word.endswith("s") and word[-2] not in "us":
        return word[:-1]
    return word
