"""Searches for hyper-parameters: real ones, killed and resumed, and what becomes of them in a version."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from solution_shop import RECIPE, made, solution, version

from endcap.errors import InputError, ResourceError
from endcap.jobs import tuning
from endcap.jobs.solution_data import View, training_data
from endcap.jobs.solution_metrics import held_out
from endcap.jobs.solution_training import train_version
from endcap.jobs.tuning import SHARES, Search, tune
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.registry.recipe_arns import native_offer, offer
from endcap.types import ShopKey

METRIC = "normalized_discounted_cumulative_gain_at_25"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ShopKey]:
    return made(tmp_path_factory.mktemp("tuning") / "home")


@pytest.fixture(scope="module")
def dataset(shop: tuple[Workspace, ShopKey]) -> Dataset:
    workspace, key = shop
    return training_data(workspace.lake, key, workspace.lake.snapshot(key), native_offer("repeat"), View())


def trials(storage: Path) -> list[tuple[str, dict[str, Any], float | None]]:
    """(state, parameters, value) of the trials that were carried to an end, in order."""
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{storage}")
    ended = [trial for trial in study.get_trials() if trial.state.name in ("COMPLETE", "PRUNED")]
    return [(trial.state.name, trial.params, trial.value) for trial in ended]


def test_the_best_of_the_trials_within_their_ranges(dataset: Dataset, tmp_path: Path) -> None:
    repeat = native_offer("repeat")
    search = Search(trials=8, seed=5)
    found = tune(repeat, {"season_days": "20.0"}, dataset, search, tmp_path / "a.db")
    ended = trials(tmp_path / "a.db")
    assert found.trials == len(ended) == 8
    assert found.value == max(value for state, _, value in ended if state == "COMPLETE" and value is not None)
    assert found.parameters["season_days"] == "20.0"
    for _, params, _ in ended:
        for name, value in params.items():
            low, high = repeat.hyper_parameters[name].search or (0, 0)
            assert low <= value <= high
    assert tune(repeat, {"season_days": "20.0"}, dataset, search, tmp_path / "b.db") == found


KILLED = """
import sys
from contextlib import contextmanager
from pathlib import Path
from endcap.jobs.solution_data import View, training_data
from endcap.jobs.tuning import Search, tune
from endcap.jobs.workspace import open_workspace
from endcap.registry.recipe_arns import native_offer
from endcap.settings import Settings

@contextmanager
def progress(label, total=None, unit=""):
    yield lambda n=1: print(n, flush=True)

workspace = open_workspace(Settings(home=Path(sys.argv[1])))
key = workspace.new_shop("mine")
repeat = native_offer("repeat")
dataset = training_data(workspace.lake, key, workspace.lake.snapshot(key), repeat, View())
tune(repeat, {}, dataset, Search(trials=10, seed=5), Path(sys.argv[2]), progress=progress)
"""


def test_a_killed_search_goes_on_and_repeats_nothing(
    shop: tuple[Workspace, ShopKey], dataset: Dataset, tmp_path: Path
) -> None:
    workspace, _ = shop
    storage = tmp_path / "killed.db"
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(workspace.settings.home), str(storage)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    for _ in range(4):  # what was there before, and three trials
        assert child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    before = trials(storage)
    assert 3 <= len(before) < 10
    begun: list[int] = []
    search = Search(trials=10, seed=5)
    found = tune(native_offer("repeat"), {}, dataset, search, storage, progress=_counting(begun))
    after = trials(storage)
    assert after[: len(before)] == before and len(after) == 10
    assert sum(begun[1:]) == 10 - len(before)
    whole = tune(native_offer("repeat"), {}, dataset, search, tmp_path / "whole.db")
    assert trials(tmp_path / "whole.db") == after and whole == found
    states = sqlite3.connect(storage).execute("select state from trials").fetchall()
    assert ("RUNNING",) not in states


def _counting(ticks: list[int]) -> Any:
    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "") -> Any:
        del label, total, unit
        yield lambda n=1: ticks.append(n)

    return progress


def test_bad_trials_are_given_up_early(dataset: Dataset, tmp_path: Path) -> None:
    found = tune(native_offer("repeat"), {}, dataset, Search(trials=16, seed=1), tmp_path / "s.db")
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 's.db'}")
    pruned = [trial for trial in study.get_trials() if trial.state.name == "PRUNED"]
    assert found.pruned == len(pruned) > 0
    assert all(len(trial.intermediate_values) < len(SHARES) for trial in pruned)
    assert all(len(t.intermediate_values) == len(SHARES) for t in study.get_trials() if t.state.name == "COMPLETE")


def test_nobody_of_the_metrics_part_is_tuned_on(dataset: Dataset, tmp_path: Path, monkeypatch: Any) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(tuning, "judged", lambda _offer, _recipe, split: seen.append(split) or {METRIC: 0.5})
    repeat = native_offer("repeat")
    tune(repeat, {}, dataset, Search(trials=1, seed=2), tmp_path / "s.db")
    tested = held_out(repeat, dataset, 2).users
    for split in seen:
        used = np.concatenate([part.interactions.user for part in (split.train, split.inputs, split.test)])
        assert not np.isin(tested, used).any()
        assert not np.isin(split.users, split.train.interactions.user).any()


def test_a_configuration_is_read_as_the_service_writes_it() -> None:
    hrnn = offer(RECIPE + "aws-hrnn")
    config = {
        "hpoConfig": {
            "hpoObjective": {"type": "Maximize", "metricName": "precision_at_25"},
            "hpoResourceConfig": {"maxNumberOfTrainingJobs": "3", "maxParallelTrainingJobs": "2"},
            "algorithmHyperParameterRanges": {
                "integerHyperParameterRanges": [{"name": "hidden_dimension", "minValue": 40, "maxValue": 50}],
                "categoricalHyperParameterRanges": [{"name": "recency_mask", "values": ["true"]}],
            },
        }
    }
    search = Search.of(hrnn, config)
    assert (search.trials, search.metric, search.maximize) == (3, "precision_at_25", True)
    assert search.ranges["hidden_dimension"].search == (40, 50) and search.ranges["recency_mask"].choices == ("true",)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hpoResourceConfig": {"maxNumberOfTrainingJobs": "many"}}, "maxNumberOfTrainingJobs is 'many'"),
        ({"hpoResourceConfig": {"maxParallelTrainingJobs": "0"}}, "maxParallelTrainingJobs is '0'"),
        ({"hpoObjective": {"type": "BEST"}}, "MAXIMIZE or MINIMIZE"),
        ({"name": "hidden_dimension", "minValue": 1, "maxValue": 50}, "expected 32 to 256"),
        ({"name": "hidden_dimension", "minValue": 60, "maxValue": 50}, "smaller one first"),
        ({"name": "layers", "minValue": 1, "maxValue": 2}, "no hyperparameter 'layers'"),
    ],
)
def test_what_makes_no_sense_is_refused(config: dict[str, Any], message: str) -> None:
    if "name" in config:
        config = {"algorithmHyperParameterRanges": {"integerHyperParameterRanges": [config]}}
    with pytest.raises(InputError, match=message):
        Search.of(offer(RECIPE + "aws-hrnn"), {"hpoConfig": config})


def test_an_unknown_metric_lists_those_there_are(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="coverage"):
        tune(native_offer("repeat"), {}, dataset, Search(metric="accuracy"), tmp_path / "s.db")


def test_without_optuna_it_says_how_to_install_it(dataset: Dataset, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ResourceError, match=r"endcap\[tune\]"):
        tune(native_offer("repeat"), {}, dataset, Search(), tmp_path / "s.db")


def test_a_version_is_trained_with_what_was_found(shop: tuple[Workspace, ShopKey]) -> None:
    workspace, _ = shop
    resources = {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "2", "maxParallelTrainingJobs": "1"}}
    solution(workspace, "tuned", "aws-sims", performHPO=True, solutionConfig={"hpoConfig": resources})
    record = version(workspace, "tuned", "77777777")
    trained = train_version(workspace, record)
    document = workspace.resources.get(record.account, "solution-version", record.id).document
    tuned = document["tunedHPOParams"]["algorithmHyperParameters"]
    assert all(isinstance(value, str) for value in tuned.values())
    assert trained.lineage.settings["discount"] == pytest.approx(float(tuned["popularity_discount_factor"]))
    assert trained.lineage.settings["min_support"] == int(tuned["min_cointeraction_count"])


def test_a_version_whose_process_was_killed_keeps_its_search(shop: tuple[Workspace, ShopKey]) -> None:
    workspace, _ = shop
    resources = {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "6"}}
    solution(workspace, "resumed", "endcap-repeat", performHPO=True, solutionConfig={"hpoConfig": resources})
    record = version(workspace, "resumed", "99999999")
    storage = workspace.settings.home / "training/99999999/search.db"
    seen: list[int] = []

    class Gone(BaseException):
        """Ends this process' work as its death would: the child is killed, nothing is tidied up."""

    @contextmanager
    def dying(label: str, total: int | None = None, unit: str = "") -> Any:
        del total, unit

        def tick(n: int = 1) -> None:
            seen.append(n)
            if label == "hyper-parameters" and len(seen) == 4:
                raise Gone

        yield tick

    with pytest.raises(Gone):
        train_version(workspace, record, progress=dying)
    before = len(trials(storage))
    assert 3 <= before < 6
    ticks: list[int] = []
    trained = train_version(workspace, record, progress=_counting(ticks))
    assert ticks[0] == before and trained.lineage.metrics["trials"] == 6
    assert not storage.parent.exists()
