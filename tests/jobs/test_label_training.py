"""What customers say in numbers, from a solution's hyper-parameter to what its version predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import spearmanr
from solution_shop import RECIPE, commit, request

from endcap.errors import InputError
from endcap.jobs.solution_data import Minimum, View, training_data
from endcap.jobs.training_child import run_training
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.recipes.fm import FM
from endcap.recipes.queries import Queries
from endcap.registry import artefacts
from endcap.registry.recipe_arns import offer
from endcap.seams import no_progress
from endcap.settings import Settings
from endcap.testing.datasets import START
from endcap.types import MINUTE

N, ITEMS = 900, 10
DRAWS = np.random.default_rng(0)
USER, ITEM = DRAWS.integers(0, 30, N), DRAWS.integers(0, ITEMS, N)
LEVEL = ITEM % 5


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A third of the events are ratings, a third purchases, a third thumbs; all say alike."""
    found = open_workspace(Settings(home=tmp_path_factory.mktemp("labels") / "home"))
    kinds = np.array(["Rating", "Purchase", "Like"], object)[np.arange(N) % 3]
    kinds[(kinds == "Like") & (LEVEL < 3)] = "Dislike"
    table = pa.table(
        {
            "user_id": [f"u{each}" for each in USER],
            "item_id": [f"i{each}" for each in ITEM],
            "timestamp": pa.array(START + np.arange(N) * MINUTE),
            "event_type": kinds.tolist(),
            "rating": LEVEL + 1.0,
            "quantity": 2.0**LEVEL,
        }
    )
    commit(found, found.new_shop("mine"), "interactions", table)
    return found


def events(*names: str) -> dict[str, Any]:
    return {"eventsConfig": {"eventParametersList": [{"eventType": name} for name in names]}}


@pytest.mark.parametrize(
    ("objective", "more"),
    [
        ("rating", {}),
        ("rating", events("Rating")),
        ("quantity", events("Purchase")),
        ("thumbs", {}),
        ("thumbs", events("Like", "Dislike")),
    ],
)
def test_a_solution_learns_what_was_said(
    workspace: Workspace, tmp_path: Path, objective: str, more: dict[str, Any]
) -> None:
    parameters = {"objective": objective, "factors": "4", "epochs": "15"}
    config = {"algorithmHyperParameters": parameters, **more}
    asked = request(workspace, tmp_path / "staging", "endcap-fm", solutionConfig=config)
    read = artefacts.read(tmp_path / "staging", "0000beef", run_training(asked, no_progress).manifest)
    assert isinstance(read.recipe, FM)
    queries = Queries.about(np.full(1, -1, np.int32), START)
    scores = read.recipe.score(queries)[0]
    found = read.recipe.amounts(scores) if read.recipe.chances(scores) is None else read.recipe.chances(scores)
    level = np.array([int(name[1:]) % 5 for name in read.items.ids.to_pylist()])
    assert found is not None
    if objective == "thumbs":
        assert found[level >= 3].min() > 0.7 and found[level < 3].max() < 0.3
    else:
        assert spearmanr(found, level).statistic > 0.95
        np.testing.assert_allclose(found, level + 1 if objective == "rating" else 2.0**level, rtol=0.4)


def test_low_stars_count_for_the_least_that_is_learnt_from(workspace: Workspace) -> None:
    key = workspace.new_shop("mine")
    rated = int((np.arange(N) % 3 == 0).sum())
    fm, snapshot, some = offer(RECIPE + "endcap-fm"), workspace.lake.snapshot(key), events("Rating")
    config = {"algorithmHyperParameters": {"objective": "rating"}, **some}
    found = training_data(workspace.lake, key, snapshot, fm, View.of(fm, config), Minimum(rated))
    assert found.left_out is not None and len(found.interactions) + len(found.left_out) == rated
    with pytest.raises(InputError, match=f"fewer than {rated} interactions"):
        training_data(workspace.lake, key, snapshot, fm, View.of(fm, some), Minimum(rated))


def test_thumbs_of_one_kind_are_told(workspace: Workspace, tmp_path: Path) -> None:
    config = {"algorithmHyperParameters": {"objective": "thumbs"}, **events("Like")}
    with pytest.raises(InputError, match="choose both"):
        run_training(request(workspace, tmp_path / "staging", "endcap-fm", solutionConfig=config), no_progress)
