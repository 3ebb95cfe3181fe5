"""Searches made of what was bought: words of an item's own name or category, asked by the one who bought it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.item_facts import LEAVES, NAMES, texts
from endcap.recipes.queries import Queries
from endcap.recipes.search_words import SEARCH, search_words
from endcap.seams import rng
from endcap.types import DAY, Int32

MOST_WORDS = 2
"""A search is made of one or two words of the text it is drawn from."""


@dataclass(frozen=True)
class Searches:
    """q purchases of the end of the training data: `queries` with histories of before and the words in their context,
    `target` int32 [q] the item that was bought."""

    earlier: Dataset
    queries: Queries
    target: Int32

    def strangers(self) -> Queries:
        """The same searches by somebody nothing is known of."""
        nobody = Queries.about(np.full(len(self.target), -1, np.int32))
        return replace(nobody, now=self.queries.now, context=self.queries.context)


def searches(dataset: Dataset, days: float, most: int, seed: int) -> Searches | None:
    """Of the last `days` (at most a fifth of the time), at most `most` events, drawn at random: what was looked at was
    found, too, and where views are recorded weights fitted on purchases alone found less (docs/log.md).

    None where there are no times or no texts, or nothing then bought was known before.
    """
    if dataset.time_kind != "micros" or not texts(dataset.item_metadata, (*NAMES, *LEAVES)):
        return None
    events = dataset.interactions
    now = dataset.last_time + 1
    now -= min(int(days * DAY), (now - int(events.time.min())) // 5)
    earlier = dataset.with_interactions(events.take(events.time < now))
    later = np.flatnonzero((events.time >= now) & (earlier.popularity()[events.item] > 0))
    draws = rng(seed)
    later = np.sort(draws.choice(later, most, replace=False)) if len(later) > most else later
    words = search_texts(dataset, events.item[later], draws)
    told = np.array([bool(each) for each in words], np.bool_)
    if not told.any():
        return None
    held = Queries.histories(earlier, events.user[later][told], now=now)
    context = tuple({SEARCH: each} for each in words if each)
    return Searches(earlier, replace(held, context=context), events.item[later][told].astype(np.int32))


def search_texts(dataset: Dataset, items: Int32, draws: np.random.Generator) -> list[str]:
    """What somebody who means each of `items` might search for: one or two words, next to each other, of its name or,
    as often, of its finest category; empty where it has neither."""
    columns = texts(dataset.item_metadata, (*NAMES, *LEAVES))
    names = [columns[name] for name in NAMES if name in columns]
    kinds = [columns[name] for name in LEAVES if name in columns]
    made = []
    for item in items.tolist():
        texts_of = [next((values[item] for values in group if values[item]), "") for group in (names, kinds)]
        said = [words for words in map(search_words, texts_of) if words]
        if not said:
            made.append("")
            continue
        words = said[int(draws.integers(len(said)))]
        size = min(int(draws.integers(1, MOST_WORDS + 1)), len(words))
        start = int(draws.integers(len(words) - size + 1))
        made.append(" ".join(words[start : start + size]))
    return made
