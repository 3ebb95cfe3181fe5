"""A machine of numbered features: what it says, what it takes, and what is saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import sparse

from endcap.errors import ArtefactError, InputError
from endcap.lake.row_files import NumberedRows
from endcap.recipes.fm import FM
from endcap.recipes.row_machine import RowMachine
from row_shop import clicks


def rows(count: int, seed: int) -> NumberedRows:
    records = clicks(count, seed)[1]
    return NumberedRows(records.rows, records.labels, "recordio")


@pytest.fixture(scope="module")
def machine() -> RowMachine:
    return FM(factors=4, epochs=6).fit_rows(rows(1200, 1))


def test_it_says_what_the_formula_says(machine: RowMachine) -> None:
    asked = rows(50, 3)
    x = asked.rows.toarray().astype(np.float64)
    pairs = np.triu(machine.factors.astype(np.float64) @ machine.factors.T, 1)
    scores = machine.bias[0] + x @ machine.weights + np.einsum("ri,ij,rj->r", x, pairs, x)
    np.testing.assert_allclose(machine.probabilities(asked), 1 / (1 + np.exp(-scores)), rtol=1e-4)


def test_numbers_far_apart_are_learnt_as_those_beside_each_other(machine: RowMachine) -> None:
    near = rows(1200, 1)
    far = sparse.csr_matrix((near.rows.data, near.rows.indices * 95_000_000, near.rows.indptr), shape=(1200, 2**31 - 1))
    found = FM(factors=4, epochs=6).fit_rows(replace(near, rows=far))
    np.testing.assert_array_equal(found.factors, machine.factors)
    np.testing.assert_array_equal(found.probabilities(replace(near, rows=far)), machine.probabilities(near))
    unknown = replace(near, rows=sparse.csr_matrix(([1.0], [[0], [5]]), shape=(1, 2**31 - 1), dtype=np.float32))
    assert found.probabilities(unknown)[0] == pytest.approx(1 / (1 + np.exp(-found.bias[0])))


def test_what_is_held_back_says_when_to_stop() -> None:
    train, valid = rows(300, 1), rows(300, 2)
    stopped = FM(factors=16, epochs=60).fit_rows(train, valid).probabilities(valid)
    whole = FM(factors=16, epochs=60).fit_rows(train).probabilities(valid)
    truth = np.asarray(valid.labels)

    def loss(said: np.ndarray) -> float:
        return -float(np.log(np.where(truth > 0, said, 1 - said)).mean())

    assert loss(stopped) < loss(whole)


def test_rows_without_features_are_rows_all_the_same() -> None:
    empty = NumberedRows(sparse.csr_matrix((4, 0), dtype=np.float32), np.array([1, 0, 0, 0], np.float32), "libsvm")
    found = FM(epochs=2).fit_rows(empty)
    assert found.probabilities(empty).shape == (4,) and np.isfinite(found.probabilities(empty)).all()


def test_it_is_saved_and_read_again(machine: RowMachine, tmp_path: Path) -> None:
    machine.save(tmp_path / "m.safetensors")
    again = RowMachine.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.probabilities(rows(50, 3)), machine.probabilities(rows(50, 3)))
    assert (again.numbering, again.width) == ("recordio", 21)
    with pytest.raises(InputError, match="cannot be written"):
        machine.save(tmp_path / "none" / "m.safetensors")


def test_what_is_no_such_model_is_refused(machine: RowMachine, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(InputError, match="does not exist"):
        RowMachine.load(path)
    save_file({"features": np.zeros(1, np.int64)}, path)
    with pytest.raises(ArtefactError, match="it is of format None"):
        RowMachine.load(path)
    for changed, said in (
        ({"weights": machine.weights[:-1]}, "weights is float32"),
        ({"factors": machine.factors.astype(np.float64)}, "factors is float64"),
        ({"features": machine.features[::-1].copy()}, "not ascending"),
        ({"numbering": "roman"}, "numbered as 'roman'"),
    ):
        replace(machine, **changed).save(path)
        with pytest.raises(ArtefactError, match=said):
            RowMachine.load(path)
    machine.save(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ArtefactError, match="cannot be used"):
        RowMachine.load(path)


def test_rows_that_number_features_in_another_way_are_refused(machine: RowMachine) -> None:
    asked = rows(5, 3)
    with pytest.raises(InputError, match="learnt from recordio, the rows are libsvm"):
        machine.probabilities(replace(asked, numbering="libsvm"))
    with pytest.raises(InputError, match="Rows of 20 features; the model was learnt from 21"):
        machine.probabilities(replace(asked, rows=asked.rows[:, :20]))


@pytest.mark.parametrize("settings", [{"field_aware": True, "objective": "logistic"}, {"objective": "weight"}])
def test_settings_that_rows_cannot_have(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match="of numbered features no fields are known"):
        FM(**settings).fit_rows(rows(20, 1))  # type: ignore[arg-type]
