"""What a recipe is: hyper-parameters and fitted arrays in one dataclass; histories in, scores out.

A recipe writes `_fit` and `score` (or `query_vectors`). Candidate choice, exclusion, padding and top-k are written
once, here, so that every recipe answers in the same way.
"""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self, final

import numpy as np
from numba import njit

from endcap.errors import InputError, StateError, UnknownName
from endcap.lake.dataset import Dataset
from endcap.recipes.queries import Exclusions, Queries
from endcap.recipes.topk import top_k, top_k_inner
from endcap.seams import Progress, no_progress
from endcap.types import Bool, Float32, Int32, Int64, Ranking

SCORES_PER_BATCH = 16_000_000
"""At most this many float32 scores (64 MB) are held at once."""
FEW_ALLOWED = 0.1
"""Below this share of allowed items, exactly those are scored."""


def param(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    search: tuple[float, float] | tuple[str, ...] | None = None,
    log: bool = False,
) -> Any:
    """One hyper-parameter: its default, one line of documentation, its inclusive range or the texts it may be.

    `search` is the narrower range in which a search for better values looks, on a logarithmic scale where `log`, or
    the texts that it tries; without it the hyper-parameter is not searched.
    """
    metadata = {"doc": doc, "low": low, "high": high, "choices": choices, "search": search, "log": log}
    if isinstance(default, (dict, list)):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def fitted() -> Any:
    """One fitted array (NumPy, SciPy CSR, or a recipe): set by `_fit`, saved and loaded by name."""
    return dataclasses.field(init=False, repr=False, compare=False)


@dataclasses.dataclass
class Recipe(ABC):
    """Base of all recipes. Fields made by `param` are the hyper-parameters, fields made by `fitted` the model."""

    title: ClassVar[str] = ""
    """A few words for tables and pages."""
    reason: ClassVar[str] = "Recommended for you"
    """Why an item of this recipe is shown, in words for the shopper."""
    wants_profiles: ClassVar[bool] = False
    """Whether it reads `Queries.profiles`; serving fills them only for recipes that do."""
    wants_context: ClassVar[bool] = False
    """Likewise `Queries.context`."""
    related_to_shopper: ClassVar[bool] = False
    """Whether a question about an item is answered for the one who asks: their history and cart count, too."""

    fits_items_alone: ClassVar[bool] = False
    """Whether it can be fitted where nothing has happened yet: what it says then comes from the items themselves."""

    popularity_: Float32 = fitted()
    """float32 [n]: summed weight of each item in training; orders what the recipe itself cannot score."""

    def __post_init__(self) -> None:
        for field in self.hyper_parameters():
            _check(type(self).__name__, field, getattr(self, field.name))

    @classmethod
    def hyper_parameters(cls) -> tuple[dataclasses.Field[Any], ...]:
        """The fields that are hyper-parameters, in order."""
        return tuple(field for field in dataclasses.fields(cls) if field.init)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """From names and values, values possibly strings (`--set factors=64`). Raises `UnknownName`, `InputError`."""
        known = {field.name: field for field in cls.hyper_parameters()}
        for name in settings:
            if name not in known:
                raise UnknownName(f"hyper-parameter of {cls.__name__}", name, known)
        return cls(**{name: _coerce(known[name], value) for name, value in settings.items()})

    def settings(self) -> dict[str, Any]:
        """Names and values of the hyper-parameters."""
        return {field.name: getattr(self, field.name) for field in self.hyper_parameters()}

    @final
    def fit(self, dataset: Dataset, progress: Progress = no_progress) -> Self:
        """Learn from a dataset and return self. Raises `StateError` where there is nothing to learn from."""
        if not len(dataset.interactions) and not (self.fits_items_alone and dataset.n_items):
            raise StateError("There are no interactions to learn from.", fix="Import some, or widen the date range.")
        self.popularity_ = dataset.popularity()
        self._fit(dataset, progress)
        return self

    @abstractmethod
    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        """Set the fitted arrays."""

    @abstractmethod
    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        """float32 [q, m] scores of `items` (rows; all n when None) for each query, NaN where the recipe cannot tell."""

    @property
    def label(self) -> str:
        """Which number it learns of every event (`lake.labels`), such as the rating; empty: none. What it is fitted to
        then has it in `Interactions.label`."""
        return ""

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: how related every item is to each of `items`; by default, scores asked about that item."""
        return self.score(Queries.about(items))

    def forbidden(self, queries: Queries) -> Bool | None:
        """bool [q, n]: items that must not be shown to each query, not even to fill a short answer; None where there
        are none. `score` gives NaN for them."""
        del queries
        return None

    @property
    def n_items(self) -> int:
        """Number of items the model knows. Raises `StateError` before `fit`."""
        try:
            return len(self.popularity_)
        except AttributeError:
            raise StateError(f"{type(self).__name__} is not fitted yet.", fix="Call fit(dataset) first.") from None

    @final
    def recommend(
        self, queries: Queries, k: int, *, allowed: Bool | None = None, exclude: Exclusions | None = None
    ) -> Ranking:
        """The k best items of each query: no duplicates, descending, never short while k items qualify.

        `allowed` is bool [n], `exclude` bars items per query. What the recipe cannot score follows by popularity (NaN).
        """
        exclude = exclude or Exclusions(np.zeros(len(queries) + 1, np.int64), np.zeros(0, np.int32))
        items, scores = self._choose(queries, k, allowed, exclude)
        order, barred = self._fallback_order(), np.zeros((1, self.n_items), np.bool_)
        if allowed is not None:
            barred[0] = ~allowed
        for start, stop in self._batches(len(queries)):
            # What is short is rare, and what is forbidden has no score: it can only come in by filling.
            is_short = k > 0 and bool((items[start:stop, -1] < 0).any())
            forbidden = self.forbidden(queries.batch(start, stop)) if is_short else None
            indptr = exclude.indptr[start : stop + 1]
            _fill(items[start:stop], order, barred if forbidden is None else barred | forbidden, indptr, exclude.items)
        return Ranking(items, scores)

    @final
    def similar(self, items: Int32, k: int, *, allowed: Bool | None = None) -> Ranking:
        """The k most related items of each of `items` (int32 [m] rows), the item itself left out."""
        items = np.asarray(items, np.int32)
        alone = Exclusions(np.arange(len(items) + 1, dtype=np.int64), items)
        chosen = np.full((len(items), k), -1, np.int32)
        values = np.full((len(items), k), np.nan, np.float32)
        for start, stop in self._batches(len(items)):
            scores = self.similar_scores(items[start:stop])
            chosen[start:stop], values[start:stop] = top_k(scores, k, allowed, alone.indptr[start : stop + 1], items)
        barred = np.zeros((1, self.n_items), np.bool_) if allowed is None else ~allowed[None, :]
        _fill(chosen, self._fallback_order(), barred, alone.indptr, alone.items)
        return Ranking(chosen, values)

    def _choose(self, queries: Queries, k: int, allowed: Bool | None, exclude: Exclusions) -> tuple[Int32, Float32]:
        items = np.full((len(queries), k), -1, np.int32)
        values = np.full((len(queries), k), np.nan, np.float32)
        rows = None
        if allowed is not None and allowed.mean() <= FEW_ALLOWED:
            rows = np.flatnonzero(allowed).astype(np.int32)
        for start, stop in self._batches(len(queries)):
            scores = self.score(queries.batch(start, stop), rows)
            if rows is not None:
                scores = _spread(scores, rows, self.n_items)
            indptr = exclude.indptr[start : stop + 1]
            items[start:stop], values[start:stop] = top_k(scores, k, allowed, indptr, exclude.items)
        return items, values

    def _batches(self, count: int) -> list[tuple[int, int]]:
        size = max(1, SCORES_PER_BATCH // max(self.n_items, 1))
        return [(start, min(start + size, count)) for start in range(0, count, size)]

    def _fallback_order(self) -> Int32:
        return np.argsort(-self.popularity_, kind="stable").astype(np.int32)


@dataclasses.dataclass
class InnerProductRecipe(Recipe):
    """A recipe whose score is `query_vectors(queries) @ item_vectors.T`: servable from a vector index."""

    item_vectors_: Float32 = fitted()
    """float32 [n, d]."""

    @property
    def item_vectors(self) -> Float32:
        """float32 [n, d], C-contiguous."""
        return self.item_vectors_

    @abstractmethod
    def query_vectors(self, queries: Queries) -> Float32:
        """float32 [q, d]; a row of NaN where the recipe cannot tell."""

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        vectors = self.item_vectors_ if items is None else self.item_vectors_[items]
        return self.query_vectors(queries) @ vectors.T

    def similar_scores(self, items: Int32) -> Float32:
        """Cosine of item vectors."""
        norms = np.linalg.norm(self.item_vectors_, axis=1)
        scale = np.where(norms > 0, 1 / np.maximum(norms, 1e-12), np.nan).astype(np.float32)
        return (self.item_vectors_[items] @ self.item_vectors_.T) * scale * scale[items][:, None]

    def _choose(self, queries: Queries, k: int, allowed: Bool | None, exclude: Exclusions) -> tuple[Int32, Float32]:
        if allowed is not None and allowed.mean() <= FEW_ALLOWED:
            return super()._choose(queries, k, allowed, exclude)
        vectors = self.query_vectors(queries)
        return top_k_inner(vectors, self.item_vectors_, k, allowed, exclude.indptr, exclude.items)


def _spread(scores: Float32, rows: Int32, n: int) -> Float32:
    full = np.full((len(scores), n), np.nan, np.float32)
    full[:, rows] = scores
    return full


@njit(cache=True, nogil=True)
def _fill(items: Int32, order: Int32, barred: Bool, indptr: Int64, excluded: Int32) -> None:
    """Complete short rows of `items` in place, in the given order of fallback; `barred` bool [q or 1, n]."""
    q, k = items.shape
    for row in range(q):
        if k == 0 or items[row, k - 1] >= 0:
            continue
        used = barred[min(row, len(barred) - 1)].copy()
        for place in range(indptr[row], indptr[row + 1]):
            used[excluded[place]] = True
        size = 0
        while size < k and items[row, size] >= 0:
            used[items[row, size]] = True
            size += 1
        for item in order:
            if size == k:
                break
            if not used[item]:
                items[row, size] = item
                size += 1


def _check(owner: str, field: dataclasses.Field[Any], value: Any) -> None:
    low, high = field.metadata.get("low"), field.metadata.get("high")
    choices = field.metadata.get("choices", ())
    if choices and value is not None and value not in choices:
        raise InputError(f"{owner}: {field.name} is {value!r}, expected one of {', '.join(choices)}.")
    if value is None or isinstance(value, (str, bool, dict)):
        return
    if (low is not None and value < low) or (high is not None and value > high):
        raise InputError(f"{owner}: {field.name} is {value}, expected {low} … {high}.", fix="Give a value in range.")


def _coerce(field: dataclasses.Field[Any], value: Any) -> Any:
    """A string as the type of the field's annotation: int, float, bool, str, each optionally None; JSON for a dict."""
    if not isinstance(value, str):
        return value
    kinds = str(field.type).replace(" ", "").split("|")
    if value.lower() == "none" and "None" in kinds:
        return None
    if any(kind.startswith("dict") for kind in kinds):
        return _object(field, value)
    for kind, read in (("bool", _boolean), ("int", int), ("float", float)):
        if kind in kinds:
            try:
                return read(value)
            except ValueError:
                raise InputError(f"Hyper-parameter {field.name} was given {value!r}, expected {field.type}.") from None
    return value


def _object(field: dataclasses.Field[Any], text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(
            f"Hyper-parameter {field.name} was given {text[:80]!r}, expected a JSON object.",
            fix=f'Write it so: {field.name}={{"name": value}}.',
        )
    return found


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"
