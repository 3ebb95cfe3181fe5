"""A model that was trained with a feature group of customers follows PutRecord, over boto3."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from feature_shelf import Shelf
from live_home import furnish
from shop_server import SHOP, Home, Server, running

from endcap.features.groups import Feature, FeatureGroup
from endcap.jobs.sinking import sink_all
from endcap.jobs.training import train
from endcap.jobs.workspace import open_workspace
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.lineage import USER_GROUPS
from endcap.storage.log import open_log
from endcap.stream.collect import feature_record
from endcap.types import SECOND, Micros

NOW = int(time.time()) - 60
FEATURES = (Feature("customer_id", "String"), Feature("EventTime", "Fractional"), Feature("Club", "String"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A model that learned of the clubs of 24 customers from their group."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.stock()
    furnish(home)
    told = FeatureGroup(SHOP.account, "customers", "customer_id", "EventTime", FEATURES)
    group = FeatureGroups(home.database).create(told)
    log = open_log(home.settings.log)
    rows = [{"customer_id": f"u{n}", "EventTime": str(NOW), "Club": ("even", "odd")[n % 2]} for n in range(24)]
    written = Micros(NOW * SECOND)
    log.append([feature_record(SHOP.account, group.record(row), written, index=n) for n, row in enumerate(rows)])
    log.close()
    workspace = open_workspace(home.settings)
    sink_all(workspace)
    version = train(workspace, SHOP, "fm", settings={"factors": 4, "epochs": 20}, groups={"customers": "user_id"})
    assert version.lineage.metrics[USER_GROUPS] == ["customers"]
    home.campaigns.deploy(SHOP, "told", version)
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with running(home.settings) as server:
        yield server


def slate(server: Server, user: str) -> tuple[str, list[str]]:
    answer = server.client().get_recommendations(campaignArn=SHOP.arn("campaign", "told"), userId=user, numResults=6)
    return answer["ResponseMetadata"]["HTTPHeaders"]["x-endcap-rung"], [each["itemId"] for each in answer["itemList"]]


def test_a_record_changes_what_a_new_customer_is_shown(server: Server) -> None:
    shelf = Shelf(server)
    assert slate(server, "new")[0] != "personal"
    for step, club in enumerate(("odd", "even")):
        shelf.put("customers", "new", NOW + step, values={"Club": club})
        rung, items = slate(server, "new")
        assert rung == "personal" and {int(item[1:]) % 2 for item in items} == {int(club == "odd")}
    shelf.runtime.delete_record(
        FeatureGroupName="customers", RecordIdentifierValueAsString="new", EventTime=str(NOW + 9)
    )
    assert slate(server, "new")[0] != "personal"


def test_a_solution_names_groups_that_there_are(server: Server) -> None:
    client = server.client("personalize")

    def solution(name: str, **told: str) -> str:
        config = {"featureTransformationParameters": told}
        given = {"datasetGroupArn": SHOP.arn("dataset-group", SHOP.group), "performAutoTraining": False}
        recipe = "arn:aws:personalize:::recipe/endcap-fm"
        return str(client.create_solution(name=name, recipeArn=recipe, solutionConfig=config, **given)["solutionArn"])

    made = solution("told", user_feature_groups="customers")
    config = client.describe_solution(solutionArn=made)["solution"]["solutionConfig"]
    assert config["featureTransformationParameters"] == {"user_feature_groups": "customers"}
    with pytest.raises(ClientError, match="no-such"):
        solution("gone", user_feature_groups="customers,no-such")
    with pytest.raises(ClientError, match="no hyperparameter 'feature_groups'"):
        solution("misspelt", feature_groups="customers")
