"""The choice of a recipe: what an interrupted run leaves, and what becomes of slow ones."""

from pathlib import Path

import numpy as np
import pytest

from endcap.errors import InputError, UnknownName
from endcap.evaluation.race import Lap
from endcap.jobs.automl import Contender, Kept, Plan


def test_a_line_that_was_cut_off_is_no_lap(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "a")
    lap = Lap("als", 0.5, 1.25, np.array([0.1, 1 / 3]))
    kept.keep(lap)
    with open(tmp_path / "laps-a.jsonl", "a", encoding="utf-8") as file:
        file.write('{"recipe": "blend", "sha')
    (found,) = kept.laps()
    assert found == lap and found.values.tolist() == lap.values.tolist()
    assert Kept(tmp_path, "b").laps() == []


def test_other_questions_have_other_answers() -> None:
    keys = {plan.key("interactions@1") for plan in (Plan(), Plan(days=7), Plan(at=5), Plan(new=True), Plan(seed=1))}
    assert len(keys | {Plan().key("interactions@2")}) == 6
    assert Plan(minutes=1, trials=2, recipes=("als",)).key("interactions@1") in keys


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InputError, match="above 0"):
        Plan(minutes=0)
    with pytest.raises(UnknownName, match="nonsense"):
        Plan(("nonsense",))


def test_what_is_tuned_says_so() -> None:
    assert Contender("als", {}, 0.1).label == "als" and Contender("als", {"factors": "8"}, 0.1).label == "als, tuned"
