"""Schedules under a clock that the test turns: what is due, once, however long nobody looked."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.jobs.due import (
    FIRST_TRAINING,
    WEEKLY,
    WINDOW,
    Attribution,
    Due,
    Follower,
    Recommender,
    Solution,
    State,
    Trained,
    due,
)
from endcap.jobs.schedules import Schedules
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.registry.resources import Resource
from endcap.seams import FrozenClock
from endcap.settings import Settings
from endcap.types import DAY, HOUR, MINUTE, Micros

NOW = Micros(1_700_000_000_000_000)
ARN = "arn:aws:personalize:us-east-1:000000000000:solution/s"


def at(moment: int) -> Micros:
    return Micros(moment)


def calm(**state: object) -> State:
    """A state in which only what is given can be due."""
    return State(sunk=NOW, sink_every=1000 * WEEKLY, **state)  # type: ignore[arg-type]


def test_the_first_training_comes_within_the_hour_unless_someone_was_quicker() -> None:
    fresh = Solution(ARN, NOW, automatic=True)
    assert FIRST_TRAINING <= HOUR
    assert due(at(NOW + FIRST_TRAINING - 1), calm(solutions=[fresh])) == []
    assert due(at(NOW + FIRST_TRAINING), calm(solutions=[fresh])) == [Due("train-solution", ARN)]
    by_hand = Solution(ARN, NOW, automatic=True, versions=[Trained(at(NOW + MINUTE), automatic=False)])
    assert due(at(NOW + DAY), calm(solutions=[by_hand])) == []
    assert due(at(NOW + MINUTE + WEEKLY), calm(solutions=[by_hand])) == [Due("train-solution", ARN)]
    manual = Solution(ARN, NOW, automatic=False)
    assert due(at(NOW + 100 * DAY), calm(solutions=[manual])) == []


def test_trainings_follow_the_expression_and_not_the_trainings_by_hand() -> None:
    versions = [Trained(at(NOW + HOUR), automatic=True), Trained(at(NOW + 2 * DAY), automatic=False)]
    solution = Solution(ARN, NOW, automatic=True, every=3 * DAY, versions=versions)
    assert due(at(NOW + HOUR + 3 * DAY - 1), calm(solutions=[solution])) == []
    assert due(at(NOW + HOUR + 3 * DAY), calm(solutions=[solution])) == [Due("train-solution", ARN)]
    busy = Solution(ARN, NOW, automatic=True, versions=[Trained(at(NOW), automatic=True, unfinished=True)])
    assert due(at(NOW + 100 * DAY), calm(solutions=[busy])) == []


def test_recommenders_windows_followers_and_the_sink() -> None:
    recommender = Recommender("r", NOW)
    assert due(at(NOW + WEEKLY - 1), calm(recommenders=[recommender])) == []
    assert due(at(NOW + WEEKLY), calm(recommenders=[recommender])) == [Due("train-recommender", "r")]
    assert due(at(NOW + WEEKLY), calm(recommenders=[Recommender("r", NOW, busy=True)])) == []
    quarter = at(NOW // WINDOW * WINDOW)
    attribution = Attribution("a", quarter)
    assert due(at(quarter + WINDOW - 1), calm(attributions=[attribution])) == []
    assert due(at(quarter + WINDOW), calm(attributions=[attribution])) == [Due("write-metrics", "a")]
    assert due(NOW, calm(followers=[Follower("c", has="1", newest="2")])) == [Due("follow", "c")]
    assert due(NOW, calm(followers=[Follower("c", has="2", newest="2"), Follower("d", has="1", newest="")])) == []
    assert due(NOW, State(sunk=at(NOW - MINUTE))) == [Due("sink")]
    assert due(at(NOW + 30), State(sunk=NOW)) == []


@given(st.integers(0, 400 * DAY), st.integers(1, 30))
def test_what_was_missed_is_caught_up_once(late: int, days: int) -> None:
    """Whoever slept through many periods trains once, and then waits a whole period."""
    solution = Solution(ARN, NOW, automatic=True, every=days * DAY, versions=[Trained(NOW, automatic=True)])
    moment = at(NOW + days * DAY + late)
    assert due(moment, calm(solutions=[solution])) == [Due("train-solution", ARN)]
    after = Solution(ARN, NOW, automatic=True, every=days * DAY, versions=[*solution.versions, Trained(moment, True)])
    assert due(at(moment + days * DAY - 1), calm(solutions=[after])) == []
    assert len(due(at(moment + days * DAY), calm(solutions=[after]))) == 1


def test_new_items_are_taken_in_between_trainings_and_move_none_of_them() -> None:
    trained = Trained(NOW, automatic=True)
    solution = Solution(ARN, NOW, automatic=True, versions=[trained], updated_every=2 * HOUR, news=True)
    assert due(at(NOW + 2 * HOUR - 1), calm(solutions=[solution])) == []
    assert due(at(NOW + 2 * HOUR), calm(solutions=[solution])) == [Due("update-solution", ARN)]
    assert due(at(NOW + 2 * HOUR), calm(solutions=[replace(solution, news=False)])) == []
    assert due(at(NOW + 2 * HOUR), calm(solutions=[replace(solution, updated_every=0)])) == []
    updated = replace(solution, versions=[trained, Trained(at(NOW + 6 * DAY), automatic=True, update=True)])
    assert due(at(NOW + WEEKLY - 1), calm(solutions=[replace(updated, news=False)])) == []
    assert due(at(NOW + WEEKLY), calm(solutions=[updated])) == [Due("train-solution", ARN)]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def workspace(tmp_path: Path, clock: FrozenClock) -> Iterator[Workspace]:
    opened = open_workspace(Settings(home=tmp_path / "home"), clock)
    yield opened
    opened.database.close()


def add(workspace: Workspace, kind: str, identity: str, parent: str = "", **document: object) -> Resource:
    account = workspace.settings.account_key
    return workspace.resources.create(Resource(account, kind, identity, "corner", parent, "ACTIVE", document))


def test_schedules_ask_for_jobs_like_anyone(workspace: Workspace, clock: FrozenClock) -> None:
    rate = {"autoTrainingConfig": {"schedulingExpression": "rate(2 days)"}}
    solution = add(workspace, "solution", "s", performAutoTraining=True, solutionConfig=rate, recipeArn="r")
    schedules = Schedules(workspace)
    assert schedules.tick() == []
    clock.at = at(NOW + HOUR)
    assert Due("train-solution", solution.arn) in schedules.tick()
    (version,) = workspace.resources.list(solution.account, "solution-version", parent="s")
    assert version.status == "CREATE PENDING" and version.document["trainingType"] == "AUTOMATIC"
    assert version.document["recipeArn"] == "r" and version.document["solutionConfig"] == rate
    (job,) = workspace.jobs.pending()
    assert (job.verb, job.kind, job.resource) == ("create", "solution-version", version.id)
    assert Due("train-solution", solution.arn) not in schedules.tick()
    workspace.jobs.end(job.id, "done")
    workspace.resources.change(version, status="ACTIVE")
    clock.at = at(NOW + HOUR + 30 * DAY)
    assert Due("train-solution", solution.arn) in schedules.tick()
    assert len(workspace.resources.list(solution.account, "solution-version", parent="s")) == 2


def test_a_campaign_follows_its_solution_once_for_each_version(workspace: Workspace, clock: FrozenClock) -> None:
    solution = add(workspace, "solution", "s")
    old = add(workspace, "solution-version", "s/00000001", "s")
    config = {"syncWithLatestSolutionVersion": True}
    campaign = add(workspace, "campaign", "c", "s", solutionVersionArn=old.arn, campaignConfig=config)
    add(workspace, "campaign", "still", "s", solutionVersionArn=old.arn)
    schedules = Schedules(workspace)
    assert schedules.tick() == []
    clock.at = at(NOW + 1)
    new = add(workspace, "solution-version", "s/00000002", "s")
    assert schedules.tick() == [Due("follow", campaign.arn)]
    assert schedules.tick() == []
    (job,) = workspace.jobs.pending()
    assert (job.verb, job.kind, job.resource) == ("update", "campaign", "c")
    latest = workspace.resources.find(campaign.arn).document["latestCampaignUpdate"]
    assert latest["solutionVersionArn"] == new.arn and latest["status"] == "UPDATE PENDING"
    workspace.jobs.end(job.id, "failed")
    failed = {"latestCampaignUpdate": {**latest, "status": "UPDATE FAILED"}}
    workspace.resources.change(workspace.resources.find(campaign.arn), document=failed)
    assert schedules.tick() == []
    assert solution.arn in new.arn


def test_a_served_version_takes_in_new_items_and_its_campaign_follows(workspace: Workspace, clock: FrozenClock) -> None:
    served = add(workspace, "solution", "v1", recipeArn="arn:aws:personalize:::recipe/aws-user-personalization")
    add(workspace, "solution", "idle", recipeArn=served.document["recipeArn"])
    asked = add(workspace, "solution", "own", recipeArn="r", performIncrementalUpdate=True)
    for name in ("v1", "idle", "own"):
        add(workspace, "solution-version", f"{name}/{name:0>8}", name, _snapshot="interactions@0,items@0")
    first = workspace.resources.find(f"{served.arn}/{'v1':0>8}")
    campaign = add(workspace, "campaign", "c", "v1", solutionVersionArn=first.arn)
    schedules = Schedules(workspace)
    workspace.snapshots.announce(served.shop_key, "interactions@5,items@0")
    clock.at = at(NOW + 3 * HOUR)
    assert [each.what for each in schedules.tick()] == ["sink"], "no items came"
    workspace.snapshots.announce(served.shop_key, "interactions@5,items@1")
    assert schedules.tick() == [Due("update-solution", asked.arn), Due("update-solution", served.arn)]
    assert schedules.tick() == [], "one at a time"
    version = workspace.resources.list(served.account, "solution-version", parent="v1")[-1]
    assert (version.document["trainingMode"], version.document["trainingType"]) == ("UPDATE", "AUTOMATIC")
    workspace.resources.change(version, status="ACTIVE", document={"_snapshot": "interactions@5,items@1"})
    assert schedules.tick() == [Due("follow", campaign.arn)]
    latest = workspace.resources.find(campaign.arn).document["latestCampaignUpdate"]
    assert latest["solutionVersionArn"] == version.arn
    document = {"solutionVersionArn": version.arn, "latestCampaignUpdate": None}
    workspace.resources.change(workspace.resources.find(campaign.arn), document=document)
    for job in workspace.jobs.pending():
        workspace.jobs.end(job.id, "done")
    clock.at = at(NOW + 4 * HOUR)
    add(workspace, "solution-version", "v1/0000000f", "v1", trainingMode="FULL")
    assert schedules.tick() == [Due("sink")], "another training is nobody's update"


def test_nothing_is_trained_for_what_was_just_stopped(workspace: Workspace, clock: FrozenClock) -> None:
    recommender = add(workspace, "recommender", "r")
    schedules = Schedules(workspace)
    clock.at = at(NOW + WEEKLY)
    seen = schedules.state()
    workspace.resources.change(recommender, status="STOP PENDING", verb="stop")
    schedules.state = lambda: seen  # type: ignore[method-assign]
    assert Due("train-recommender", recommender.arn) in schedules.tick()
    assert [job.verb for job in workspace.jobs.pending()] == ["stop"]


def test_recommenders_and_metrics_have_jobs_of_their_own(workspace: Workspace, clock: FrozenClock) -> None:
    recommender = add(workspace, "recommender", "r")
    attribution = add(workspace, "metric-attribution", "m")
    schedules = Schedules(workspace)
    clock.at = at(NOW + WEEKLY)
    asked = schedules.tick()
    assert Due("train-recommender", recommender.arn) in asked and Due("write-metrics", attribution.arn) in asked
    assert sorted(job.name for job in workspace.jobs.pending()) == ["train recommender", "write metric-attribution"]
    for job in workspace.jobs.pending():
        workspace.jobs.end(job.id, "failed", "no data")
    assert schedules.tick() == []
