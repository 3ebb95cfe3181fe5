"""The protocols of histories: what is learned from, what is asked, what counts as found, and what may not be shown.

Anything with `recommend(queries, k, allowed=None, exclude=None)` can be judged.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import DataError, InputError, SchemaError, UnknownName
from endcap.evaluation.tables import PREFIX, table_of
from endcap.lake.dataset import Dataset, Interactions, Vocabulary
from endcap.lake.splits import Split, given, leave_one_out
from endcap.recipes.queries import Exclusions, Queries
from endcap.seams import Progress, no_progress
from endcap.types import EVENT_TYPE, ITEM_ID, POSITION, SESSION_ID, TIMESTAMP, USER_ID, WEIGHT, Bool, Int32, Ranking

ProtocolName = Literal["top-n", "next-item", "sessions", "baskets"]
QUERIES_PER_BATCH = 2048


class Recommender(Protocol):
    """What is judged: `Recipe` is one, so is anything else that ranks model rows."""

    def recommend(
        self, queries: Queries, k: int, *, allowed: Bool | None = None, exclude: Exclusions | None = None
    ) -> Ranking: ...


@dataclass(frozen=True)
class Task:
    """One protocol applied to one pair of tables.

    `split` gives the headline numbers; `variants` the same targets with other histories, by name. `notes` say in words
    what was left out and why.
    """

    protocol: ProtocolName
    split: Split
    mask_history: bool
    variants: dict[str, Split]
    notes: tuple[str, ...]


def task(protocol: str, train: Any, test: Any = None, *, keep_seen: bool = False) -> Task:
    """The task of a protocol by name. Raises `UnknownName`, and `InputError` kinds for tables that do not fit."""
    if protocol not in get_args(ProtocolName):
        raise UnknownName("protocol", protocol, get_args(ProtocolName))
    if protocol == "baskets":
        raise InputError("Baskets are asked about items.", fix="evaluation.baskets makes the questions.")
    if protocol == "sessions":
        return sessions(train, test)
    return (top_n if protocol == "top-n" else next_item)(train, test, keep_seen)


def top_n(train: Any, test: Any, keep_seen: bool = False) -> Task:
    """Every user with a training history and a target: which of the whole catalogue do they take later?

    Unless `keep_seen`, items of the user's training history are neither shown nor targets ("items new to the
    shopper"). Items that training never saw are no targets: the floors of the field are counted so. Users without a
    training history, or without a target left, are not judged.
    """
    learned = _dataset(train, "training")
    asked = _dataset(_required(test, "top-n"), "test")
    whole = _shared(given(learned, asked), learned, asked)
    split = whole.known_items()
    if not len(split):
        raise DataError("No item of the test data is known to training.", column=ITEM_ID, fix="Check the item ids.")
    notes = _about_strangers(learned, asked) + _about_left_out(whole, split)
    if not keep_seen:
        before = len(split)
        split = split.new_items()
        if before > len(split):
            notes += (f"{before - len(split):,} users took nothing that was new to them and are not judged.",)
        if not len(split):
            raise DataError("No user takes an item that is new to them.", fix="Judge with --keep-seen.")
    return Task("top-n", split, not keep_seen, {}, notes)


def next_item(train: Any, test: Any = None, keep_seen: bool = False) -> Task:
    """The next item of each user; what the history holds is not shown unless `keep_seen`.

    Without `test` the last item of each user is the test and the one before it the validation. The headline learns
    from and asks with train + validation; the variants "train" (neither uses the validation) and "train, asked with
    validation" (learns from train, asks with both, as sequence models are judged) tell the histories apart.
    """
    learned = _dataset(train, "training")
    if learned.time_kind == "none":
        raise SchemaError("The training data has no order.", column=TIMESTAMP, fix=f"Add {TIMESTAMP} or {POSITION}.")
    if test is not None:
        asked = _dataset(test, "test")
        split = _shared(given(learned, asked), learned, asked)
        notes = _about_strangers(learned, asked) + _about_unknown(split)
        return Task("next-item", split, not keep_seen, {}, notes)
    split = leave_one_out(learned, learn="train+validation")
    if not len(split):
        raise DataError("No user has three interactions or more.", fix="Give --test, or longer histories.")
    plain = leave_one_out(learned, history="train")
    variants = {
        "train": plain,
        "train, asked with validation": replace(leave_one_out(learned), train=plain.train),
    }
    short = int((np.diff(learned.indptr) > 0).sum()) - len(split)
    notes = (f"{short:,} users with fewer than three interactions are learned from, not judged.",) if short else ()
    return Task("next-item", split, not keep_seen, variants, notes)


def sessions(train: Any, test: Any) -> Task:
    """Anonymous sessions: each test row is a prefix (list of items, oldest first) and the item that follows it.

    Nothing is left out of the answer; sessions of the training are strangers to those of the test. Without timestamps
    training sessions are taken to be in order of time as the table has them.
    """
    table = table_of(train, (SESSION_ID, ITEM_ID, POSITION), (TIMESTAMP, EVENT_TYPE, WEIGHT), what="training")
    if TIMESTAMP in table.column_names:
        order = [(TIMESTAMP, "ascending"), (POSITION, "ascending")]
        table = table.take(pc.sort_indices(table, sort_keys=order)).drop_columns([POSITION])
    learned = Dataset.from_table(table.rename_columns({SESSION_ID: USER_ID}))
    asked = table_of(_required(test, "sessions"), (PREFIX, "target"), what="test")
    split = _prefixes(learned, asked[PREFIX].combine_chunks(), asked["target"].combine_chunks())
    empty = int((np.diff(split.inputs.indptr) == 0).sum())
    notes = (f"{empty:,} prefixes hold no item known to training and are asked without one.",) if empty else ()
    return Task("sessions", split, False, {}, (*notes, *_about_unknown(split)))


def rank(
    judged: Recommender,
    split: Split,
    k: int,
    *,
    mask_history: bool,
    progress: Progress = no_progress,
    label: str = "Scoring",
) -> Int32:
    """int32 [q, k]: what is recommended to each judged user, asked in batches so that memory stays bounded."""
    top = np.full((len(split), k), -1, np.int32)
    with progress(label, len(split), "users") as tick:
        for start in range(0, len(split), QUERIES_PER_BATCH):
            stop = min(start + QUERIES_PER_BATCH, len(split))
            queries = ask(split, start, stop)
            exclude = queries.seen() if mask_history else None
            top[start:stop] = judged.recommend(queries, k, exclude=exclude).items
            tick(stop - start)
    return top


def timed_rank(
    judged: Recommender, split: Split, k: int, *, mask_history: bool, progress: Progress = no_progress, label: str
) -> tuple[Int32, float]:
    """`rank` and the seconds it took; one query goes before, so that compiling kernels is no part of the rate."""
    rank(judged, replace(split, users=split.users[:1], now=split.now[:1]), k, mask_history=mask_history)
    start = time.perf_counter()
    top = rank(judged, split, k, mask_history=mask_history, progress=progress, label=label)
    return top, time.perf_counter() - start


def ask(split: Split, start: int, stop: int) -> Queries:
    """The queries of judged users start … stop - 1 of a split."""
    histories = Queries.histories(split.inputs, split.users[start:stop])
    return replace(histories, now=split.now[start:stop], user=split.training_rows[start:stop])


def _required(test: Any, protocol: str) -> Any:
    if test is None:
        raise InputError(f"The protocol {protocol} needs test data.", fix="Give --test.")
    return test


def _dataset(source: Any, what: str) -> Dataset:
    if isinstance(source, Dataset):
        if not len(source.interactions):
            raise DataError(f"The {what} data has no rows.", fix="Check the split that made it.")
        return source
    table = table_of(source, (USER_ID, ITEM_ID), (TIMESTAMP, POSITION, EVENT_TYPE, WEIGHT, "order_id"), what=what)
    return Dataset.from_table(table)


def _shared(split: Split, train: Dataset, test: Dataset) -> Split:
    if not len(split):
        examples = f"{train.users.ids[0].as_py()!r} and {test.users.ids[0].as_py()!r}"
        raise DataError(
            "No user of the test data has a training history.",
            column=USER_ID,
            fix=f"Check that both use the same ids (the first ones are {examples}).",
        )
    return split


def _about_strangers(train: Dataset, test: Dataset) -> tuple[str, ...]:
    active = np.flatnonzero(np.diff(test.indptr) > 0).astype(np.int32)
    known = train.users.rows(test.users.ids.take(pa.array(active)))
    trained = np.append(np.diff(train.indptr) > 0, False)[known]  # -1 takes the appended False
    strangers = len(active) - int(trained.sum())
    if not strangers:
        return ()
    return (f"{strangers:,} of {len(active):,} test users have no training history and are not judged.",)


def _about_unknown(split: Split) -> tuple[str, ...]:
    items = split.targets.items
    unknown = int((items >= split.train.n_items).sum())
    if not unknown:
        return ()
    return (f"{unknown:,} of {len(items):,} targets are items unknown to training: targets that nobody can hit.",)


def _about_left_out(whole: Split, known: Split) -> tuple[str, ...]:
    lost = len(whole.targets.items) - len(known.targets.items)
    if not lost:
        return ()
    users = len(whole) - len(known)
    return (f"{lost:,} targets are items unknown to training and left out, and with them {users:,} users.",)


def _prefixes(train: Dataset, prefix: pa.Array, target: pa.Array) -> Split:
    q = len(target)
    lengths = pc.fill_null(pc.list_value_length(prefix), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    flat = train.items.rows(pc.list_flatten(prefix))
    owner = np.repeat(np.arange(q, dtype=np.int32), lengths)
    place = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    known = flat >= 0
    row = train.items.rows(target).copy()
    fresh = target.filter(pa.array(row < 0)).dictionary_encode()
    row[row < 0] = train.n_items + fresh.indices.to_numpy()
    users = Vocabulary.of(pa.array(np.arange(q)).cast(pa.string()))
    items = Vocabulary.of(pa.concat_arrays([train.items.ids, fresh.dictionary]))
    when = train.last_time + 1
    timed = train.time_kind == "micros"
    inputs = _events(owner[known], flat[known], np.full(int(known.sum()), when) if timed else place[known])
    following = _events(np.arange(q, dtype=np.int32), row, np.full(q, when) if timed else lengths)
    now = np.full(q, when, np.int64) if timed else lengths + 1
    asked = replace(train, users=users, interactions=inputs, user_metadata=None)
    found = Dataset(users, items, following, time_kind=train.time_kind)
    return Split(train, asked, found, np.arange(q, dtype=np.int32), now)


def _events(user: Int32, item: Int32, time: np.ndarray) -> Interactions:
    m = len(user)
    return Interactions(
        user, item, time.astype(np.int64), np.zeros(m, np.int16), np.ones(m, np.float32), np.full(m, -1, np.int64)
    )
