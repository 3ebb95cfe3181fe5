from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.registry.variants import SLOTS, assign, runs, slot_of

STEPS = st.lists(st.tuples(st.sampled_from("ABCDEF"), st.integers(1, SLOTS)), min_size=1, max_size=12)


@given(STEPS)
def test_a_variant_gets_exactly_its_weight_and_nobody_else_moves_needlessly(steps: list[tuple[str, int]]) -> None:
    owners: tuple[str, ...] = ()
    for version, weight in [("start", SLOTS), *steps]:
        after = assign(owners, version, weight)
        before, now = Counter(owners), Counter(after)
        assert len(after) == SLOTS
        assert now[version] == weight or set(owners) <= {version}
        moved = [(old, new) for old, new in zip(owners, after, strict=False) if old != new]
        if weight >= before[version]:
            assert all(new == version for _, new in moved), "growing only moves shoppers in"
        else:
            assert all(old == version for old, _ in moved), "shrinking only moves shoppers out"
        others = {owner: count for owner, count in before.items() if owner != version}
        if others:
            share = (SLOTS - weight) / sum(others.values())
            assert all(abs(now[owner] - count * share) < 1 for owner, count in others.items())
        owners = after


@given(STEPS)
def test_runs_hold_the_same_slots(steps: list[tuple[str, int]]) -> None:
    owners: tuple[str, ...] = ()
    for version, weight in steps:
        owners = assign(owners, version, weight)
    assert tuple(owner for owner, length in runs(owners) for _ in range(length)) == owners


def test_keys_spread_evenly_over_slots_and_independently_over_campaigns() -> None:
    keys = [f"user-{number}" for number in range(40_000)]
    counts = Counter(slot_of("arn:a", key) for key in keys)
    squares = sum((counts[slot] - 400) ** 2 / 400 for slot in range(SLOTS))
    assert squares < 160, "chi-squared with 99 degrees of freedom, p < 0.0001"
    both = sum(slot_of("arn:a", key) < 50 and slot_of("arn:b", key) < 50 for key in keys)
    assert abs(both / len(keys) - 0.25) < 0.01


@given(st.text(), st.text())
def test_any_key_has_its_slot(campaign: str, key: str) -> None:
    assert 0 <= slot_of(campaign, key) < SLOTS
    assert slot_of(campaign, key) == slot_of(campaign, key)


@pytest.mark.parametrize(("key", "slot"), [("u1", 92), ("", 72), ("\ud800", 20)])
def test_slots_never_change_between_releases(key: str, slot: int) -> None:
    assert slot_of("arn:aws:personalize:us-east-1:000000000000:campaign/main", key) == slot
