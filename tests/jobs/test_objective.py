"""A solution's business objective steers what is trained; OFF trains the recipe itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from solution_shop import made, request

from endcap.jobs.training_child import run_training
from endcap.recipes.als import ALS
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.recipes.steered import Steered
from endcap.registry import artefacts
from endcap.seams import no_progress
from endcap.types import Query


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objective")


def trained(home: Path, name: str, objective: dict[str, Any] | None) -> tuple[Recipe, Any]:
    workspace, _ = made(home / name)
    staging = home / f"{name}-staging"
    config: dict[str, Any] = {"algorithmHyperParameters": {"hidden_dimension": "32"}}
    if objective is not None:
        config["optimizationObjective"] = objective
    asked = request(workspace, staging, "aws-user-personalization", solutionConfig=config)
    read = artefacts.read(staging, "0000beef", run_training(asked, no_progress).manifest)
    return read.recipe, read.items


def test_an_objective_steers_and_off_does_not(home: Path) -> None:
    high, items = trained(home, "high", {"itemAttribute": "PRICE", "objectiveSensitivity": "HIGH"})
    off, _ = trained(home, "off", {"itemAttribute": "PRICE", "objectiveSensitivity": "OFF"})
    none, _ = trained(home, "none", None)
    assert isinstance(high, Steered) and isinstance(off, ALS) and isinstance(none, ALS)
    queries = Queries.of([Query(("i0", "i2"), (1, 2))], items, now=3)
    np.testing.assert_array_equal(off.score(queries), none.score(queries))
    shown = [
        np.mean([int(name[1:]) for name in items.names(each.recommend(queries, 5).items[0])]) for each in (off, high)
    ]
    assert shown[1] > shown[0]
