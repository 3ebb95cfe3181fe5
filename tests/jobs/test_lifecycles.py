"""Statuses that resources pass, and what updates, stops and failures leave behind."""

from collections.abc import Iterator

import pytest

from endcap.jobs.deploying import LATEST
from endcap.jobs.lifecycles import Lifecycle
from endcap.jobs.table import LIFECYCLES
from endcap.jobs.training import train as train_here
from endcap.registry.dependencies import Dependencies
from endcap.registry.resources import KINDS, Resource
from jobs_home import SHOP, JobsHome

POPULAR = "arn:aws:personalize:::recipe/aws-popularity-count"
BOUGHT = "arn:aws:personalize:::recipe/aws-ecomm-popular-items-by-purchases"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobsHome]:
    """A shop with data and a trained solution, its jobs process running."""
    opened = JobsHome(tmp_path_factory.mktemp("lifecycles") / "home")
    opened.make_shop()
    opened.start(ready=False)
    opened.ended(opened.import_events("base", opened.put("base.csv", opened.events(60))))
    opened.create("solution", "sol", {"name": "sol", "recipeArn": POPULAR}, status="ACTIVE", verb="")
    assert opened.ended(train(opened, "00000001")).status == "ACTIVE"
    yield opened
    opened.close()


def train(home: JobsHome, identity: str, **document: object) -> Resource:
    document = {"name": f"sol/{identity}", "recipeArn": POPULAR, "trainingMode": "FULL", **document}
    return home.create("solution-version", f"sol/{identity}", document, parent="sol")


def campaign(home: JobsHome, name: str, version: str = LATEST, **document: object) -> Resource:
    solution = home.workspace.resources.get(home.settings.account_key, "solution", "sol")
    document = {"name": name, "solutionVersionArn": f"{solution.arn}/{version}", "minProvisionedTPS": 1, **document}
    return home.create("campaign", name, document)


def ask(home: JobsHome, resource: Resource, verb: str, **change: object) -> Resource:
    there = home.workspace.resources.get(resource.account, resource.kind, resource.id)
    return home.workspace.resources.change(there, verb=verb, **change)  # type: ignore[arg-type]


def test_every_kind_can_be_made_and_what_has_a_delete_can_be_deleted() -> None:
    made = {kind for verb, kind in LIFECYCLES if verb == "create"}
    assert made == set(KINDS) - {"schema"} | {"file-import", "evaluation"}  # our own, beside the service's
    deletable = {kind for verb, kind in LIFECYCLES if verb == "delete"}
    assert deletable == {
        "dataset-group",
        "dataset",
        "solution",
        "campaign",
        "recommender",
        "filter",
        "event-tracker",
        "metric-attribution",
    }
    for lifecycle in LIFECYCLES.values():
        names = [name for name, _ in lifecycle.steps]
        assert isinstance(lifecycle, Lifecycle) and len(set(names)) == len(names)


def test_a_campaign_of_the_latest_version_is_updated_and_deleted(home: JobsHome) -> None:
    made = home.ended(campaign(home, "latest"))
    assert made.status == "ACTIVE" and made.document["solutionVersionArn"].endswith("sol/00000001")
    latest = {"status": "UPDATE PENDING", "minProvisionedTPS": 5, "campaignConfig": {"itemExplorationConfig": {}}}
    ask(home, made, "update", document={"latestCampaignUpdate": latest})
    updated = home.ended(made)
    assert updated.status == "ACTIVE" and updated.document["minProvisionedTPS"] == 5
    assert updated.document["latestCampaignUpdate"]["status"] == "ACTIVE"
    assert home.workspace.campaigns.current(made.shop_key, "latest").generation == 2
    ask(home, made, "delete", status="DELETE PENDING")
    home.gone(made)
    assert "latest" not in [each.campaign for each in home.workspace.campaigns.list(made.shop_key)]


def test_an_update_that_fails_leaves_what_served(home: JobsHome) -> None:
    made = home.ended(campaign(home, "keeps"))
    latest = {"status": "UPDATE PENDING", "solutionVersionArn": f"{made.document['solutionVersionArn'][:-1]}9"}
    ask(home, made, "update", document={"latestCampaignUpdate": latest})
    after = home.ended(made)
    assert after.status == "ACTIVE" and after.document["solutionVersionArn"] == made.document["solutionVersionArn"]
    assert after.document["latestCampaignUpdate"]["status"] == "UPDATE FAILED"
    assert after.document["latestCampaignUpdate"]["failureReason"]
    assert home.workspace.campaigns.current(made.shop_key, "keeps").generation == 1


def test_an_update_waits_for_every_living_server_and_is_taken_back_when_stopped(home: JobsHome) -> None:
    made = home.ended(campaign(home, "served"))
    servers = home.workspace.servers
    servers.renew("a", {made.arn: 1})
    try:
        latest = {"status": "UPDATE PENDING", "minProvisionedTPS": 3}
        ask(home, made, "update", document={"latestCampaignUpdate": latest})
        home.until(lambda: home.workspace.campaigns.current(made.shop_key, "served").generation == 2)
        assert (
            home.workspace.resources.find(made.arn).document["latestCampaignUpdate"]["status"] == "UPDATE IN_PROGRESS"
        )
        servers.renew("a", {made.arn: 2})
        assert home.ended(made).document["latestCampaignUpdate"]["status"] == "ACTIVE"
        ask(home, made, "update", document={"latestCampaignUpdate": {**latest, "minProvisionedTPS": 9}})
        home.until(lambda: home.workspace.campaigns.current(made.shop_key, "served").generation == 3)
        home.workspace.jobs.cancel(home.job(made).id)
        after = home.ended(made)
        assert after.document["latestCampaignUpdate"]["status"] == "UPDATE FAILED"
        assert after.document["minProvisionedTPS"] == 3
        current = home.workspace.campaigns.current(made.shop_key, "served")
        assert current.generation == 4 and current.config.guaranteed_tps == 3
    finally:
        servers.leave("a")


def test_a_recommender_is_trained_stopped_started_and_deleted(home: JobsHome) -> None:
    made = home.create("recommender", "rec", {"name": "rec", "recipeArn": BOUGHT})
    found = home.ended(made)
    assert found.status == "ACTIVE", home.job(made).reason
    assert found.arn in [each.arn for each in home.workspace.campaigns.list(made.shop_key)]
    ask(home, made, "stop", status="STOP PENDING")
    assert home.ended(made).status == "INACTIVE"
    assert found.arn not in [each.arn for each in home.workspace.campaigns.list(made.shop_key)]
    ask(home, made, "start", status="START PENDING")
    assert home.ended(made).status == "ACTIVE"
    ask(home, made, "train")
    assert home.ended(made).status == "ACTIVE" and home.job(made).status == "done"
    assert len(home.workspace.versions.list(made.shop_key, "recommender.rec")) == 2
    assert home.workspace.campaigns.current(made.shop_key, "rec", kind="recommender").generation == 2
    config = {"trainingDataConfig": {"excludedDatasetColumns": {}}}
    for verb, versions in (("update", 2), ("retrain", 3)):
        ask(home, made, verb, document={"latestRecommenderUpdate": {"recommenderConfig": config}})
        after = home.ended(made).document
        assert after["recommenderConfig"] == config and after["latestRecommenderUpdate"]["status"] == "ACTIVE"
        trained = home.workspace.versions.list(made.shop_key, "recommender.rec")
        assert len(trained) == versions
    served = home.workspace.campaigns.current(made.shop_key, "rec", kind="recommender")
    assert served.generation == 4 and served.variants[0].version_id == trained[0].id
    servers, arns = home.workspace.servers, [each.arn for each in trained]
    servers.renew("stuck", {made.arn: 4})  # it was trained and published, and then no server could load it
    try:
        ask(home, made, "train")
        home.until(lambda: home.workspace.campaigns.current(made.shop_key, "rec", kind="recommender").generation == 5)
        home.workspace.jobs.cancel(home.job(made).id)
        assert home.ended(made).status == "ACTIVE" and home.job(made).status == "stopped"
    finally:
        servers.leave("stuck")
    assert [each.arn for each in home.workspace.versions.list(made.shop_key, "recommender.rec")] == arns
    folder = home.settings.home.joinpath("models", *made.shop_key.parts(), "recommender.rec")
    assert len([path for path in folder.iterdir() if not path.name.startswith(".")]) == 3
    assert home.workspace.campaigns.current(made.shop_key, "rec", kind="recommender").variants == served.variants
    ask(home, made, "train", status="INACTIVE")
    assert home.ended(made).status == "INACTIVE", "whoever stopped it meanwhile has the say"
    ask(home, made, "delete", status="DELETE PENDING")
    home.gone(made)
    assert home.workspace.versions.list(made.shop_key, "recommender.rec") == []


def test_an_update_of_the_configuration_leaves_an_experiment_as_it_is(home: JobsHome) -> None:
    campaigns, made = home.workspace.campaigns, home.ended(campaign(home, "split"))
    other = train_here(home.workspace, made.shop_key, "popularity", solution="sol")
    try:
        campaigns.deploy(made.shop_key, "split", other, 30, record=True)
        for verb, cancel in (("update", False), ("update", True)):
            if cancel:
                home.workspace.servers.renew("stuck", {made.arn: 1})
            latest = {"status": "UPDATE PENDING", "minProvisionedTPS": 4 + cancel}
            if cancel:
                latest["solutionVersionArn"] = other.arn
            ask(home, made, verb, document={"latestCampaignUpdate": latest})
            if cancel:
                home.until(lambda: campaigns.current(made.shop_key, "split").generation == 4)
                home.workspace.jobs.cancel(home.job(made).id)
            home.ended(made)
            weights = {each.version_id: each.weight for each in campaigns.current(made.shop_key, "split").variants}
            assert weights == {"00000001": 70, other.id: 30}
    finally:
        home.workspace.servers.leave("stuck")
        home.workspace.versions.delete(other)
        home.workspace.resources.delete(home.workspace.resources.find(other.arn))


def test_what_could_not_be_deleted_is_deleted_when_asked_again(home: JobsHome) -> None:
    made = home.ended(campaign(home, "reluctant"))
    ask(home, made, "", status="DELETE FAILED", document={"failureReason": "It was stopped."})
    Dependencies(home.workspace.database).delete(made)
    home.gone(made)
    assert "reluctant" not in [each.campaign for each in home.workspace.campaigns.list(made.shop_key)]


def test_a_version_that_is_stopped_leaves_none(home: JobsHome) -> None:
    version = train(home, "00000002")
    home.until(lambda: home.status(version) == "CREATE IN_PROGRESS")
    ask(home, version, "", status="CREATE STOPPING")
    home.workspace.jobs.cancel(home.job(version).id)
    assert home.ended(version).status == "CREATE STOPPED"
    assert [each.id for each in home.workspace.versions.list(version.shop_key, "sol")] == ["00000001"]


def test_too_little_data_is_said_in_the_services_words(home: JobsHome) -> None:
    home.create("dataset-group", "empty", {"name": "empty"}, shop="empty", status="ACTIVE", verb="")
    solution = {"name": "hopeless", "recipeArn": POPULAR}
    home.create("solution", "hopeless", solution, shop="empty", status="ACTIVE", verb="")
    version = {"name": "hopeless/00000003", "recipeArn": POPULAR}
    made = home.create("solution-version", "hopeless/00000003", version, parent="hopeless", shop="empty")
    found = home.ended(made)
    assert found.status == "CREATE FAILED" and found.document["failureReason"]


def test_other_updates(home: JobsHome) -> None:
    dataset = home.workspace.resources.get(home.settings.account_key, "dataset", f"{SHOP}/ITEMS")
    schema = home.create("schema", "other", {"schema": "{}"}, shop="", status="ACTIVE", verb="")
    ask(
        home, dataset, "update", document={"latestDatasetUpdate": {"schemaArn": schema.arn, "status": "UPDATE PENDING"}}
    )
    assert home.ended(dataset).document["schemaArn"] == schema.arn
    solution = home.workspace.resources.get(home.settings.account_key, "solution", "sol")
    latest = {"performAutoTraining": False, "solutionUpdateConfig": {"eventsConfig": {}}, "status": "UPDATE PENDING"}
    ask(home, solution, "update", document={"latestSolutionUpdate": latest})
    found = home.ended(solution)
    assert found.document["performAutoTraining"] is False and found.document["solutionConfig"] == {"eventsConfig": {}}
    assert found.document["latestSolutionUpdate"]["status"] == "ACTIVE"


def test_what_nobody_can_do_fails_and_says_so(home: JobsHome) -> None:
    tracker = home.create("event-tracker", "abcd", {"name": "t"}, verb="start")
    home.ended(tracker)
    assert home.job(tracker).status == "failed" and "no way to start" in home.job(tracker).reason
