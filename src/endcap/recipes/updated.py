"""Updated: a model as it was trained, with items that have come since; no weight of it changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset, Vocabulary
from endcap.recipes import create
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.recipes.words import item_words
from endcap.seams import Progress
from endcap.types import Bool, Float32, Float64, Int32

ROWS_AT_ONCE = 2048


@dataclass
class Updated(Recipe):
    """score(i) is the model's own; of an item that came later, the mean of the `kin` items whose texts are most alike.

    Texts are compared as by `content`. A new item without kin has no score and follows by how often it was taken since.
    Trained by itself it is its `base` recipe; `extend` is what an update does.
    """

    title: ClassVar[str] = "Updated"
    reason: ClassVar[str] = "Recommended for you"

    base: str = param("als", "The recipe that was trained.")
    kin: int = param(5, "Items whose scores a new one takes the mean of.", low=1)

    model_: Recipe = fitted()
    """The model, untouched."""
    place_: Int32 = fitted()
    """int32 [n]: the model's row of each item, -1 for those that came later."""
    kin_: sparse.csr_matrix = fitted()
    """float32 [n, rows of the model]: shares of the known items in the score of each new one; known ones have none."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.model_ = create(self.base).fit(dataset, progress)
        self.place_ = np.arange(dataset.n_items, dtype=np.int32)
        self.kin_ = sparse.csr_matrix((dataset.n_items, dataset.n_items), dtype=np.float32)

    @classmethod
    def extend(cls, model: Recipe, base: str, known: Vocabulary, dataset: Dataset, kin: int = 5) -> Self:
        """A trained model (of items `known`) over the items of a newer dataset. An updated one is extended anew."""
        if isinstance(model, Updated):
            rows = np.flatnonzero(model.place_ >= 0)
            rows = rows[np.argsort(model.place_[rows])]
            known, base = Vocabulary(known.ids.take(rows), known.ordinals[rows]), str(model.settings()["base"])
            model = model.model_
        made = cls(base=base, kin=kin)
        made.model_, made.place_ = model, known.rows(dataset.items.ids)
        made.popularity_ = dataset.popularity()
        made.kin_ = _kin(made.place_, len(known), dataset, kin)
        return made

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        scores = self._spread(self.model_.score(self._translated(queries)))
        if (barred := self.forbidden(queries)) is not None:
            scores[barred] = np.nan
        return scores if items is None else scores[:, items]

    def forbidden(self, queries: Queries) -> Bool | None:
        """bool [q, n]: what the model forbids, and where it forbids anything, what it does not know."""
        barred = self.model_.forbidden(self._translated(queries))
        if barred is None:
            return None
        full: Bool = np.repeat(np.asarray(barred.any(axis=1))[:, None], len(self.place_), axis=1)
        known = self.place_ >= 0
        full[:, known] = barred[:, self.place_[known]]
        return full

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: the model's own; about a new item, the mean of what its kin say."""
        place = self.place_[items]
        known = np.flatnonzero(place >= 0)
        found = np.full((len(items), len(self.place_)), np.nan, np.float32)
        if len(known):
            found[known] = self._spread(self.model_.similar_scores(place[known]))
        for row in np.flatnonzero(place < 0):
            own = self.kin_[int(items[row])]
            if own.nnz:
                nearby = self.model_.similar_scores(own.indices.astype(np.int32))
                found[row] = self._spread(_mean(own.data, nearby)[None, :])[0]
        return found

    def chances(self, scores: Float32) -> Float32 | None:
        """The model's own, None where it tells none."""
        told = getattr(self.model_, "chances", None)
        return None if told is None else told(scores)

    def amounts(self, scores: Float32) -> Float32:
        """The model's own, the scores themselves where it tells none."""
        told = getattr(self.model_, "amounts", None)
        return scores if told is None else told(scores)

    def _translated(self, queries: Queries) -> Queries:
        """The questions in the model's rows; what it does not know is left out of histories."""
        place = self.place_[queries.item] if len(queries.item) else queries.item
        keep = place >= 0
        ends = np.concatenate(([0], np.cumsum(keep)))[queries.indptr].astype(np.int64)
        current = np.where(queries.current >= 0, self.place_[np.maximum(queries.current, 0)], -1).astype(np.int32)
        columns = {name: getattr(queries, name)[keep] for name in ("time", "event_type", "weight", "order")}
        return replace(
            queries, indptr=ends, item=place[keep], current=current, lately=self._lately(queries.lately), **columns
        )

    def _lately(self, told: Float64 | None) -> Float64 | None:
        """`Queries.lately` in the model's rows."""
        if told is None:
            return None
        known, found = self.place_ >= 0, np.zeros((2, self.model_.n_items))
        found[:, self.place_[known]] = told[:, known]
        return found

    def _spread(self, scores: Float32) -> Float32:
        """float32 [q, n] from the model's float32 [q, rows]."""
        full = np.full((len(scores), len(self.place_)), np.nan, np.float32)
        known = self.place_ >= 0
        full[:, known] = scores[:, self.place_[known]]
        fresh = np.flatnonzero(np.diff(self.kin_.indptr) > 0)
        if len(fresh):
            kin = self.kin_[fresh]
            scored = ~np.isnan(scores)
            total = (kin @ np.where(scored, scores, 0).T).T
            weight = (kin @ scored.T.astype(np.float32)).T
            full[:, fresh] = np.where(weight > 0, total / np.maximum(weight, 1e-9), np.nan)
        return full


def weights_hash(recipe: Recipe) -> str:
    """SHA-256 (64 hex) of the trained arrays of a model, of those inside an updated one where it is one."""
    from endcap.recipes.artefact import dump  # noqa: PLC0415 - it knows every recipe, this one included

    inner = recipe.model_ if isinstance(recipe, Updated) else recipe
    return hashlib.sha256(dump(inner)[0]).hexdigest()


def _mean(shares: Float32, rows: Float32) -> Float32:
    """float32 [n]: weighted mean of rows, over those that are known."""
    known = ~np.isnan(rows)
    weight = shares @ known
    return np.asarray(np.where(weight > 0, (shares @ np.where(known, rows, 0)) / np.maximum(weight, 1e-9), np.nan))


def _kin(place: Int32, rows: int, dataset: Dataset, most: int) -> sparse.csr_matrix:
    """float32 [n, rows]: for each item unknown to the model, the `most` known ones nearest in words, summing to 1."""
    fresh, known = np.flatnonzero(place < 0), np.flatnonzero(place >= 0)
    words = item_words(dataset.item_metadata, dataset.n_items)
    near: list[tuple[Int32, Int32, Float32]] = []
    for start in range(0, len(fresh), ROWS_AT_ONCE):
        asked = fresh[start : start + ROWS_AT_ONCE]
        found = (words[asked] @ words[known].T).tocsr()
        for row, item in enumerate(asked):
            low, high = found.indptr[row], found.indptr[row + 1]
            best = np.argsort(-found.data[low:high], kind="stable")[:most] + low
            shares = found.data[best] / max(float(found.data[best].sum()), 1e-12)
            near.append((np.full(len(best), item, np.int32), place[known[found.indices[best]]], shares))
    if not near:
        return sparse.csr_matrix((len(place), rows), dtype=np.float32)
    owner, column, share = (np.concatenate(parts) for parts in zip(*near, strict=True))
    return sparse.csr_matrix((share.astype(np.float32), (owner, column)), shape=(len(place), rows))
