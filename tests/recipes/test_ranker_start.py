"""Where trees start from: the slopes with which answers were drawn, the order of the retrieval, and 0 at the best."""

import numpy as np
import pytest

from endcap.recipes.ranker_examples import Examples, Judge
from endcap.recipes.ranker_start import TRUSTED, Start, surest
from endcap.seams import rng

NAMES = ("noise", "retrieval_rank", "retrieval_gap")


def answered(gap: float, rank: float, queries: int = 4000, per: int = 20) -> Examples:
    """One of each query's candidates is taken, by a logit of how far behind the best it is."""
    draws = rng(3)
    score = -np.sort(-draws.normal(size=(queries, per)) * 2, axis=1)
    behind, place = score - score[:, :1], np.tile(np.arange(1.0, per + 1), (queries, 1))
    wish = gap * behind - rank * np.log(place) + draws.gumbel(size=(queries, per))
    gain = np.zeros((queries, per), np.float32)
    gain[np.arange(queries), wish.argmax(axis=1)] = 3
    block = np.stack((draws.normal(size=behind.shape), place, behind), axis=2).reshape(-1, 3).astype(np.float32)
    rows = queries * per
    ones, ends = np.ones(rows, np.float32), np.arange(0, rows + 1, per, dtype=np.int64)
    nowhere, times = np.zeros(rows, np.int32), np.arange(queries, dtype=np.int64)
    return Examples(block, ends, nowhere, gain.ravel(), ones, nowhere, times, np.ones(queries, np.int32))


@pytest.mark.parametrize(("gap", "rank"), [(0.8, 0.0), (0.0, 0.7), (0.5, 0.4)])
def test_slopes_are_those_that_answers_were_drawn_with(gap: float, rank: float) -> None:
    found = Start.fit(answered(gap, rank), NAMES)
    assert abs(found.gap - gap) < 0.1 and abs(found.rank - rank) < 0.1


def test_a_slope_is_never_negative() -> None:
    found = Start.fit(answered(-0.5, 0.0, 500), NAMES)
    assert found.gap == 0 and found.rank == 0
    assert not found.margins(answered(0.5, 0.0, 5).block, NAMES).any()


def test_margins_keep_the_order_and_start_at_nothing() -> None:
    made = answered(0.5, 0.4, 50)
    margins = Start.fit(made, NAMES).margins(made.block, NAMES).reshape(50, -1)
    assert (margins[:, 0] == 0).all() and (np.diff(margins, axis=1) < 0).all()


def test_without_a_score_nothing_is_held_against_a_candidate() -> None:
    made = answered(0.5, 0.4, 200)
    start = Start.fit(made, NAMES)
    margins = start.margins(made.block, NAMES)
    blank = np.full((1, 3), np.nan, np.float32)
    assert start.margins(blank, NAMES)[0] == 0 == margins.max()
    np.testing.assert_array_equal(start.parts(made.block, NAMES).sum(axis=1), margins)


def test_scale_of_the_retrieval_does_not_matter() -> None:
    made, times = answered(0.5, 0.4), answered(0.5, 0.4)
    times.block[:, 2] *= 1000
    plain, scaled = Start.fit(made, NAMES), Start.fit(times, NAMES)
    assert scaled.gap * 1000 == pytest.approx(plain.gap, rel=1e-3) and scaled.rank == pytest.approx(
        plain.rank, rel=1e-3
    )


def test_where_nothing_was_said_or_answered_trees_start_from_nothing() -> None:
    made = answered(0.5, 0.4, 10)
    assert Start.fit(made, ("noise", "other", "retrieval_gap")) == Start()
    made.gain[:] = 0
    assert Start.fit(made, NAMES) == Start()


def test_trees_are_trusted_as_far_as_what_they_gained_is_sure() -> None:
    made = answered(0.5, 0.4, 600)
    starts, draws = Start(0.5, 0.4).margins(made.block, NAMES), rng(8)
    chance = draws.normal(size=len(starts)).astype(np.float32)
    judge, told = Judge(made), (made.gain > 0) * np.float32(1.5)
    assert surest(judge, starts, told) == max(TRUSTED) == 1
    assert surest(judge, starts, chance) == min(TRUSTED)
    assert min(TRUSTED) < surest(judge, starts, told / 2 + chance) < 1
    made.gain[:] = 0
    assert surest(Judge(made), starts, told) == 1, "nothing was answered, nothing is doubted"


def test_trust_is_a_steeper_start() -> None:
    made, start = answered(0.5, 0.4, 20), Start(0.5, 0.4)
    half, whole = start.over(0.5).margins(made.block, NAMES), start.margins(made.block, NAMES)
    np.testing.assert_allclose(half, 2 * whole, rtol=1e-6)
