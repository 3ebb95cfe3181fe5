"""When shoppers of the past would have been answered, what was known of them then, and what they went on to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.types import DAY, MINUTE, SECOND, Int32, Int64

VISIT_GAP = 30 * MINUTE
"""A shopper who did nothing for longer comes back: another visit."""
PAUSE = SECOND
"""Inside a visit the question is asked this long after the event that it follows, as a page does."""


@dataclass(frozen=True)
class Moments:
    """q questions, in order of time. The history of question i is the rows `first[i]:start[i]` of the interactions,
    all strictly before `time[i]`; what was done from then on, up to where its answer counts, is `start[i]:stop[i]`."""

    user: Int32
    time: Int64
    first: Int64
    start: Int64
    stop: Int64

    def __len__(self) -> int:
        return len(self.user)

    def take(self, keep: np.ndarray) -> Moments:
        """Questions by mask or ascending index."""
        return Moments(self.user[keep], self.time[keep], self.first[keep], self.start[keep], self.stop[keep])

    @classmethod
    def join(cls, first: Moments, second: Moments) -> Moments:
        """Both, in order of time."""
        both = Moments(
            np.concatenate((first.user, second.user)),
            np.concatenate((first.time, second.time)),
            np.concatenate((first.first, second.first)),
            np.concatenate((first.start, second.start)),
            np.concatenate((first.stop, second.stop)),
        )
        return both.take(np.lexsort((both.user, both.time)))

    def rows(self, newest: int | None = None) -> tuple[Int64, Int64]:
        """(indptr int64 [q + 1], rows int64): the histories, of each at most so many of the newest events."""
        first = self.first if newest is None else np.maximum(self.first, self.start - newest)
        return _runs(first, self.start)

    def outcomes(self) -> tuple[Int64, Int64]:
        """(indptr int64 [q + 1], rows int64): what was done."""
        return _runs(self.start, self.stop)

    def queries(self, dataset: Dataset) -> Queries:
        """The questions as a recipe takes them."""
        indptr, rows = self.rows()
        events = dataset.interactions.take(rows)
        nothing = np.full(len(self), -1, np.int32)
        columns = (events.item, events.time, events.event_type, events.weight, events.order)
        return Queries(indptr, *columns, self.time, nothing, self.user)


def at_the_cut(dataset: Dataset, cut: int, until: int, most: int, seed: int = 0) -> Moments:
    """Everyone with a history who came from `cut` until before `until`, asked at the cut for all they did then.

    At most `most` shoppers, a seeded sample above.
    """
    indptr = dataset.indptr
    start, stop = (_rows_until(dataset, moment) for moment in (cut, until))
    users = np.flatnonzero((stop > start) & (start > indptr[:-1]))
    users = _sample(users, most, seed)
    time = np.full(len(users), cut, np.int64)
    return Moments(users.astype(np.int32), time, indptr[users], start[users], stop[users])


def visits(dataset: Dataset, since: int, until: int, most: int, seed: int = 0, counts: int = DAY) -> Moments:
    """Moments from `since` until before `until` at which a shopper came back, or had just done something and went on.

    What was done within `counts` µs is the answer. Events of one moment (a basket) are one answer, never a history of
    each other. At most `most` moments, a seeded sample above.
    """
    events, indptr = dataset.interactions, dataset.indptr
    place = np.arange(len(events))
    fresh = np.ones(len(events), np.bool_)
    fresh[1:] = (np.diff(events.user) != 0) | (np.diff(events.time) != 0)
    came = np.flatnonzero(fresh & (events.time >= since) & (events.time < until))
    came = _sample(came[came > indptr[events.user[came]]], most, seed)
    user, before = events.user[came], events.time[came - 1]
    inside = events.time[came] - before <= VISIT_GAP
    asked = np.where(inside, np.minimum(before + PAUSE, events.time[came]), events.time[came])
    asked = np.maximum(asked, since)
    found = Moments(user, asked, indptr[user], _after(events.user, events.time, user, asked), place[came])
    found = replace(found, stop=_after(events.user, events.time, user, np.minimum(asked + counts, until)))
    return found.take(np.lexsort((found.user, found.time)))


def _rows_until(dataset: Dataset, moment: int) -> Int64:
    """int64 [n_users]: the first row of each user that is not before the moment."""
    earlier = np.bincount(dataset.interactions.user[dataset.interactions.time < moment], minlength=dataset.n_users)
    return np.asarray(dataset.indptr[:-1] + earlier, np.int64)


def _after(users: Int32, times: Int64, user: Int32, moment: Int64) -> Int64:
    """int64 [q]: the first row of each user (in a table sorted by user and time) that is not before its moment."""
    low = np.searchsorted(users, user, "left").astype(np.int64)
    high = np.searchsorted(users, user, "right").astype(np.int64)
    while (open_ := low < high).any():
        middle = (low + high) // 2
        earlier = open_ & (times[np.minimum(middle, len(times) - 1)] < moment)
        low = np.where(earlier, middle + 1, low)
        high = np.where(open_ & ~earlier, middle, high)
    return low


def _runs(first: Int64, stop: Int64) -> tuple[Int64, Int64]:
    lengths = stop - first
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return indptr, np.arange(indptr[-1]) + np.repeat(first - indptr[:-1], lengths)


def _sample(places: np.ndarray, most: int, seed: int) -> np.ndarray:
    if len(places) <= most:
        return places
    return np.sort(rng(seed).choice(places, most, replace=False))
