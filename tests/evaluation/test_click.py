"""The click protocol: metrics whose values are known, intervals, what tables may look like, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.cli.app import run
from endcap.errors import DataError, EndcapError, InputError, SchemaError, StateError
from endcap.evaluation import click
from endcap.evaluation.click import click_differences, evaluate_clicks, judge_clicks, labelled
from endcap.recipes.popularity import Popularity
from endcap.seams import Progress, no_progress
from endcap.types import Float32


class Rates(Popularity):
    """Says of each row the share of label 1 among the training rows of the same colour."""

    said: dict[str, float]
    held: pa.Table | None = None

    def fit_table(
        self, table: pa.Table, label: str, valid: pa.Table | None = None, progress: Progress = no_progress
    ) -> Rates:
        grouped = table.group_by("colour").aggregate([(label, "mean")])
        self.said = dict(zip(grouped["colour"].to_pylist(), grouped[f"{label}_mean"].to_pylist(), strict=True))
        self.held = valid
        return self

    def probabilities(self, table: pa.Table) -> Float32:
        return np.array([self.said.get(name, np.nan) for name in table["colour"].to_pylist()], np.float32)


@pytest.fixture(autouse=True)
def rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click, "recipe_name", lambda recipe: "rates")


def rows(*shares: tuple[str, int, int]) -> dict[str, list[Any]]:
    """`clicks` of `count` rows of each colour have label 1."""
    return {
        "colour": [colour for colour, _, count in shares for _ in range(count)],
        "label": [int(place < clicks) for _, clicks, count in shares for place in range(count)],
    }


TRAIN = rows(("red", 30, 40), ("blue", 10, 40))


def test_values_that_can_be_worked_out_by_hand() -> None:
    result = evaluate_clicks(Rates(), pa.table(TRAIN), pa.table(rows(("red", 3, 4), ("blue", 1, 4))))
    values = {name: estimate.value for name, estimate in result.metrics.items()}
    # 16 pairs of a click and another: 9 red over blue, 1 the other way round, 3 + 3 ties.
    assert values["auc"] == pytest.approx((9 + 0.5 * 6) / 16)
    assert values["logloss"] == pytest.approx(-(6 * np.log(0.75) + 2 * np.log(0.25)) / 8)
    assert result.rows == 8 and result.fields == ("colour",) and result.recipe == "rates"
    assert "50.0%" in result.notes[0] and f"{np.log(2):.4f}" in result.notes[0] and len(result.notes) == 1
    assert json.loads(json.dumps(result.json(), allow_nan=False))["protocol"] == "click"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=40))
def test_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[bool, int]]) -> None:
    truth = np.array([label for label, _ in pairs], np.float32)
    said = np.array([score / 10 for _, score in pairs], np.float32)
    ones, others = said[truth > 0], said[truth == 0]
    if not len(ones) or not len(others):
        return
    expected = np.mean((ones[:, None] > others) + 0.5 * (ones[:, None] == others))
    found = judge_clicks(truth, said)["auc"]
    assert found.value == pytest.approx(expected) and found.low <= found.value <= found.high


def test_intervals_hold_the_value_and_a_calibrated_model_is_told_from_one_that_is_not() -> None:
    draws = np.random.default_rng(5)
    said = draws.random(4000).astype(np.float32)
    truth = (draws.random(4000) < said).astype(np.float32)
    good = judge_clicks(truth, said, seed=1)
    bold = judge_clicks(truth, (said > 0.5) * 0.98 + np.float32(0.01), seed=1)
    for found in (*good.values(), *bold.values()):
        assert found.low <= found.value <= found.high and found.high > found.low
    assert good["calibration_error"].high < 0.05 < 0.15 < bold["calibration_error"].low
    assert judge_clicks(truth, said, seed=1) == good
    same = click_differences(truth, said, said, seed=1)
    assert all((each.value, each.low, each.high) == (0.0, 0.0, 0.0) for each in same.values())
    apart = click_differences(truth, said, said[::-1].copy(), seed=1)
    assert apart["auc"].low > 0.2 and apart["logloss"].high < 0


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False, True]),
        pa.array([1, -1, 1], pa.int8()),
        pa.array([1.0, 0.0, 1.0]),
        pa.array(["1", "0", "1"]).dictionary_encode(),
        pa.array(["True", "false", "TRUE"], pa.large_string()),
    ],
)
def test_labels_as_the_world_writes_them(column: pa.Array) -> None:
    table, truth = labelled(pa.table({"clicked": column, "x": [1, 2, 3]}), "clicked", "training")
    assert truth.tolist() == [1.0, 0.0, 1.0]
    assert table["clicked"].type == pa.float32() and table.column_names == ["clicked", "x"]


def test_validation_and_further_columns(tmp_path: Path) -> None:
    made = Rates()
    test = {**rows(("blue", 1, 2)), "extra": [1, 2]}
    paths = [tmp_path / f"{name}.parquet" for name in ("train", "valid", "test")]
    for path, columns in zip(paths, (TRAIN, test, test), strict=True):
        pq.write_table(pa.table(columns), path)
    evaluate_clicks(made, paths[0], paths[2], paths[1])
    assert made.held is not None and made.held.column_names == ["colour", "label"] and made.held.num_rows == 2


def test_a_field_that_gives_the_label_away_is_pointed_at() -> None:
    train = pa.table({**TRAIN, "sampled": [label == 0 for label in TRAIN["label"]]})
    notes = evaluate_clicks(Rates(), train, train).notes
    assert len(notes) == 2 and "sampled alone tells the label" in notes[1]


@pytest.mark.parametrize(
    ("train", "test", "error", "words"),
    [
        ({"colour": ["red"]}, TRAIN, SchemaError, "no column 'label'; it has colour"),
        (TRAIN, {"label": [0, 1]}, SchemaError, "test data has no column 'colour'"),
        ({"label": [0, 1]}, TRAIN, SchemaError, "no column beside the label"),
        ({"colour": ["red", "red"], "label": [1, 1]}, TRAIN, DataError, "is 1 in all 2 rows"),
        (TRAIN, {"colour": ["red"], "label": [0]}, DataError, "is 0 in all 1 rows"),
        ({"colour": ["red", "red"], "label": [1, 5]}, TRAIN, DataError, "is 5 in row 2, expected 0 or 1"),
        ({"colour": ["red", "red"], "label": [None, 1]}, TRAIN, DataError, "is None in row 1"),
        (TRAIN, {"colour": pa.array([], pa.string()), "label": pa.array([], pa.int8())}, DataError, "no rows"),
        (TRAIN, rows(("green", 1, 2)), StateError, "diverged"),
    ],
)
def test_bad_input_says_what_is_wrong(
    train: dict[str, Any], test: dict[str, Any], error: type[EndcapError], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluate_clicks(Rates(), pa.table(train), pa.table(test))


def test_a_recipe_that_predicts_no_labels_is_named_with_those_that_do() -> None:
    with pytest.raises(InputError, match="popularity does not predict labels"):
        evaluate_clicks("popularity", pa.table(TRAIN), pa.table(TRAIN))


def test_the_command_needs_both_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--protocol", "click", "--train", "x.csv"]) == InputError.exit_code
    assert "--test" in capsys.readouterr().err
