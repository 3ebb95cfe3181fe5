"""Splits of a shop's interactions into what may be learned from, what is known when asked, and what is to be found.

A split knows nothing of recipes: it lives with the data, and whatever judges takes it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa

from endcap.errors import DataError, InputError
from endcap.lake.dataset import Dataset, Interactions, Vocabulary
from endcap.seams import rng
from endcap.types import Bool, Int32, Int64


@dataclass(frozen=True)
class Targets:
    """Items to be found, per query: `items[indptr[q]:indptr[q + 1]]`, ascending and distinct (int64 [q + 1], int32)."""

    indptr: Int64
    items: Int32

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def counts(self) -> Int64:
        """int64 [q]: distinct targets of each query."""
        return np.diff(self.indptr)

    @classmethod
    def of(cls, owner: Int32, item: Int32, queries: int) -> Targets:
        """From pairs of query and item, in any order and with repetitions."""
        pairs = np.unique(owner.astype(np.int64) << 32 | item.astype(np.int64))
        counts = np.bincount(pairs >> 32, minlength=queries)
        return cls(np.concatenate(([0], np.cumsum(counts))).astype(np.int64), (pairs & 0xFFFFFFFF).astype(np.int32))


@dataclass(frozen=True)
class Split:
    """What to learn from (`train`), what is known of each one asked about (`inputs`), and what came next (`test`).

    `users` (int32 [q]) are the rows of `inputs` that are judged, `now` (int64 [q]) the moment each is asked at.
    `inputs` and `test` share their users; they share them with `train` too unless the ones asked about are strangers
    to it (sessions). Item rows are those of `train`; rows of `test` from `train.n_items` on are items unknown to
    training: they count as targets, though no recipe can hit them.
    """

    train: Dataset
    inputs: Dataset
    test: Dataset
    users: Int32
    now: Int64

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def targets(self) -> Targets:
        """The distinct test items of each judged user, as CSR."""
        place = np.full(self.inputs.n_users, -1, np.int32)
        place[self.users] = np.arange(len(self.users), dtype=np.int32)
        events = self.test.interactions
        owner = place[events.user]
        judged = owner >= 0
        return Targets.of(owner[judged], events.item[judged], len(self.users))

    @property
    def training_rows(self) -> Int32:
        """int32 [q]: the row of each judged user in `train`, -1 for those it holds nothing of."""
        if self.inputs.users is not self.train.users:
            return np.full(len(self.users), -1, np.int32)
        return np.where(np.diff(self.train.indptr)[self.users] > 0, self.users, -1).astype(np.int32)

    def new_items(self) -> Split:
        """Only targets new to their user: what the inputs hold is no target, users left without one are not judged."""
        return self._keep(~np.isin(_pairs(self.test.interactions), _pairs(self.inputs.interactions)))

    def known_items(self) -> Split:
        """Only targets that training holds an interaction of; users left without one are not judged."""
        taken = np.zeros(self.test.n_items, np.bool_)
        taken[self.train.interactions.item] = True
        return self._keep(taken[self.test.interactions.item])

    def _keep(self, events: Bool) -> Split:
        test = _only(self.test, events)
        has = np.diff(test.indptr)[self.users] > 0
        return replace(self, test=test, users=self.users[has], now=self.now[has])


def temporal(dataset: Dataset, cut: int, *, until: int | None = None, strangers: bool = False) -> Split:
    """Train strictly before `cut` (int64 µs), test from it on (and before `until`); everyone is asked at `cut`.

    Only users with a history are judged, unless `strangers` lets in those whom training never saw. Raises `DataError`
    where either side is empty.
    """
    events = dataset.interactions
    train = dataset.before(cut)
    later = events.time >= cut
    test = dataset.with_interactions(events.take(later if until is None else later & (events.time < until)))
    users = _with_events(test) if strangers else _with_events(train, test)
    if not len(train.interactions) or not len(test.interactions):
        side = "after" if len(train.interactions) else "before"
        raise DataError(f"No interaction lies {side} the cut.", column="timestamp", fix="Choose another cut time.")
    return Split(train, train, test, users, np.full(len(users), cut, np.int64))


def leave_one_out(
    dataset: Dataset,
    *,
    target: Literal["test", "validation"] = "test",
    history: Literal["train", "train+validation"] = "train+validation",
    learn: Literal["train", "train+validation"] = "train",
) -> Split:
    """The last event of each user is the test, the one before it the validation, all else the training.

    `history` says what is known when the test is asked for, `learn` what the recipe may be trained on. Users with
    fewer than three events are trained on and not judged. SASRec's protocol (Kang & McAuley, 2018) is
    history train+validation, learn train.
    """
    age = _from_the_end(dataset)
    long = np.diff(dataset.indptr)[dataset.interactions.user] >= 3
    place = np.where(long, age, 2)
    wanted = 0 if target == "test" else 1
    since = {"train": 2, "train+validation": wanted + 1}
    train = _only(dataset, place >= since[learn])
    inputs = _only(dataset, place >= since[history])
    test = _only(dataset, place == wanted)
    users = _with_events(test)
    return Split(train, inputs, test, users, _just_after(inputs, users))


def per_user(dataset: Dataset, *, test_users: float = 0.1, held_out: float = 0.1, seed: int = 0) -> Split:
    """Personalize's split: a seeded 10 % of users is tested, the others are trained on.

    Of each test user the oldest 90 % of events is the input and the newest 10 % (at least one) the target; users with
    a single event are always trained on. Raises `InputError` for shares outside (0, 1).
    """
    for name, share in (("test_users", test_users), ("held_out", held_out)):
        if not 0 < share < 1:
            raise InputError(f"{name} is {share}, expected a share between 0 and 1.")
    lengths = np.diff(dataset.indptr)
    eligible = np.flatnonzero(lengths >= 2).astype(np.int32)
    if not len(eligible):
        raise DataError("No user has two interactions or more.", column="user_id", fix="Import a longer period.")
    chosen = np.sort(rng(seed).choice(eligible, max(1, round(test_users * len(eligible))), replace=False))
    tested = np.zeros(dataset.n_users, np.bool_)
    tested[chosen] = True
    newest = np.maximum(1, (lengths * held_out).astype(np.int64))
    user = dataset.interactions.user
    target = _from_the_end(dataset) < newest[user]
    inputs = _only(dataset, tested[user] & ~target)
    test = _only(dataset, tested[user] & target)
    return Split(_only(dataset, ~tested[user]), inputs, test, chosen, _just_after(inputs, chosen))


def session_prefixes(train: Dataset, sessions: Dataset) -> Split:
    """Every prefix of every session asks for the event after it: a session of n events gives n - 1 queries.

    `sessions` holds sessions as users and shares `train`'s item vocabulary. Prefixes are the users of `inputs`, named
    `session:length`.
    """
    events, lengths = sessions.interactions, np.diff(sessions.indptr)
    rows = np.arange(len(events))
    position = rows - np.repeat(sessions.indptr[:-1], lengths)
    last = np.flatnonzero(position > 0)
    sizes = position[last]
    starts = last - sizes
    owner = np.repeat(np.arange(len(last), dtype=np.int32), sizes)
    offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    names = sessions.users.ids.take(pa.array(events.user[last])).to_pylist()
    prefixes = Vocabulary.of(pa.array([f"{name}:{size}" for name, size in zip(names, sizes, strict=True)], pa.string()))
    inputs = _renamed(sessions, prefixes, events.take(np.repeat(starts, sizes) + offsets), owner)
    test = _renamed(sessions, prefixes, events.take(last), np.arange(len(last), dtype=np.int32))
    users = np.arange(len(last), dtype=np.int32)
    return Split(train, inputs, test, users, _just_after(inputs, users))


def given(train: Dataset, test: Dataset) -> Split:
    """A split somebody else made: histories are `train`'s, targets all that `test` holds of the users it shares.

    `test` may number its users and items as it likes; items that `train` lacks are numbered after its own. Users
    without a training history are not judged. Everyone is asked just after the last training event.
    """
    own = train.users.rows(test.users.ids)
    rows = train.items.rows(test.items.ids).copy()
    unknown = np.flatnonzero(rows < 0)
    rows[unknown] = train.n_items + np.arange(len(unknown), dtype=np.int32)
    ids = pa.concat_arrays(
        [train.items.ids.cast(pa.string()), test.items.ids.take(pa.array(unknown)).cast(pa.string())]
    )
    shared = test.interactions.take(own[test.interactions.user] >= 0)
    events = replace(shared, user=own[shared.user], item=rows[shared.item])
    order = np.lexsort((events.time, events.user))
    targets = Dataset(train.users, Vocabulary.of(ids), events.take(order), test.event_types, test.time_kind)
    users = _with_events(train, targets)
    return Split(train, train, targets, users, np.full(len(users), train.last_time + 1, np.int64))


def _pairs(events: Interactions) -> Int64:
    return events.user.astype(np.int64) << 32 | events.item.astype(np.int64)


def _only(dataset: Dataset, keep: Bool) -> Dataset:
    return dataset.with_interactions(dataset.interactions.take(keep))


def _with_events(*datasets: Dataset) -> Int32:
    """Users that have events in every one of these datasets."""
    present = np.logical_and.reduce([np.diff(dataset.indptr) > 0 for dataset in datasets])
    return np.flatnonzero(present).astype(np.int32)


def _from_the_end(dataset: Dataset) -> Int64:
    """int64 per event: 0 for its user's newest, 1 for the one before …"""
    return dataset.indptr[1:][dataset.interactions.user] - 1 - np.arange(len(dataset.interactions))


def _just_after(inputs: Dataset, users: Int32) -> Int64:
    last = inputs.indptr[1:][users] - 1
    return inputs.interactions.time[last] + 1


def _renamed(dataset: Dataset, users: Vocabulary, events: Interactions, owner: Int32) -> Dataset:
    return replace(dataset, users=users, interactions=replace(events, user=owner), user_metadata=None)
