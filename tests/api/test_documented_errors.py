"""Each error that the service model documents for sending, asking and ranking, provoked once with the real client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from live_home import TRACKING, furnish
from shop_server import SHOP, Home, Server, running

from endcap.registry.resources import Resource, Resources

NOT_READY = "not-ready"
DATASETS = {"PutItems": "ITEMS", "PutUsers": "USERS", "PutActions": "ACTIONS"}
OTHER_TRACKING = "99999999-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.stock()
    add_unready(furnish(home))
    with running(home.settings) as server:
        yield server


def add_unready(records: Resources) -> None:
    """A second group whose datasets are still being made."""
    account = SHOP.account
    for kind in (*DATASETS.values(), "ACTION_INTERACTIONS"):
        schema = records.get(account, "schema", f"schema-{kind.lower()}")
        document = {"name": kind, "datasetType": kind, "schemaArn": schema.arn}
        records.create(
            Resource(account, "dataset", f"{NOT_READY}/{kind}", NOT_READY, "", "CREATE IN_PROGRESS", document)
        )
    document = {"name": "t", "trackingId": OTHER_TRACKING}
    records.create(Resource(account, "event-tracker", "99999999", NOT_READY, document=document))


def put(client: Any, operation: str, group: str, identity: str = "x1") -> None:
    kind = DATASETS[operation]
    members = {"items": "PutItems", "users": "PutUsers", "actions": "PutActions"}
    member = next(name for name, each in members.items() if each == operation)
    call: Callable[..., Any] = getattr(client, f"put_{member}")
    properties = {"items": '{"categoryL1": "hats", "price": 1}', "users": "{}", "actions": '{"value": 3}'}[member]
    call(
        datasetArn=SHOP.arn("dataset", f"{group}/{kind}"),
        **{member: [{f"{member[:-1]}Id": identity, "properties": properties}]},
    )


@pytest.mark.parametrize("operation", DATASETS)
def test_what_is_put_goes_to_a_dataset_that_is_there_and_ready(server: Server, operation: str) -> None:
    client = server.client("personalize-events")
    put(client, operation, SHOP.group)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        put(client, operation, "nowhere")
    with pytest.raises(client.exceptions.ResourceInUseException):
        put(client, operation, NOT_READY)
    with pytest.raises(client.exceptions.InvalidInputException):
        put(client, operation, SHOP.group, identity="x" * 257)


def test_action_interactions_need_a_tracker_and_a_dataset_that_is_ready(server: Server) -> None:
    client = server.client("personalize-events")
    event = {"actionId": "a1", "sessionId": "s", "userId": "u1", "timestamp": 1_790_000_000, "eventType": "TAKEN"}
    for tracking, error in (
        ("00000000-0000-0000-0000-000000000000", client.exceptions.ResourceNotFoundException),
        (OTHER_TRACKING, client.exceptions.ResourceInUseException),
    ):
        with pytest.raises(error):
            client.put_action_interactions(trackingId=tracking, actionInteractions=[event])
    with pytest.raises(client.exceptions.InvalidInputException):
        client.put_action_interactions(trackingId=TRACKING, actionInteractions=[{**event, "eventType": "MAYBE"}])


def test_nobody_answers_for_a_campaign_that_is_not_there(server: Server) -> None:
    client = server.client()
    arn = SHOP.arn("campaign", "gone")
    for ask in (
        lambda: client.get_recommendations(campaignArn=arn, userId="u1"),
        lambda: client.get_action_recommendations(campaignArn=arn, userId="u1"),
        lambda: client.get_personalized_ranking(campaignArn=arn, userId="u1", inputList=["i1"]),
    ):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            ask()
