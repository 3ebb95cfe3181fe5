"""Examples from history: cuts in time are gone back to, and what shoppers then took is the lesson.

Nothing of what came after a question is known to it: the retrieval learned from before the cut, the features are
folded up to the very moment, by the same class that serves. Item metadata are as they are today: the lake keeps no
older ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from endcap.features.shop import ShopFeatures
from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Exclusions, Queries
from endcap.recipes.ranker_examples import Examples, grades
from endcap.recipes.ranker_moments import Moments, at_the_cut, visits
from endcap.seams import Progress
from endcap.stream.histories import CAP, Past, is_purchase
from endcap.types import DAY, Float32, Int32, Int64

MOST_SPAN = 0.5
"""At most this share of the history's time is gone back to."""
QUERIES = 1024
"""Questions whose features are told at once."""


@dataclass(frozen=True)
class Plan:
    """Which moments are replayed: at most `cuts` of `days` each before the end, the newest ones that hold `enough`
    questions; of each cut at most `most` asked at the cut and as many asked when shoppers came back, with `depth`
    candidates each. Every `filtered`-th question is asked again as behind a filter on what was bought; 0: none."""

    cuts: int = 6
    days: float = 28.0
    most: int = 1500
    enough: int = 8000
    depth: int = 100
    filtered: int = 0
    seed: int = 0

    def edges(self, dataset: Dataset) -> list[int]:
        """Start of each cut in µs, and the end of the last; empty where the history has no times."""
        if dataset.time_kind != "micros" or not len(dataset.interactions):
            return []
        end = dataset.last_time + 1
        span = end - int(dataset.interactions.time.min())
        step = min(int(self.days * DAY), int(span * MOST_SPAN) // self.cuts)
        return [end - step * left for left in range(self.cuts, -1, -1)] if step > 0 else []

    def moments(self, dataset: Dataset) -> list[tuple[int, Moments]]:
        """(cut, what is asked from it on until the next), oldest first, at least two where there are as many."""
        found: list[tuple[int, Moments]] = []
        for number, (cut, until) in enumerate(list(pairwise(self.edges(dataset)))[::-1]):
            seed = self.seed + number
            asked = Moments.join(
                at_the_cut(dataset, cut, until, self.most, seed), visits(dataset, cut, until, self.most, seed)
            )
            if len(asked):
                found.append((cut, asked))
            if len(found) > 1 and sum(len(each) for _, each in found) >= self.enough:
                break
        return found[::-1]


class Replay:
    """A shop whose features are asked for as of moments of its history, rising ones."""

    def __init__(self, dataset: Dataset, since: int) -> None:
        """What the features learn of the shop itself (how often items are bought again) is of before `since` (µs);
        what they count is of before each moment: see `ShopFeatures.values`."""
        self.dataset, self.features = dataset, ShopFeatures.of(dataset, until=since)

    def examples(self, retrieval: Recipe, moments: Moments, depth: int, *, only_new: bool = False) -> Examples:
        """What the retrieval would have offered at these moments, with labels.

        `only_new`: as behind a filter that takes out what the shopper bought before.
        """
        queries = moments.queries(self.dataset)
        item, score, indptr = offered(retrieval, queries, depth, self._bought(queries) if only_new else None)
        past, now = _past(self.dataset, moments), moments.time
        width = len(self.features.names)
        block = np.empty((len(item), width), np.float32)
        for low in range(0, len(moments), QUERIES):
            high = min(low + QUERIES, len(moments))
            rows, ends = slice(indptr[low], indptr[high]), indptr[low : high + 1] - indptr[low]
            asked = past.take(np.arange(low, high, dtype=np.int32))
            self.features.values(asked, now[low:high], item[rows], ends, score[rows], out=block[rows])
        gain, wanted = labels(self.dataset, moments, item, indptr)
        ones = np.ones(len(item), np.float32)
        return Examples(block, indptr, item, gain, ones, np.zeros(len(item), np.int32), now, wanted)

    def _bought(self, queries: Queries) -> Exclusions:
        """Purchases of each history."""
        kept = is_purchase(self.dataset.event_types)[queries.event_type]
        ends = np.concatenate(([0], np.cumsum(kept)))[queries.indptr].astype(np.int64)
        return Exclusions(ends, queries.item[kept])


def before(dataset: Dataset, moment: int) -> Dataset:
    """The dataset without anything from `moment` on, events that recipes do not learn from among it."""
    aside = dataset.left_out
    kept = None if aside is None else aside.take(aside.time < moment)
    return replace(dataset.before(moment), left_out=kept, snapshot="")


def replay(dataset: Dataset, make: Callable[[], Recipe], plan: Plan, progress: Progress) -> list[Examples]:
    """Examples of each cut, oldest first. `make` gives an unfitted retrieval; it is fitted on what was before a cut."""
    found, moments = [], plan.moments(dataset)
    if not moments:
        return []
    shop = Replay(dataset, moments[0][0])
    with progress("Replaying history", total=len(moments), unit="cuts") as tick:
        for cut, asked in moments:
            retrieval = make().fit(before(dataset, cut))
            parts = [shop.examples(retrieval, asked, plan.depth)]
            if plan.filtered:
                some = asked.take(np.arange(0, len(asked), plan.filtered))
                parts.append(shop.examples(retrieval, some, plan.depth, only_new=True))
            found.append(Examples.join(parts))
            tick(1)
    return found


def offered(
    retrieval: Recipe, queries: Queries, depth: int, exclude: Exclusions | None = None
) -> tuple[Int32, Float32, Int64]:
    """(items int32 [m], scores float32 [m], indptr int64 [q + 1]): what the retrieval gives a score, best first."""
    ranking = retrieval.recommend(queries, min(depth, retrieval.n_items), exclude=exclude)
    scored = ~np.isnan(ranking.scores)
    indptr = np.concatenate(([0], np.cumsum(scored.sum(axis=1)))).astype(np.int64)
    return ranking.items[scored], ranking.scores[scored], indptr


def past_of(queries: Queries) -> Past:
    """Histories as serving holds them: of each the newest `CAP` events."""
    ends = queries.indptr[1:]
    first = np.maximum(queries.indptr[:-1], ends - CAP)
    indptr = np.concatenate(([0], np.cumsum(ends - first))).astype(np.int64)
    rows = np.arange(indptr[-1]) + np.repeat(first - indptr[:-1], ends - first)
    columns = (queries.item, queries.time, queries.event_type, queries.weight, queries.order)
    return Past(indptr, *(column[rows] for column in columns))


def _past(dataset: Dataset, moments: Moments) -> Past:
    indptr, rows = moments.rows(CAP)
    events = dataset.interactions.take(rows)
    return Past(indptr, events.item, events.time, events.event_type, events.weight, events.order)


def labels(dataset: Dataset, moments: Moments, item: Int32, indptr: Int64) -> tuple[Float32, Int32]:
    """(gain float32 [m] of the candidates, int32 [q] distinct items acted on); events of weight 0 do not count."""
    ends, rows = moments.outcomes()
    events, n = dataset.interactions, dataset.n_items
    owner = np.repeat(np.arange(len(moments)), np.diff(ends))
    done, place = np.unique(owner * np.int64(n) + events.item[rows], return_inverse=True)
    best = np.zeros(len(done), np.float32)
    np.maximum.at(best, place, grades(events.weight[rows]))
    asked = np.repeat(np.arange(len(moments)), np.diff(indptr)) * np.int64(n) + item
    at = np.minimum(np.searchsorted(done, asked), max(len(done) - 1, 0))
    hit = done[at] == asked if len(done) else np.zeros(len(asked), np.bool_)
    gain = np.where(hit, best[at] if len(done) else 0.0, 0.0)
    return gain.astype(np.float32), np.bincount(done[best > 0] // n, minlength=len(moments)).astype(np.int32)
