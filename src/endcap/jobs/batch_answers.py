"""Lines of a batch inference job, answered many at a time with what a campaign would have said.

The same model, histories, temperature, ladder and moment as `serving`, without promotions and live events; new items
are explored where the job asks for it. Each thread multiplies and chooses for its own shoppers. Models in two stages
go through the request path itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from endcap.errors import InputError
from endcap.jobs.batch_lines import failed, read_question
from endcap.recipes.base import InnerProductRecipe
from endcap.recipes.queries import Queries
from endcap.serving.calibration import probabilities
from endcap.serving.exploration import explore
from endcap.serving.influence import influenced
from endcap.serving.kernels import best, log_total, take
from endcap.serving.recommend import answer
from endcap.serving.slate import Request, Slate
from endcap.serving.snapshot import Snapshot
from endcap.types import Bool, Float32, Int32

SCORES = 16_000_000
"""float32 scores held at once by all threads together, 64 MB, where a recipe's scores are no inner products."""
TOGETHER = 128
"""Shoppers whose scores one thread holds."""
RANKED_TOGETHER = 32
"""Shoppers whose candidates are ranked in one block."""
EMPTY = b'{"recommendedItems":[],"scores":[]}'
_DIGITS = 10

Sieve = Callable[["Asked"], "Bool | None"]
"""The items that may be shown for one question, bool [ordinals]; None is all of them. Raises `InputError`."""


class Asked(msgspec.Struct, rename="camel"):
    """One line."""

    user_id: str | None = None
    item_id: str | None = None
    item_list: list[str] | None = None
    filter_values: dict[str, str] | None = None


class Answered(msgspec.Struct, rename="camel", omit_defaults=True):
    """Items, best first; `scores` are probabilities, 0 where the model has none, and absent for related items."""

    recommended_items: list[str]
    scores: list[float] | None = None


Finish = Callable[[Asked, list[str], "list[float] | None"], Any]
"""What a line is answered with, given its items and their scores."""


def plainly(asked: Asked, items: list[str], scores: list[float] | None) -> Answered:
    """The items and their scores."""
    del asked
    return Answered(items, scores)


@dataclass(slots=True)
class _Question:
    """One line on its way."""

    place: int
    asked: Asked
    allowed: Bool | None = None
    ordinals: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    ranked: list[str] = field(default_factory=list)
    """The given items in order; they need not be known, so they have no ordinals."""


class Answers:
    """Answers to lines, from one model version. `form` is the recipe's type, which says what a line must hold."""

    def __init__(
        self,
        snapshot: Snapshot,
        k: int,
        *,
        form: str = "USER_PERSONALIZATION",
        sieve: Sieve | None = None,
        threads: int = 1,
        asked_at: int = 0,
    ) -> None:
        """`snapshot` holds one model and how it is to answer; `asked_at` is the moment of asking, in microseconds."""
        (model,) = snapshot.models.values()
        self._snapshot, self._model, self._k, self._form, self._sieve = snapshot, model, k, form, sieve
        self._threads = max(1, threads)
        self._pool, self._rooms = ThreadPoolExecutor(self._threads), threading.local()
        self._now = snapshot.moment(asked_at)
        config = snapshot.deployment.config
        self._influenced = bool(config.popularity or config.freshness)
        self.finish: Finish = plainly
        self._read = msgspec.json.Decoder(Asked)
        self._write = msgspec.json.Encoder()
        self._unlisted: Bool = ~model.state.listed
        self._filtered: tuple[Bool | None, Float32] = (None, np.zeros(0, np.float32))
        self.failed = 0
        """Lines that were bad."""

    def answer(self, lines: Sequence[bytes]) -> list[bytes]:
        """One line for each, in order."""
        answers: list[bytes] = [b""] * len(lines)
        questions = []
        for place, line in enumerate(lines):
            try:
                asked = self._parse(line)
                questions.append(_Question(place, asked, self._sieve(asked) if self._sieve else None))
            except InputError as error:
                answers[place] = failed(line, error.message, EMPTY)
                self.failed += 1
        related = [each for each in questions if self._is_related(each.asked)]
        others = [each for each in questions if not self._is_related(each.asked)]
        for group in _blocks(related, self._rows_at_once()):
            self._relate(group)
        if self._model.ranker is not None or self._model.forbids:
            self._serve(others, lines)
            return self._finished(questions, related, lines, answers)
        size = TOGETHER * self._threads if isinstance(self._model.recipe, InnerProductRecipe) else self._rows_at_once()
        for group in _blocks(others, size):
            self._personalise(group)
        return self._finished(questions, questions, lines, answers)

    def _finished(
        self,
        questions: Sequence[_Question],
        plain: Sequence[_Question],
        lines: Sequence[bytes],
        answers: list[bytes],
    ) -> list[bytes]:
        """The lines; `plain` are those questions whose answers new items have had no chance in yet."""
        if self._snapshot.exploration:
            for each in plain:
                if each.asked.item_list is None:
                    self._explore(each, lines[each.place])
        for each in questions:
            answers[each.place] = self._told(lines[each.place], each)
        return answers

    def _serve(self, questions: Sequence[_Question], lines: Sequence[bytes]) -> None:
        """Models in two stages, or with rules, answer as they do online, step by step; chance is made from the line."""

        def share(part: Sequence[_Question]) -> None:
            slates = answer([self._slate(each, lines[each.place]) for each in part])
            for each, slate in zip(part, slates, strict=True):
                each.ordinals, each.ranked = slate.ordinals, slate.items
                each.shares = np.round([score or 0.0 for score in slate.scores], _DIGITS).tolist()

        list(self._pool.map(share, _blocks(questions, RANKED_TOGETHER)))

    def _slate(self, question: _Question, line: bytes) -> Slate:
        asked = question.asked
        request = Request(
            self._k,
            asked.user_id or "",
            asked.item_id or "",
            tuple(asked.item_list) if asked.item_list is not None else None,
            allowed=question.allowed,
            asked=self._now,
        )
        return Slate(self._snapshot, request, blake2b(line, digest_size=8).hexdigest())

    def _parse(self, line: bytes) -> Asked:
        """Raises `InputError` in words for whoever wrote the line."""
        asked = read_question(self._read, line)
        if self._form == "RELATED_ITEMS" and not asked.item_id:
            raise InputError("itemId is missing or empty.")
        if self._form != "RELATED_ITEMS" and not asked.user_id:
            raise InputError("userId is missing or empty.")
        if self._form == "PERSONALIZED_RANKING" and not asked.item_list:
            raise InputError("itemList is missing or empty.")
        if asked.item_list is not None and len(asked.item_list) > 500:
            raise InputError(f"itemList holds {len(asked.item_list)} items, at most 500 are allowed.")
        return asked

    def _is_related(self, asked: Asked) -> bool:
        return self._form == "RELATED_ITEMS" and self._model.personal and asked.item_list is None

    def _rows_at_once(self) -> int:
        return max(1, SCORES // max(1, len(self._model.ordinals)))

    def _told(self, line: bytes, question: _Question) -> bytes:
        names = self._model.state.catalogue.names(np.array(question.ordinals, np.int64)) if question.ordinals else []
        scores = None if self._is_related(question.asked) else question.shares
        if question.asked.item_list is not None:
            names = question.ranked
        output = self._write.encode(self.finish(question.asked, names, scores))
        return b'{"input":' + line + b',"output":' + output + b',"error":null}'

    def _relate(self, questions: Sequence[_Question]) -> None:
        state, model = self._model.state, self._model
        ordinals = state.ordinals([str(each.asked.item_id) for each in questions])
        rows = model.rows_of(ordinals)
        known = np.flatnonzero(rows >= 0)
        scores = np.array(model.recipe.similar_scores(rows[known].astype(np.int32)), np.float32)
        for at, place in enumerate(known.tolist()):
            scores[at, rows[place]] = np.nan
        np.copyto(scores, np.float32(-np.inf), where=np.isnan(scores))
        self._each(known.tolist(), lambda at, place: self._choose(questions[place], scores[at], counts=False))
        for place, each in enumerate(questions):
            self._complete(each, (int(ordinals[place]),) if ordinals[place] >= 0 else ())

    def _personalise(self, questions: Sequence[_Question]) -> None:
        model, histories = self._model, self._model.state.histories
        rows = histories.users.find_all([each.asked.user_id or "" for each in questions])
        queries = model.with_profiles(model.queries(histories.past.take(rows), self._now), rows)
        told = model.told(queries) if model.personal else np.ones(len(questions), np.bool_)
        asked = np.flatnonzero(told).tolist()
        if isinstance(model.recipe, InnerProductRecipe):
            self._multiply(questions, queries, asked, model.recipe)
        elif asked:
            scores = model.scores(queries)
            self._each(asked, lambda _, place: self._settle(questions[place], scores[place]))
        for place, each in enumerate(questions):
            if each.asked.item_list is not None and not told[place]:
                self._settle(each, np.full(len(model.ordinals), -np.inf, np.float32))
            elif each.asked.item_list is None:
                self._complete(each, ())

    def _multiply(
        self, questions: Sequence[_Question], queries: Queries, asked: list[int], recipe: InnerProductRecipe
    ) -> None:
        """Inner products, a share of the shoppers in each thread: the product, then the choice while it is warm."""
        vectors = np.ascontiguousarray(recipe.query_vectors(queries), np.float32)
        items = recipe.item_vectors.T

        def share(places: list[int]) -> None:
            chosen = vectors[places]
            scores = np.matmul(chosen, items, out=self._room(len(places)))
            scores[np.isnan(chosen[:, 0])] = -np.inf  # a shopper of whom the recipe cannot tell
            for row, place in enumerate(places):
                self._settle(questions[place], scores[row])

        list(self._pool.map(share, _blocks(asked, TOGETHER)))

    def _room(self, rows: int) -> Float32:
        """Memory for float32 [rows, n] scores, kept by each thread: fresh pages cost as much as the product."""
        held: Float32 | None = getattr(self._rooms, "held", None)
        if held is None:
            held = self._rooms.held = np.empty((TOGETHER, len(self._model.ordinals)), np.float32)
        return held[:rows]

    def _each(self, places: list[int], work: Callable[[int, int], None]) -> None:
        def share(first: int) -> None:
            for at in range(first, len(places), self._threads):
                work(at, places[at])

        list(self._pool.map(share, range(self._threads)))

    def _settle(self, question: _Question, scores: Float32) -> None:
        if question.asked.item_list is not None:
            self._rank(question, scores)
        else:
            self._choose(question, scores, counts=self._model.personal)

    def _choose(self, question: _Question, scores: Float32, *, counts: bool) -> None:
        """The k best of float32 [n] scores, which are changed; `counts` says whether they become probabilities."""
        model = self._model
        if len(model.withheld):
            scores[model.withheld] = -np.inf
        if self._influenced:
            scores = influenced(self._snapshot, model, scores, self._now)
        total = log_total(scores, model.temperature) if counts else 0.0
        if question.allowed is not None:
            scores += self._penalty(question.allowed)
        rows = best(scores, self._k)
        question.ordinals = model.ordinals[rows].tolist()
        shares = probabilities(total, scores[rows], model.temperature) if counts else np.zeros(len(rows))
        question.shares = np.round(shares, _DIGITS).tolist()

    def _penalty(self, allowed: Bool) -> Float32:
        """float32 [n]: 0 for what may be shown, else -inf; made once for a filter that is the same for all."""
        known, penalty = self._filtered
        if known is not allowed:
            penalty = np.where(allowed[self._model.ordinals], np.float32(0), np.float32(-np.inf))
            self._filtered = allowed, penalty
        return penalty

    def _complete(self, question: _Question, barred: Sequence[int]) -> None:
        """Where fewer than k were found: what rises, what sells, then the catalogue, under the same filter."""
        if len(question.ordinals) >= self._k:
            return
        state, hidden = self._model.state, self._unlisted.copy()
        hidden[question.ordinals] = True
        hidden[list(barred)] = True
        if question.allowed is not None:
            hidden |= ~question.allowed[: len(hidden)]
        for order in (state.trending, state.popular, np.arange(len(hidden), dtype=np.int32)):
            found: Int32 = take(order, hidden, self._k - len(question.ordinals))
            question.ordinals += found.tolist()
        question.shares += [0.0] * (len(question.ordinals) - len(question.shares))

    def _explore(self, question: _Question, line: bytes) -> None:
        """Chance is made from the line, so that a job that is done again says the same."""
        state = self._model.state
        slate = Slate(self._snapshot, Request(k=self._k), blake2b(line, digest_size=8).hexdigest())
        slate.now, slate.size, slate.allowed = self._now, len(state.catalogue), question.allowed
        if question.asked.item_id and (current := state.ordinal(question.asked.item_id)) >= 0:
            slate.barred = np.array([current], np.int32)
        slate.ordinals, slate.scores = question.ordinals, list(question.shares)
        slate.rungs = ["personal"] * len(question.ordinals)
        explore(slate)
        question.ordinals, question.shares = slate.ordinals, [score or 0.0 for score in slate.scores]

    def _rank(self, question: _Question, scores: Float32) -> None:
        """The given items in order: those the model scores, the shop's popular ones, then what nobody knows."""
        names = list(dict.fromkeys(question.asked.item_list or ()))
        state, model = self._model.state, self._model
        ordinals = state.ordinals(names)
        if self._influenced:
            scores = influenced(self._snapshot, model, scores, self._now)
        if question.allowed is not None:
            kept = (ordinals >= 0) & question.allowed[np.maximum(ordinals, 0)]
            names, ordinals = [name for name, keep in zip(names, kept, strict=True) if keep], ordinals[kept]
        rows = model.rows_of(ordinals)
        own = np.where(rows >= 0, scores[rows], np.float32(-np.inf)).astype(np.float32)
        scored = np.isfinite(own)
        shares = np.zeros(len(names))
        if scored.any():
            shares = np.where(scored, probabilities(log_total(own, model.temperature), own, model.temperature), 0.0)
        place_of = {} if scored.all() else {int(ordinal): at for at, ordinal in enumerate(state.popular)}
        last = len(place_of)
        order = sorted(
            range(len(names)), key=lambda at: (-own[at], ordinals[at] < 0, place_of.get(int(ordinals[at]), last), at)
        )
        question.ranked = [names[at] for at in order]
        question.shares = np.round(shares[order], _DIGITS).tolist()


def _blocks(things: Sequence[Any], size: int) -> Iterable[Any]:
    return [things[start : start + size] for start in range(0, len(things), size)]
