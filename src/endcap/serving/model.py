"""A loaded model version made ready to answer: its rows tied to the shop's ordinals, its scores made probabilities."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from endcap.errors import ArtefactError, StateError
from endcap.features.kinds import KIND_NAMES
from endcap.recipes import RECIPES, recipe_class
from endcap.recipes.base import InnerProductRecipe, Recipe
from endcap.recipes.knowledge_faults import Unread
from endcap.recipes.queries import Queries
from endcap.recipes.vector_index import VectorIndex
from endcap.registry.versions import Model
from endcap.serving.calibration import spread, temperature_of
from endcap.serving.kernels import inner_products, withhold, withhold_in_order
from endcap.serving.lately import Lately, OfNow
from endcap.serving.profiles import table_of
from endcap.serving.shop import ShopState
from endcap.stream.histories import Past
from endcap.types import USER_ID, Bool, Float32, Int16, Int32, Int64

COMPUTE = threading.Lock()
"""Held while a recipe computes: a version is warmed while requests are answered, and numba's work queue, its threading
layer of last resort, aborts the process when two threads use it at once."""
INDEXED = 100_000
"""Above so many items those of inner products are searched by an index, and probabilities are estimated."""
SAMPLED = 64
"""Histories looked at when a model is loaded."""


@runtime_checkable
class Ranker(Protocol):
    """The second stage of a recipe: what `recipes.ranked` has."""

    inner: Recipe
    """What retrieves."""
    depth: int
    """How many candidates are ranked."""
    signature: str
    """Of the features that it reads: `ShopFeatures.signature`."""
    feature_names: tuple[str, ...]

    def rank(self, block: Float32) -> Float32:
        """float32 [m], higher is better, of float32 [m, features] in `ShopFeatures.names`' order."""

    def propensities(self, scores: Float32) -> Float32:
        """float32 [m]: what `rank` said as probabilities that the item is taken; NaN where it has not learned."""

    def contributions(self, block: Float32) -> Float32:
        """float32 [m, features]: what each feature adds to the score."""


@runtime_checkable
class Reader(Protocol):
    """A recipe whose rules read what shoppers answered: what `recipes.knowledge` has."""

    def unread(self, queries: Queries) -> list[tuple[Unread, ...]]:
        """For each query the answers that are there and that cannot be read."""


@dataclass(frozen=True)
class ServedModel:
    """One version, pinned to one `ShopState`.

    `given` int32 [n] are the ordinals that the version was stored with and `event_types` those it knows, `ordinals`
    int32 [n] is the catalogue place of each model row, `rows` int32 [ordinals + 1] the way back (-1 where
    the item is newer than the version, and in the last place, which stands for all that the state does not know),
    `codes` int16 the model's code of each event type of the histories, likewise, `withheld` int32 the rows
    whose items are not in the catalogue, `scales` what an event of each of `event_types` counts to the version beside
    what it counts by default (`Dataset.scales`). `personal` is False where answers do not depend on the history, and
    `general` True where they tell something about somebody without one.
    `temperature` turns scores into probabilities (see `calibration`). Of a recipe in two stages everything here is the
    first stage's, which retrieves; `ranker` is the second, None where there is but one.
    """

    version: str
    state: ShopState
    recipe: Recipe
    recipe_name: str
    given: Int32
    event_types: tuple[str, ...]
    ordinals: Int32
    rows: Int32
    codes: Int16
    withheld: Int32
    personal: bool = True
    general: bool = False
    temperature: float = 1.0
    scales: tuple[float, ...] = ()
    index: VectorIndex | None = field(default=None, repr=False)
    """Over the retriever's item vectors, where there are so many that not all are looked at."""

    @classmethod
    def of(cls, model: Model, state: ShopState) -> ServedModel:
        """Tie a model to a shop's state, and compile and warm everything that a request will run."""
        ordinals = model.items.ordinals
        if len(ordinals) != model.recipe.n_items or (len(ordinals) and int(ordinals.min()) < 0):
            raise ArtefactError(f"Version {model.version.id} has items without a place in the catalogue.")
        tied = cls._tied(model.version.id, model.recipe, model.version.recipe, ordinals, model.event_types, state)
        return replace(tied, scales=model.scales)._examined()

    @classmethod
    def of_actions(cls, model: Model, state: ShopState) -> ServedModel:
        """The same of a version whose items are actions: they are found by their ids, there being no catalogue."""
        ordinals = state.ordinals([str(name) for name in model.items.ids.to_pylist()])
        # What has gone is placed beyond the state's own, and so withheld.
        ordinals = np.where(ordinals < 0, len(state.catalogue), ordinals).astype(np.int32)
        tied = cls._tied(model.version.id, model.recipe, model.version.recipe, ordinals, model.event_types, state)
        nobody, queries = tied._sampled()
        return replace(tied, personal=tied._tells_apart(nobody, queries), general=True)

    def on(self, state: ShopState) -> ServedModel:
        """The same version tied to a later state; what was found out about it is kept."""
        tied = self._tied(self.version, self.recipe, self.recipe_name, self.given, self.event_types, state)
        kept = {name: getattr(self, name) for name in ("personal", "general", "temperature", "scales", "index")}
        return replace(tied, **kept)

    @classmethod
    def _tied(
        cls, version: str, recipe: Recipe, name: str, given: Int32, event_types: tuple[str, ...], state: ShopState
    ) -> ServedModel:
        size = len(state.catalogue)
        # A version may be newer than the state: what the state does not hold yet is withheld, in the place of item 0.
        there = given < size
        rows = np.full(size + 1, -1, np.int32)
        rows[given[there]] = np.flatnonzero(there).astype(np.int32)
        listed = np.zeros(max(size, 1), np.bool_)
        listed[:size] = state.listed
        ordinals = np.where(there, given, 0).astype(np.int32)
        known = {kind: code for code, kind in enumerate(event_types)}
        # Codes beyond the histories' own stand for kinds of events that the shop did not have so far.
        codes = np.array([known.get(kind, -1) for kind in state.histories.event_types], np.int16)
        codes = np.concatenate((codes, np.full(len(KIND_NAMES) + 1, -1, np.int16)))
        withheld = np.flatnonzero(~there | ~listed[ordinals]).astype(np.int32)
        return cls(version, state, recipe, name, given, event_types, ordinals, rows, codes, withheld)

    def _examined(self) -> ServedModel:
        """With `personal`, `general` and `temperature` found by asking about a fixed sample of histories."""
        nobody, queries = self._sampled()
        personal = self._tells_apart(nobody, queries)
        temperature = temperature_of(self.scores, queries) if personal else spread(nobody)
        if self.ranker is not None:  # its kernels and trees are there before the first request asks for them
            block = np.full((1, len(self.ranker.feature_names)), np.nan, np.float32)
            self.ranker.propensities(self.ranker.rank(block))
            self.ranker.contributions(block)
        index = None
        if personal and isinstance(self.retriever, InnerProductRecipe) and len(self.given) > INDEXED:
            index = VectorIndex.build(self.retriever.item_vectors, self.vectors(queries))
        return replace(self, personal=personal, general=not personal, temperature=temperature, index=index)

    def _sampled(self) -> tuple[Float32, Queries]:
        """(the scores of nobody, queries with histories)."""
        histories = self.state.histories
        held, now = len(histories), histories.last_time + 1
        sample = np.unique(np.linspace(0, held - 1, min(held, SAMPLED)).astype(np.int32))
        nobody = self.scores(self.queries(histories.past.take(np.full(1, -1, np.int32)), now)).copy()
        return nobody, self.with_profiles(self.queries(histories.past.take(sample), now), sample)

    def _tells_apart(self, nobody: Float32, queries: Queries) -> bool:
        if self.wants_profiles or self.wants_context:  # of the sampled nothing may be known that it goes by
            return True
        return any(not np.array_equal(self.scores(queries.batch(row, row + 1)), nobody) for row in range(len(queries)))

    @cached_property
    def retriever(self) -> Recipe:
        """The recipe that is asked for candidates."""
        return self.recipe if self.ranker is None else self.ranker.inner

    @cached_property
    def ranker(self) -> Ranker | None:
        """The recipe that orders them, where it is another."""
        return self.recipe if isinstance(self.recipe, Ranker) else None

    @cached_property
    def wants_profiles(self) -> bool:
        """Whether it is to be told what is known of the shoppers."""
        return _wants(self.retriever, "wants_profiles")

    @cached_property
    def wants_context(self) -> bool:
        """Whether it is to be told of the moment of asking."""
        return _wants(self.retriever, "wants_context")

    @cached_property
    def lately(self) -> Lately | None:
        """What happened lately, for a recipe that asks; None for another."""
        recipe = _of_now(self.retriever)
        if recipe is None:
            return None
        learned = np.append(recipe.learned_, False)[self.codes]
        if not recipe.learned_.any():  # it was made before anything happened
            learned = np.ones(len(self.codes), np.bool_)
        worth = learned * (self._scale[self.codes] if self.scales else np.float32(1))
        return Lately(recipe, len(self.given), self.rows, worth, self.state.histories.past)

    @cached_property
    def forbids(self) -> bool:
        """Whether it may forbid items to a shopper: `Recipe.forbidden`."""
        return _forbids(self.retriever)

    def unread(self, queries: Queries) -> list[tuple[Unread, ...]]:
        """For each query the answers that are there and that rules of the model cannot read."""
        found: list[tuple[Unread, ...]] = [()] * len(queries)
        for reader in self._readers:
            found = [had + more for had, more in zip(found, reader.unread(queries), strict=True)]
        return found

    @cached_property
    def _readers(self) -> list[Reader]:
        return [each for each in _all_of(self.retriever) if isinstance(each, Reader)]

    @cached_property
    def _scale(self) -> Float32:
        """float32: `scales`, and once for the code -1."""
        return np.array([*self.scales, 1.0], np.float32)

    @cached_property
    def put_items(self) -> dict[str, Any]:
        """What `obeying` keeps of items that were put."""
        return {}

    @cached_property
    def unit_vectors(self) -> Float32 | None:
        """float32 [n, d]: the retriever's item vectors, each of length 1; None where it has none."""
        if not isinstance(self.retriever, InnerProductRecipe):
            return None
        vectors = self.retriever.item_vectors
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Float32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        return unit

    @cached_property
    def in_order(self) -> bool:
        """Whether the rows are the first ordinals, in their order."""
        return bool(np.array_equal(self.ordinals, np.arange(len(self.ordinals))))

    def withhold(self, scores: Float32, allowed: Bool) -> int:
        """Take the score of every row whose item is not allowed, in place; how many are left with one."""
        if self.in_order:
            return int(withhold_in_order(scores, allowed))
        return int(withhold(scores, self.ordinals, allowed))

    def rows_of(self, ordinals: Int32) -> Int32:
        """int32 rows of any ordinals, -1 where the version does not know the item."""
        last = len(self.rows) - 1
        found: Int32 = self.rows[np.where(ordinals < last, ordinals, -1)]
        return found

    def queries(self, past: Past, now: int | Int64, current: Int32 | None = None) -> Queries:
        """Histories as a question to this model: in its rows and codes, items that it does not know left out.

        `past` may hold items that the state does not know, and -1 for types; `now` is one moment, or int64 [q].
        """
        q = len(past.indptr) - 1
        item = self.rows_of(past.item)
        indptr, time, types, weight, order = (
            past.indptr,
            past.time,
            self.codes[past.event_type],
            past.weight,
            past.order,
        )
        if self.scales:
            weight = weight * self._scale[types]
        if len(item) and int(item.min()) < 0:
            kept = item >= 0
            indptr = np.concatenate(([0], np.cumsum(kept)))[indptr]
            item, time, types, weight, order = item[kept], time[kept], types[kept], weight[kept], order[kept]
        currents = np.full(q, -1, np.int32) if current is None else current
        moments = np.full(q, now, np.int64) if isinstance(now, int) else now
        return Queries(indptr, item, time, types, weight, order, moments, currents, np.full(q, -1, np.int32))

    def with_profiles(self, queries: Queries, rows: Int32) -> Queries:
        """With what the state holds of the shoppers in these rows (-1: nobody), where the model wants it."""
        if not self.wants_profiles:
            return queries
        users, names = self.state.users, self.state.histories.users
        known = [{**users.row(row), USER_ID: names.name(row)} if row >= 0 else {} for row in rows.tolist()]
        return replace(queries, profiles=table_of(known))

    def told(self, queries: Queries) -> Bool:
        """bool [q]: whether a question tells anything that the model goes by: a history, an item that is looked at,
        what is known of the shopper beside their id, or of the moment."""
        found: Bool = (np.diff(queries.indptr) > 0) | (queries.current >= 0)
        if self.wants_context and queries.context:
            found = found | np.array([bool(each) for each in queries.context], np.bool_)
        if self.wants_profiles and queries.profiles is not None:
            for name in queries.profiles.column_names:
                if name != USER_ID:
                    found = found | queries.profiles[name].is_valid().to_numpy()
        return found

    def scores(self, queries: Queries) -> Float32:
        """float32 [q, n] of all rows, C-contiguous, to be written on; -inf where the recipe cannot tell.

        Holds until this thread asks again.
        """
        if isinstance(self.retriever, InnerProductRecipe):
            vectors = self.vectors(queries)
            scores = inner_products(vectors, self.retriever.item_vectors)
            # A row that the recipe cannot tell is NaN throughout.
            for row in np.flatnonzero(np.isnan(vectors[:, 0])).tolist():
                scores[row] = -np.inf
            return scores
        with COMPUTE:
            return _told(self.retriever.score(queries))

    def vectors(self, queries: Queries) -> Float32:
        """float32 [q, d], C-contiguous: the query vectors of a recipe of inner products; a row of NaN where it cannot
        tell. Raises `StateError` for another recipe."""
        if not isinstance(self.retriever, InnerProductRecipe):
            raise StateError(f"Version {self.version} does not score by inner products.", fix="Ask for its scores.")
        with COMPUTE:
            return np.ascontiguousarray(self.retriever.query_vectors(queries), np.float32)

    def scores_of(self, queries: Queries, rows: Int32) -> Float32:
        """float32 [q, m] of these rows only, -inf where the recipe cannot tell."""
        with COMPUTE:
            return _told(self.retriever.score(queries, rows))

    def related(self, row: int) -> Float32:
        """float32 [n]: how related every row is to one; -inf where the recipe cannot tell, and for the row itself."""
        with COMPUTE:
            scores: Float32 = _told(self.retriever.similar_scores(np.array([row], np.int32)))[0]
        scores[row] = -np.inf
        return scores

    def sources(self, queries: Queries, rows: Int32) -> Mapping[str, Float32]:
        """What each part of a mixed recipe adds to the scores of these rows; empty where the recipe has no parts."""
        parts = getattr(self.retriever, "parts", None)
        if parts is None:
            return {}
        with COMPUTE:
            told: Mapping[str, Float32] = parts(queries, rows)
        return told

    def reason_of(self, source: str) -> str:
        """Why an item is shown that this part of a mixed recipe put there, in words."""
        part = getattr(self.retriever, "sources_", {}).get(source)
        if part is not None:
            return str(part.reason)
        words = getattr(self.retriever, "reasons", {}).get(source)
        if words is not None:
            return str(words)
        return recipe_class(source).reason if source in RECIPES else self.retriever.reason


def _wants(recipe: Recipe, what: str) -> bool:
    """Whether a recipe, or one of those that it is made of, says that it wants profiles or context."""
    return bool(getattr(recipe, what)) or any(_wants(each, what) for each in _inside(recipe))


def _of_now(recipe: Recipe) -> OfNow | None:
    """A recipe, or the one of those it is made of, that asks what happened lately."""
    if isinstance(recipe, OfNow):
        return recipe
    return next((found for each in _inside(recipe) if (found := _of_now(each)) is not None), None)


def _forbids(recipe: Recipe) -> bool:
    """Whether a recipe forbids items; one that is made of others does where one of them does."""
    inside = _inside(recipe)
    overrides = type(recipe).forbidden is not Recipe.forbidden
    return overrides and (not inside or any(_forbids(each) for each in inside))


def _all_of(recipe: Recipe) -> list[Recipe]:
    """The recipe and all that it is made of."""
    return [recipe, *(each for part in _inside(recipe) for each in _all_of(part))]


def _inside(recipe: Recipe) -> list[Recipe]:
    """The recipes that one is made of."""
    held = [getattr(recipe, part.name) for part in fields(recipe) if not part.init]
    inside = [each for part in held for each in (part.values() if isinstance(part, dict) else (part,))]
    return [each for each in inside if isinstance(each, Recipe)]


def _told(scores: Float32) -> Float32:
    told: Float32 = np.array(scores, np.float32, order="C", copy=True)
    np.copyto(told, np.float32(-np.inf), where=np.isnan(told))
    return told
