"""Solution versions and recommenders: trained in real child processes, published once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from solution_shop import ITEMS, RECIPE, catalogue, commit, interactions, made, request, solution, version

from endcap.errors import InputError, StateError, UnknownName
from endcap.jobs.children import Stopped
from endcap.jobs.solution_data import MINIMUM, EventRule, Minimum, View, training_data
from endcap.jobs.solution_training import own_version, train_recommender, train_version
from endcap.jobs.training_child import run_training
from endcap.jobs.workspace import Workspace
from endcap.recipes.action_rate import TAKEN
from endcap.recipes.affinity import segments
from endcap.recipes.queries import Queries
from endcap.recipes.updated import weights_hash
from endcap.registry import artefacts
from endcap.registry.recipe_arns import Offer, offer, offers
from endcap.registry.resources import Resource
from endcap.seams import no_progress
from endcap.types import ShopKey


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ShopKey]:
    return made(tmp_path_factory.mktemp("solutions") / "home")


QUICK = {"endcap-ranked": {"retrieval": "item-item", "questions": "500", "trees": "20"}}
"""Of what takes long otherwise."""


@pytest.mark.parametrize("each", offers(), ids=lambda each: each.name)
def test_every_recipe_trains_something_that_answers(
    shop: tuple[Workspace, ShopKey], tmp_path: Path, each: Offer
) -> None:
    workspace, key = shop
    config = {"algorithmHyperParameters": QUICK[each.name]} if each.name in QUICK else {}
    report = run_training(request(workspace, tmp_path / "staging", each.name, solutionConfig=config), no_progress)
    read = artefacts.read(tmp_path / "staging", "0000beef", report.manifest)
    notes = msgspec.json.decode((tmp_path / "staging/lineage.json").read_bytes())["metrics"]
    assert notes["standsIn"] == each.stands_in and notes["native"] == each.native and notes["recipeArn"] == each.arn
    dataset = training_data(workspace.lake, key, workspace.lake.snapshot(key), each, View.of(each, {}), Minimum(100))
    if each.type == "USER_SEGMENTATION":
        users, scores = segments(read.recipe, read.items, dataset, [read.items.rows(["i0"])], 10)
        assert np.isfinite(scores).all()
        assert np.mean([int(name[1:]) % 2 == 0 for name in dataset.users.names(users[0])]) >= 0.8
        assert notes["metrics"]["recall_at_1_percent"] >= 0
    elif each.type == "PERSONALIZED_ACTIONS":
        codes = (TAKEN, "NOT_TAKEN")
        assert set(codes) <= set(read.event_types)
        scores = read.recipe.score(Queries.histories(dataset, np.array([0], np.int32)))[0]
        assert scores[read.items.rows(["a"])] > scores[read.items.rows(["c"])]
        assert notes["metrics"]["auc"] > 0.6
    elif each.type == "RELATED_ITEMS":
        found = read.recipe.similar(read.items.rows(["i2", "i3"]), 5).items
        if each.native != "semantic":  # which reads texts, and they say nothing of parity
            assert all(int(name[1:]) % 2 == row for row in (0, 1) for name in read.items.names(found[row]))
        assert {"coverage", "precision_at_25"} <= notes["metrics"].keys()
    else:
        top = read.recipe.recommend(Queries.histories(dataset), 5).items
        assert (top >= 0).all() and len({tuple(row) for row in top.tolist()}) >= 1
        assert notes["metrics"]["coverage"] > 0


def test_a_version_is_published_under_its_own_id_and_described(shop: tuple[Workspace, ShopKey]) -> None:
    workspace, _ = shop
    solution(
        workspace,
        "forme",
        "aws-user-personalization",
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32"}},
    )
    record = version(workspace, "forme", "11aa22bb")
    seen: list[str] = []

    def progress(label: str, total: int | None = None, unit: str = "") -> Any:
        seen.append(label)
        return no_progress(label, total, unit)

    trained = train_version(workspace, record, progress=progress)
    assert trained.id == "11aa22bb" and trained.recipe == "als" and trained.lineage.settings["factors"] == 32
    assert "alternating least squares" in seen
    document = workspace.resources.get(record.account, "solution-version", record.id).document
    assert document["_native"] == "als" and "hierarchical recurrent" in document["_standsIn"]
    assert document["_metrics"]["normalized_discounted_cumulative_gain_at_25"] > 0
    assert document["recipeArn"] == RECIPE + "aws-user-personalization" and "tunedHPOParams" not in document
    model = workspace.versions.load(trained)
    assert document["_weights"] == weights_hash(model.recipe)
    assert not list((workspace.settings.home / "training").glob("[!.]*"))
    assert train_version(workspace, record).created == trained.created  # once more is done already


@pytest.mark.parametrize("member", ["featureTransformationParameters", "algorithmHyperParameters"])
def test_how_often_trends_are_looked_for_is_told_in_either_place(
    shop: tuple[Workspace, ShopKey], tmp_path: Path, member: str
) -> None:
    workspace, _ = shop
    config = {member: {"trend_discovery_frequency": "1 day"}}
    asked = request(workspace, tmp_path / "staging", "aws-trending-now", solutionConfig=config)
    read = artefacts.read(tmp_path / "staging", "0000beef", run_training(asked, no_progress).manifest)
    settings = read.recipe.settings()
    assert (settings["window_days"], settings["baseline_days"]) == (1.0, 8.0)


def test_the_same_seed_gives_the_same_weights(shop: tuple[Workspace, ShopKey], tmp_path: Path) -> None:
    workspace, _ = shop
    hashes = []
    for turn in range(2):
        report = run_training(request(workspace, tmp_path / str(turn), "aws-hrnn"), no_progress)
        hashes.append(artefacts.read(tmp_path / str(turn), "0000beef", report.manifest))
    assert weights_hash(hashes[0].recipe) == weights_hash(hashes[1].recipe)


def test_an_update_takes_in_new_items_and_no_weight_changes(tmp_path: Path) -> None:
    workspace, key = made(tmp_path / "home")
    solution(workspace, "forme", "aws-user-personalization")
    with pytest.raises(InputError, match="no solution version to update"):
        train_version(workspace, version(workspace, "forme", "00000001", trainingMode="UPDATE"))
    first = train_version(workspace, version(workspace, "forme", "00000002"))
    commit(workspace, key, "items", catalogue(ITEMS + 4).slice(ITEMS), "INCREMENTAL")
    record = version(workspace, "forme", "00000003", trainingMode="UPDATE")
    second = train_version(workspace, record)
    models = [workspace.versions.load(each) for each in (first, second)]
    assert weights_hash(models[0].recipe) == weights_hash(models[1].recipe) == first.lineage.metrics["weights"]
    assert len(models[1].items) == len(models[0].items) + 4 and second.recipe == "updated"
    assert second.lineage.metrics["metrics"] == first.lineage.metrics["metrics"]
    rows = models[1].items.rows([f"i{ITEMS}", f"i{ITEMS + 1}"])
    even = Queries.histories(
        training_data(workspace.lake, key, workspace.lake.snapshot(key), offer(RECIPE + "aws-hrnn"), View()),
        np.array([0], np.int32),
    )
    scores = models[1].recipe.score(even)[0, rows]
    assert np.isfinite(scores).all() and scores[0] > scores[1]
    document = workspace.resources.get(record.account, "solution-version", record.id).document
    assert document["_weights"] == first.lineage.metrics["weights"] and document["trainingMode"] == "UPDATE"


def test_a_recommender_trains_once_for_each_job(shop: tuple[Workspace, ShopKey]) -> None:
    workspace, key = shop
    arn = RECIPE + "aws-ecomm-popular-items-by-views"
    record = workspace.resources.create(
        Resource(key.account, "recommender", "best", key.group, document={"name": "best", "recipeArn": arn}),
        verb="create",
    )
    # 840 views are too few for the service and for us.
    with pytest.raises(InputError, match="fewer than 1000 interactions after filtering by event type: View"):
        train_recommender(workspace, record)
    few = Minimum(interactions=500)
    first = train_recommender(workspace, record, minimum=few)
    assert train_recommender(workspace, record, minimum=few) == first
    assert first.solution == "recommender.best" and first.recipe == "popularity"
    document = workspace.resources.get(key.account, "recommender", "best").document
    assert document["modelMetrics"]["coverage"] > 0 and document["_native"] == "popularity"
    again = workspace.resources.change(workspace.resources.get(key.account, "recommender", "best"), verb="train")
    # Whoever else waits for the training runs as well, and is not the one who trains.
    waiting = workspace.resources.change(again, verb="stop")
    for job in workspace.jobs.on(waiting):
        workspace.jobs.start(job.id)
    trained = train_recommender(workspace, again, minimum=few)
    assert trained.id == own_version(next(job for job in workspace.jobs.on(waiting) if job.verb == "train"))
    assert train_recommender(workspace, again, minimum=few).id != first.id


def data(shop: tuple[Workspace, ShopKey], view: View, recipe: str = "aws-hrnn", minimum: Minimum = MINIMUM) -> Any:
    workspace, key = shop
    return training_data(workspace.lake, key, workspace.lake.snapshot(key), offer(RECIPE + recipe), view, minimum)


NONE = Minimum(0, 0)


def test_events_are_filtered_by_type_and_value_and_weighed(shop: tuple[Workspace, ShopKey]) -> None:
    hrnn = offer(RECIPE + "aws-hrnn")
    table = interactions().to_pydict()
    pairs = list(zip(table["event_type"], table["event_value"], strict=True))
    view = View.of(hrnn, {"eventValueThreshold": "3.5"}, "purchase")
    assert len(data(shop, view, minimum=NONE).interactions) == sum(t == "Purchase" and v >= 3.5 for t, v in pairs)
    parameters = [
        {"eventType": "View", "weight": 0.25},
        {"eventType": "Purchase", "weight": 1.0, "eventValueThreshold": 2.0},
        {"eventType": "Click", "weight": 0.0},
    ]
    found = data(shop, View.of(hrnn, {"eventsConfig": {"eventParametersList": parameters}}), minimum=NONE)
    events = found.interactions
    for name, least, weight in (("View", 0, 0.25), ("Purchase", 2.0, 1.0)):
        mine = events.event_type == found.event_types.index(name)
        assert mine.sum() == sum(t == name and v >= least for t, v in pairs)
        assert set(events.weight[mine].tolist()) == {weight}
    assert len(events) == sum(t == "View" or (t == "Purchase" and v >= 2) for t, v in pairs)


def test_too_little_data_is_said_in_the_words_of_the_service(shop: tuple[Workspace, ShopKey], tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^Dataset has fewer than 1000 interactions after filtering by event type: Rent"
    ):
        data(shop, View((EventRule("Rent"),)))
    with pytest.raises(InputError, match=r"^Dataset has fewer than 100 users with at least 36 interactions each"):
        data(shop, View(), minimum=Minimum(10, 100, 36))
    nothing = {"eventsConfig": {"eventParametersList": [{"eventType": "View", "weight": 0.0}]}}
    with pytest.raises(InputError, match="weight of 0"):
        View.of(offer(RECIPE + "aws-hrnn"), nothing)
    with pytest.raises(InputError, match="without an eventType"):
        View.of(offer(RECIPE + "aws-hrnn"), {"eventValueThreshold": "3"})


def test_columns_are_chosen(shop: tuple[Workspace, ShopKey]) -> None:
    only = data(shop, View(included={"ITEMS": ["CATEGORY_L1"]})).item_metadata
    assert only.column_names == ["item_id", "category_l1"]
    without = data(shop, View(excluded={"ITEMS": ["price", "NAME"]})).item_metadata
    assert without.column_names == ["item_id", "category_l1"]
    with pytest.raises(InputError, match="COLOUR"):
        data(shop, View(excluded={"ITEMS": ["COLOUR"]}))


def test_histories_of_unusual_length_are_left_out(tmp_path: Path) -> None:
    workspace, key = made(tmp_path / "home")
    many = pa.table(
        {"user_id": ["bot"] * 400, "item_id": ["i1"] * 400, "timestamp": np.arange(400) * 1000 + 1_700_000_000_000_000}
    )
    commit(workspace, key, "interactions", many, "INCREMENTAL")
    everyone = data((workspace, key), View())
    usual = data((workspace, key), View.of(offer(RECIPE + "aws-hrnn"), {}))
    bot = int(everyone.users.rows(["bot"])[0])
    assert (everyone.interactions.user == bot).sum() == 400 and not (usual.interactions.user == bot).any()
    assert len(np.unique(usual.interactions.user)) == 60
    # A recipe that leaves them out itself is given everyone: twice would be too many.
    own = data((workspace, key), View.of(offer(RECIPE + "endcap-hrnn"), {}), recipe="endcap-hrnn")
    assert len(own.interactions) == len(everyone.interactions)
    turned = {"min_user_history_length_percentile": "1.0", "max_user_history_length_percentile": "0.0"}
    with pytest.raises(InputError, match="min_user_history_length_percentile is 1, expected less"):
        View.of(offer(RECIPE + "aws-hrnn"), {"featureTransformationParameters": turned})


def test_missing_tables_and_unknown_recipes_are_named(tmp_path: Path, shop: tuple[Workspace, ShopKey]) -> None:
    workspace, key = shop
    bare = workspace.lake.snapshot(key)
    fewer = type(bare)({"interactions": bare.versions["interactions"]})
    for recipe, table in (("aws-semantic-similarity", "items"), ("aws-next-best-action", "actions")):
        with pytest.raises(StateError, match=table):
            training_data(workspace.lake, key, fewer, offer(RECIPE + recipe), View())
    solution(workspace, "odd", "aws-none")
    with pytest.raises(UnknownName, match="aws-none"):
        train_version(workspace, version(workspace, "odd", "dddddddd"))


SLOW = {"solutionConfig": {"algorithmHyperParameters": {"iterations": "100000", "factors": "256"}}}


def test_a_cancelled_training_stops_and_leaves_nothing(shop: tuple[Workspace, ShopKey]) -> None:
    workspace, _ = shop
    solution(workspace, "slow", "endcap-als", **SLOW)
    record = version(workspace, "slow", "eeeeeeee")
    begun = threading.Event()

    def progress(label: str, total: int | None = None, unit: str = "") -> Any:
        begun.set()
        return no_progress(label, total, unit)

    with pytest.raises(Stopped, match="slow/eeeeeeee was stopped"):
        train_version(workspace, record, progress=progress, cancelled=begun.is_set)
    with pytest.raises(UnknownName):
        workspace.versions.find("eeeeeeee")
    assert not (workspace.settings.home / "training/eeeeeeee").exists()


def test_an_abandoned_attempt_does_not_publish_after_a_newer_one(shop: tuple[Workspace, ShopKey]) -> None:
    workspace, _ = shop
    solution(workspace, "fenced", "aws-hrnn")
    record = version(workspace, "fenced", "fffffff0")
    job = workspace.jobs.start(workspace.jobs.on(record)[0].id)

    def taken_over(label: str, total: int | None = None, unit: str = "") -> Any:
        workspace.jobs.start(job.id)
        return no_progress(label, total, unit)

    with pytest.raises(StateError, match="not at attempt 1 any more"):
        train_version(workspace, record, progress=taken_over)
    with pytest.raises(UnknownName):
        workspace.versions.find("fffffff0")
    assert train_version(workspace, record).id == "fffffff0"


PARENT = """
import sys
from pathlib import Path
from contextlib import contextmanager
from endcap.jobs.solution_training import train_version
from endcap.jobs.workspace import open_workspace
from endcap.settings import Settings

@contextmanager
def progress(label, total=None, unit=""):
    print(label, flush=True)
    yield lambda n=1: None

workspace = open_workspace(Settings(home=Path(sys.argv[1])))
record = workspace.resources.get(workspace.settings.account_key, "solution-version", sys.argv[2])
train_version(workspace, record, progress=progress)
"""


def living_children(home: Path) -> list[int]:
    """Training children of this home that are alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if b"endcap.jobs.training_child" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_a_child_dies_with_its_parent_and_the_next_attempt_works(tmp_path: Path) -> None:
    workspace, _ = made(tmp_path / "home")
    solution(workspace, "killed", "endcap-als", **SLOW)
    record = version(workspace, "killed", "abababab")
    before = set(living_children(tmp_path))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "home"), record.id], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert parent.stdout is not None and parent.stdout.readline()
    mine = set(living_children(tmp_path)) - before
    assert mine
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 10
    while mine & set(living_children(tmp_path)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not mine & set(living_children(tmp_path))
    with pytest.raises(UnknownName):
        workspace.versions.find("abababab")
    # What a kill between the files and the row of a version leaves is in nobody's way.
    key = workspace.new_shop("mine")
    orphan = workspace.settings.home.joinpath("models", *key.parts(), "killed", "abababab")
    orphan.mkdir(parents=True)
    (orphan / "half").write_text("written")
    quick = {"solutionConfig": {"algorithmHyperParameters": {"iterations": "2", "factors": "8"}}}
    record = workspace.resources.change(record, document=quick)
    assert workspace.versions.load(train_version(workspace, record)).recipe.settings()["factors"] == 8


def test_what_an_anonymous_session_did_is_its_users(tmp_path: Path) -> None:
    workspace, key = made(tmp_path / "home")
    base = 1_700_000_000_000_000
    put = pa.table(
        {
            "user_id": ["s1", "s1", "u0", "s2"],
            "item_id": ["i1", "i3", "i5", "i7"],
            "timestamp": [base, base + 1, base + 2, base + 3],
            "session_id": ["s1", "s1", "s1", "s2"],
            "event_id": ["e1", "e2", "e3", "e4"],
            "ingestion": ["PUT"] * 4,
        }
    )
    before = data((workspace, key), View())
    commit(workspace, key, "interactions", put, "INCREMENTAL")
    after = data((workspace, key), View())
    lengths = [dict(zip(each.users.ids.to_pylist(), np.diff(each.indptr), strict=True)) for each in (before, after)]
    assert lengths[1]["u0"] == lengths[0]["u0"] + 3 and lengths[1]["s2"] == 1 and "s1" not in lengths[1]


def test_one_chosen_event_type_counts_as_one_whatever_its_usual_weight(shop: tuple[Workspace, ShopKey]) -> None:
    weights = data(shop, View((EventRule("view"),)), minimum=NONE).interactions.weight
    assert set(weights.tolist()) == {1.0}
