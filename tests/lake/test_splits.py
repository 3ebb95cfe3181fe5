"""Splits never leak: targets come after inputs, nothing is lost, the same seed splits alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import DataError, InputError
from endcap.lake import splits
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, Targets
from endcap.testing.datasets import START, checkerboard, random_shop
from endcap.types import DAY

seeds = st.integers(0, 10_000)
few = settings(max_examples=25, deadline=None)


def shop(seed: int) -> Dataset:
    return random_shop(seed, users=12, items=9, events=90)


def events(*parts: Dataset) -> list[tuple[int, int, int]]:
    rows = [part.interactions for part in parts]
    return sorted(
        (u, i, t) for r in rows for u, i, t in zip(r.user.tolist(), r.item.tolist(), r.time.tolist(), strict=True)
    )


def assert_no_leak(split: Split) -> None:
    for user in split.users:
        known = split.inputs.interactions.time[split.inputs.interactions.user == user]
        asked = split.test.interactions.time[split.test.interactions.user == user]
        assert len(asked) and known.max(initial=-1) <= asked.min()
    assert (np.diff(split.test.indptr)[split.users] > 0).all()
    assert len(split.targets) == len(split.users) == len(split.now)
    for place, user in enumerate(split.users):
        items = split.test.interactions.item[split.test.interactions.user == user]
        found = split.targets.items[split.targets.indptr[place] : split.targets.indptr[place + 1]]
        assert found.tolist() == sorted(set(items.tolist()))


@given(seeds)
@few
def test_temporal(seed: int) -> None:
    data = shop(seed)
    cut = START + 60 * DAY
    split = splits.temporal(data, cut)
    assert_no_leak(split)
    assert events(split.train, split.test) == events(data)
    assert split.train.interactions.time.max() < cut <= split.test.interactions.time.min()
    assert (split.training_rows == split.users).all() and (split.now == cut).all()
    everyone = splits.temporal(data, cut, strangers=True)
    assert set(split.users) <= set(everyone.users)
    assert set(everyone.users) == set(split.test.interactions.user)


@given(seeds, st.sampled_from(["test", "validation"]), st.sampled_from(["train", "train+validation"]))
@few
def test_leave_one_out(seed: int, target: str, history: str) -> None:
    data = shop(seed)
    split = splits.leave_one_out(data, target=target, history=history)  # type: ignore[arg-type]
    assert_no_leak(split)
    lengths = np.diff(data.indptr)
    assert split.users.tolist() == np.flatnonzero(lengths >= 3).tolist()
    assert (split.targets.counts == 1).all()
    assert (np.diff(split.train.indptr) == np.where(lengths >= 3, lengths - 2, lengths)).all()
    held = {"test": 1, "validation": 2}[target]
    back = max(held, {"train": 2, "train+validation": held}[history])
    assert (np.diff(split.inputs.indptr)[split.users] == lengths[split.users] - back).all()
    whole = splits.leave_one_out(data)
    middle = splits.leave_one_out(data, target="validation")
    assert events(whole.train, middle.test, whole.test) == events(data)


@given(seeds, st.sampled_from([0.1, 0.5]))
@few
def test_per_user(seed: int, share: float) -> None:
    data = shop(seed)
    split = splits.per_user(data, test_users=share, seed=seed)
    assert_no_leak(split)
    assert events(split.train, split.inputs, split.test) == events(data)
    assert not set(split.train.interactions.user) & set(split.users)
    lengths = np.diff(data.indptr)[split.users]
    assert (np.diff(split.test.indptr)[split.users] == np.maximum(1, lengths // 10)).all()
    assert len(split) == max(1, round(share * int((np.diff(data.indptr) >= 2).sum())))
    assert (split.training_rows == -1).all()
    again = splits.per_user(data, test_users=share, seed=seed)
    assert again.users.tolist() == split.users.tolist()


def test_seeds_choose_other_users() -> None:
    data = random_shop(1, users=200, events=2000)
    chosen = {tuple(splits.per_user(data, seed=seed).users) for seed in range(4)}
    assert len(chosen) == 4


@given(seeds)
@few
def test_every_prefix_asks_for_what_follows(seed: int) -> None:
    data = shop(seed)
    split = splits.session_prefixes(data, data)
    assert_no_leak(split)
    lengths = np.diff(data.indptr)
    assert len(split) == int(np.maximum(lengths - 1, 0).sum())
    assert (split.training_rows == -1).all()
    for place in range(0, len(split), 5):
        session, size = split.inputs.users.names(np.array([place], np.int32))[0].rsplit(":", 1)
        row = int(data.users.rows([session])[0])
        own = data.interactions.item[data.indptr[row] : data.indptr[row + 1]]
        known = split.inputs.interactions.item[split.inputs.indptr[place] : split.inputs.indptr[place + 1]]
        assert known.tolist() == own[: int(size)].tolist()
        assert split.targets.items[place] == own[int(size)]


def table(users: list[str], items: list[str]) -> Dataset:
    return Dataset.from_table(pa.table({"user_id": users, "item_id": items}))


def test_given_maps_both_sides_to_the_rows_of_training() -> None:
    train = table(["a", "a", "b", "c"], ["x", "y", "y", "z"])
    test = table(["c", "b", "stranger", "b", "b"], ["new", "x", "x", "y", "newer"])
    split = splits.given(train, test)
    assert split.inputs.users.names(split.users) == ["b", "c"]
    rows = [split.targets.items[split.targets.indptr[q] : split.targets.indptr[q + 1]].tolist() for q in range(2)]
    names = [set(split.test.items.names(np.array(row, np.int32))) for row in rows]
    assert names == [{"x", "y", "newer"}, {"new"}]
    assert (split.targets.items >= train.n_items).sum() == 2
    new = split.new_items()
    assert new.targets.counts.tolist() == [2, 1]
    known = split.known_items()
    assert known.users.tolist() == split.users[:1].tolist() and known.targets.counts.tolist() == [2]


def test_targets_are_distinct_and_sorted() -> None:
    targets = Targets.of(np.array([2, 0, 2, 2], np.int32), np.array([5, 1, 3, 5], np.int32), 3)
    assert targets.indptr.tolist() == [0, 1, 1, 3] and targets.items.tolist() == [1, 3, 5]


def test_a_cut_outside_the_data_is_an_error() -> None:
    data = checkerboard()
    with pytest.raises(DataError, match="before the cut"):
        splits.temporal(data, 0)
    with pytest.raises(DataError, match="after the cut"):
        splits.temporal(data, data.last_time + 1)


def test_shares_must_be_shares() -> None:
    with pytest.raises(InputError, match="test_users"):
        splits.per_user(checkerboard(), test_users=1.5)
    with pytest.raises(DataError, match="two interactions"):
        splits.per_user(table(["a"], ["x"]))
