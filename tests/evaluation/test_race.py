"""The race: who leaves and why, that nobody takes the others' time, and that an interrupted one goes on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import ResourceError, StateError
from endcap.evaluation.race import Course, Deadline, Lap, OutOfTime, race, shoppers
from endcap.evaluation.shop import last_days
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.popularity import Popularity
from endcap.seams import Progress, no_progress, rng
from endcap.types import DAY


@dataclass
class Backwards(Popularity):
    """Recommends what nobody takes: always clearly behind."""

    def score(self, queries, items=None):  # type: ignore[no-untyped-def]
        return -super().score(queries, items)


@dataclass
class Refusing(Popularity):
    """Cannot learn from this shop."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        raise StateError("There is no price.")


class Hands:
    """A clock of seconds that stands until it is moved."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture(scope="module")
def course() -> Course:
    """80 shoppers of two tastes who come back for the same things, over 120 days."""
    draw, rows = rng(3), []
    for user in range(80):
        own = draw.choice(np.arange(user % 2, 60, 2), 4, replace=False)
        for day in draw.choice(120, 16, replace=False):
            item = draw.choice(own) if draw.random() < 0.7 else 2 * int(draw.geometric(0.1)) % 60 + user % 2
            rows.append((f"u{user}", f"i{item}", int(day) * DAY + user))
    users, items, times = zip(*rows, strict=True)
    data = Dataset.from_table(pa.table({"user_id": users, "item_id": items, "timestamp": np.array(times)}))
    return Course.of(last_days(data, 30), at=5)


def runners(*names: str) -> dict[str, object]:
    return {name: partial(create, name) for name in names}


def test_who_is_clearly_behind_leaves_and_popularity_stays(course: Course) -> None:
    asked = {**runners("popularity", "repeat", "item-item"), "backwards": Backwards, "refusing": Refusing}
    ran = race(course, asked, Deadline.after(60), shares=(0.5, 1.0))  # type: ignore[arg-type]
    assert ran.standing[0].recipe == "repeat" and "popularity" in [lap.recipe for lap in ran.standing]
    assert set(ran.left) == {"backwards", "refusing"}
    assert ran.left["backwards"].startswith("behind repeat by 0.") and "50 % of the shoppers" in ran.left["backwards"]
    assert ran.left["refusing"].startswith("There is no price.")
    lead = course.difference(ran.standing[0].values, ran.standing[-1].values)
    assert lead.low > 0 and course.estimate(ran.standing[0].values).value == ran.standing[0].mean


def test_an_interrupted_race_runs_only_what_is_missing(course: Course) -> None:
    kept: list[Lap] = []
    asked = runners("popularity", "repeat")
    whole = race(course, asked, Deadline.after(60), shares=(0.5, 1.0), keep=kept.append)  # type: ignore[arg-type]
    assert len(kept) == 4

    def not_again() -> Popularity:
        raise AssertionError("this lap was run before")

    again = race(
        course,
        {"popularity": not_again, "repeat": asked["repeat"]},  # type: ignore[dict-item]
        Deadline.after(60),
        shares=(0.5, 1.0),
        run_before=kept[:1] + [lap for lap in kept if lap.recipe == "popularity"],
    )
    # Which of a round runs first depends on how long they took before.
    assert sorted((lap.recipe, lap.share, lap.mean) for lap in again.laps) == sorted(
        (lap.recipe, lap.share, lap.mean) for lap in whole.laps
    )


def test_a_slow_recipe_takes_no_more_than_its_share_of_the_time(course: Course) -> None:
    clock = Hands()

    @dataclass
    class Slow(Popularity):
        def _fit(self, dataset: Dataset, progress: Progress) -> None:
            with progress("slow", 100) as tick:
                for _ in range(100):
                    clock.at += 1.0
                    tick(1)
            super()._fit(dataset, progress)

    asked = {**runners("popularity"), "slow": Slow, **runners("repeat")}
    ran = race(course, asked, Deadline.after(24, clock), shares=(0.5, 1.0))  # type: ignore[arg-type]
    assert "took longer than its share of the time (6 s)" in ran.left["slow"] and clock.at == 7.0
    assert [lap.recipe for lap in ran.standing] == ["repeat", "popularity"]


def test_a_recipe_that_would_take_too_long_is_not_begun(course: Course) -> None:
    clock = Hands()
    before = [Lap("repeat", 0.1, 50.0, np.ones(len(course.split)))]
    ran = race(
        course,
        runners("popularity", "repeat"),  # type: ignore[arg-type]
        Deadline.after(60, clock),
        shares=(0.1, 1.0),
        run_before=before,
    )
    assert ran.left["repeat"].startswith("would take about 500 s on all shoppers")
    assert [lap.recipe for lap in ran.standing] == ["popularity"]


def test_a_deadline_stops_what_tells_of_its_progress() -> None:
    clock = Hands()
    watched = Deadline.after(1, clock).watched(no_progress)
    with watched("work") as tick:
        tick()
        clock.at = 2.0
        with pytest.raises(OutOfTime):
            tick()


def test_nothing_finished_says_what_to_do(course: Course) -> None:
    with pytest.raises(ResourceError, match="--minutes"):
        _ = race(course, {"refusing": Refusing}, Deadline.after(1)).standing


def test_smaller_shares_lie_in_larger_ones(course: Course) -> None:
    parts = [set(shoppers(course.split.train, share, 1).interactions.user.tolist()) for share in (0.25, 0.5, 1.0)]
    assert parts[0] < parts[1] < parts[2] and len(parts[0]) == 20


def test_items_new_to_the_shopper_are_another_course(course: Course) -> None:
    new = Course.of(course.split, at=5, new=True)
    repeat = create("repeat").fit(new.split.train)
    assert new.values(repeat).mean() < course.values(repeat).mean()
