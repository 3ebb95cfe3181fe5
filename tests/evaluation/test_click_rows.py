"""The click protocol on files of numbered features: as on tables, from the command line to a saved model."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from endcap.cli.app import run
from endcap.errors import DataError, InputError
from endcap.evaluation.click import evaluate_clicks
from row_shop import write_clicks

SETTINGS = {"factors": 4, "epochs": 6}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clicks(tmp_path_factory.mktemp("clicks"))


def test_the_same_rows_as_a_table_and_as_numbers_give_the_same_auc(files: Path) -> None:
    found = {
        kind: evaluate_clicks("fm", files / f"train.{kind}", files / f"test.{kind}", settings=SETTINGS)
        for kind in ("csv", "libsvm", "recordio")
    }
    values = {kind: each.metrics["auc"].value for kind, each in found.items()}
    assert values["libsvm"] == values["recordio"] == pytest.approx(values["csv"], abs=0.005) and values["csv"] > 0.8
    assert [each.features for each in found.values()] == [0, 21, 21]
    assert found["libsvm"].notes == found["csv"].notes and found["libsvm"].rows == 400
    assert "features" not in found["csv"].json() and found["recordio"].json()["fields"] == []


def test_a_validation_file_tells_when_to_stop(files: Path) -> None:
    long = {"factors": 16, "epochs": 60}
    train, test = files / "train.libsvm", files / "test.libsvm"
    stopped = evaluate_clicks("fm", train, test, test, settings=long).metrics["logloss"].value
    assert stopped < evaluate_clicks("fm", train, test, settings=long).metrics["logloss"].value


def test_what_cannot_be_learnt_from_numbers(files: Path, tmp_path: Path) -> None:
    train, test = files / "train.libsvm", files / "test.libsvm"
    with pytest.raises(InputError, match=r"deepfm does not learn from numbered features.*Recipes that do: fm"):
        evaluate_clicks("deepfm", train, test)
    with pytest.raises(InputError, match="have no column 'clicked'"):
        evaluate_clicks("fm", train, test, label="clicked")
    with pytest.raises(InputError, match="test data is a Table"):
        evaluate_clicks("fm", train, pa.table({"label": [0, 1]}))
    with pytest.raises(InputError, match=r"test file .*test.csv has no numbered features"):
        evaluate_clicks("fm", train, files / "test.csv")
    stars = tmp_path / "stars.svm"
    stars.write_text("1 1:1\n5 2:1\n", "utf-8")
    with pytest.raises(DataError, match=r"is 5.0 in row 2, expected 0 or 1"):
        evaluate_clicks("fm", stars, test)
    stars.write_text("1 1:1\n1 2:1\n", "utf-8")
    with pytest.raises(DataError, match="is 1 in all 2 rows"):
        evaluate_clicks("fm", stars, test)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(list(words)) == code
    printed = capsys.readouterr()
    return " ".join((printed.err if code else printed.out).split())


def test_from_a_file_to_a_saved_model_that_is_asked(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test, saved = (str(path) for path in (files / "train.recordio", files / "test.recordio", tmp_path / "m"))
    judge = ("evaluate", "--protocol", "click", "--train", train, "--test", test, "--set", "factors=4")
    assert "fm, click, 400 rows, 21 features" in (told := said(capsys, *judge, "--save", saved))
    assert "endcap predict --model" in told
    ask = ("predict", "--model", saved, "--file", test)
    predictions = json.loads(said(capsys, *ask, "--json"))["predictions"]
    assert len(predictions) == 400 and 0 < predictions[0]["score"] < 1
    assert predictions[0]["predictedLabel"] == int(predictions[0]["score"] >= 0.5)
    assert len(said(capsys, *ask).split()) == 400
    assert "rows are libsvm" in said(capsys, *ask[:-1], str(files / "test.libsvm"), code=2)
    assert "of a file, alone" in said(capsys, *ask[:3], "u1", "i1", code=2)


def test_what_is_not_saved_is_said_before_training(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = ("evaluate", "--train", str(files / "train.csv"), "--test", str(files / "test.csv"), "--save", "m")
    assert "no other model" in said(capsys, *tables, "--protocol", "click", code=2)
    assert "no other model" in said(capsys, *tables, code=2)
    rows = ("evaluate", "--protocol", "click", "--train", str(files / "train.svm"), "--test", "x.svm")
    assert "There is no folder" in said(capsys, *rows, "--save", "none/m", code=2)
    ranking = ("evaluate", "--train", str(files / "train.libsvm"), "--test", str(files / "test.libsvm"))
    assert "--protocol click" in said(capsys, *ranking, code=2)
