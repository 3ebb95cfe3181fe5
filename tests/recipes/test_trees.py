"""Tree ensembles score bit for bit as XGBoost does, explain as its path attribution does, and refuse damaged models."""

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ArtefactError, InputError
from endcap.recipes.trees import Forest
from endcap.recipes.trees_ubj import read_ubj
from endcap.seams import rng


def ensemble(seed: int, *, depth: int = 4, trees: int = 12, features: int = 6, missing: float = 0.2, **settings):  # type: ignore[no-untyped-def]
    """(booster, block): an ensemble grown on noise with missing values, and rows to ask it about."""
    draws = rng(seed)
    block = draws.normal(size=(400, features)).astype(np.float32)
    block = np.round(block, int(draws.integers(0, 3)))  # ties with the thresholds
    block[draws.random(block.shape) < missing] = np.nan
    wanted = np.nan_to_num(block[:, 0]) * np.nan_to_num(block[:, 1]) + draws.normal(size=400) > 0
    given = {"objective": "binary:logistic", "max_depth": depth, "eta": 0.3, "nthread": 1, "seed": seed, **settings}
    label = wanted.astype(float)
    data = xgboost.DMatrix(block, label=label)
    if given["objective"].startswith("rank:"):
        data.set_group([40] * 10)
    asked = draws.normal(size=(300, features)).astype(np.float32)
    asked[draws.random(asked.shape) < missing] = np.nan
    return xgboost.train(given, data, trees), np.vstack((block[:100], asked))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    depth=st.integers(1, 8),
    trees=st.integers(1, 25),
    missing=st.sampled_from([0.0, 0.1, 0.6]),
    objective=st.sampled_from(["binary:logistic", "rank:ndcg"]),
    policy=st.sampled_from(["depthwise", "lossguide"]),
)
def test_scores_are_those_of_xgboost(
    seed: int, depth: int, trees: int, missing: float, objective: str, policy: str
) -> None:
    made = {"objective": objective, "grow_policy": policy, "base_score": 0.5, "min_child_weight": 0.1}
    booster, block = ensemble(seed, depth=depth, trees=trees, missing=missing, **made)
    forest = Forest.read(bytes(booster.save_raw("ubj")))
    expected = booster.inplace_predict(block, predict_type="margin")
    np.testing.assert_array_equal(forest.scores(block), expected)
    np.testing.assert_array_equal(forest.scores(block[:1]), expected[:1])
    assert forest.scores(block[:0]).shape == (0,)


def test_a_base_score_is_added() -> None:
    booster, block = ensemble(3, base_score=0.2)
    forest = Forest.read(bytes(booster.save_raw("ubj")))
    np.testing.assert_allclose(forest.scores(block), booster.inplace_predict(block, predict_type="margin"), rtol=1e-5)


@pytest.mark.parametrize("objective", ["binary:logistic", "rank:ndcg"])
def test_contributions_are_path_attributions_and_add_up(objective: str) -> None:
    booster, block = ensemble(5, depth=5, objective=objective, base_score=0.5)
    forest = Forest.read(bytes(booster.save_raw("ubj")))
    found = forest.contributions(block)
    np.testing.assert_allclose(found.sum(axis=1) + forest.bias, forest.scores(block), atol=1e-4)
    theirs = booster.predict(xgboost.DMatrix(block), pred_contribs=True, approx_contribs=True)
    np.testing.assert_allclose(found, theirs[:, :-1], atol=1e-4)


def test_a_block_of_another_width_is_an_error() -> None:
    forest = Forest.read(bytes(ensemble(1)[0].save_raw("ubj")))
    with pytest.raises(InputError, match=r"expected \[rows, 6\] features"):
        forest.scores(np.zeros((3, 5), np.float32))


def test_trees_that_are_too_deep_are_refused() -> None:
    made = {"max_leaves": 0, "min_child_weight": 0, "gamma": 0, "lambda": 0}
    booster, _ = ensemble(2, depth=14, trees=2, missing=0, **made)
    with pytest.raises(ArtefactError, match="deeper than 10"):
        Forest.read(bytes(booster.save_raw("ubj")))


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_ubj(data)
    except ArtefactError:
        return


MODEL = bytes(ensemble(7, trees=2, depth=2)[0].save_raw("ubj"))


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, len(MODEL) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_model_is_read_or_refused(place: int, byte: int, cut: bool) -> None:
    damaged = MODEL[:place] if cut else MODEL[:place] + bytes([byte]) + MODEL[place + 1 :]
    try:
        forest = Forest.read(damaged)
    except ArtefactError:
        return
    if forest.n_features < 100:
        forest.scores(np.zeros((1, forest.n_features), np.float32))


def test_the_reader_knows_every_marker() -> None:
    document = b"{i\x01ai\x05i\x01bS\x55\x02hii\x01c[TFZ]i\x01d[$d#U\x02?\x80\x00\x00@\x00\x00\x00i\x01e{}}"
    found = read_ubj(document)
    assert found.pop("d").tolist() == [1.0, 2.0]
    assert found == {"a": 5, "b": "hi", "c": [True, False, None], "e": {}}
