"""`sagemaker`'s operations of the feature store with boto3 against a real server."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feature_shelf import DEFINITIONS, OFFLINE, Shelf, refused
from shop_server import Server, running

from endcap.api.app import create_app
from endcap.api.featurestore.control import OPERATIONS
from endcap.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "feature-store.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(Settings(home=tmp_path_factory.mktemp("home"), port=0)) as server:
        yield server


@pytest.fixture(scope="module")
def shelf(server: Server) -> Shelf:
    return Shelf(server)


def names(answer: dict[str, Any]) -> list[str]:
    return [each["FeatureGroupName"] for each in answer["FeatureGroupSummaries"]]


def test_a_group_is_described_as_it_was_made(shelf: Shelf) -> None:
    started = time.time()
    online = {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Days", "Value": 3}, "StorageType": "Standard"}
    arn = shelf.create(
        "described", OnlineStoreConfig=online, Description="who buys", Tags=[{"Key": "team", "Value": "x"}]
    )
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:feature-group/described"
    for named in ("described", arn):
        told = shelf.control.describe_feature_group(FeatureGroupName=named)
        assert told["FeatureGroupArn"] == arn and told["FeatureGroupStatus"] == "Created"
        assert told["FeatureDefinitions"] == DEFINITIONS and told["OnlineStoreConfig"] == online
        assert told["OfflineStoreConfig"] == OFFLINE and told["OfflineStoreStatus"] == {"Status": "Active"}
        assert (told["RecordIdentifierFeatureName"], told["EventTimeFeatureName"]) == ("customer_id", "EventTime")
        assert told["Description"] == "who buys" and abs(told["CreationTime"].timestamp() - started) < 60
    assert "OnlineStoreConfig" not in shelf.control.describe_feature_group(
        FeatureGroupName=shelf.create("quiet", OnlineStoreConfig={"EnableOnlineStore": False}).rpartition("/")[2]
    )


def test_groups_that_cannot_be_made(shelf: Shelf) -> None:
    shelf.create("once")
    refused("ResourceInUse", shelf.create, "already exists", name="once")
    for more, said in (
        ({"OnlineStoreConfig": None, "OfflineStoreConfig": None}, "needs an online store, an offline store"),
        ({"EventTimeFeatureName": "age"}, "EventTimeFeatureName 'age'"),
        ({"RecordIdentifierFeatureName": "nobody"}, "RecordIdentifierFeatureName 'nobody'"),
        ({"FeatureDefinitions": [*DEFINITIONS, {"FeatureName": "write_time", "FeatureType": "String"}]}, "is reserved"),
        ({"FeatureDefinitions": [*DEFINITIONS, {"FeatureName": "AGE", "FeatureType": "String"}]}, "occurs twice"),
        ({"FeatureDefinitions": [{"FeatureName": "a", "FeatureType": "Decimal"}]}, "enum value set: [Integral"),
        ({"OnlineStoreConfig": {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Days"}}}, "needs Unit and Value"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "is reserved"),
    ):
        refused("ValidationException", shelf.create, said, name="never", **more)
    refused("ValidationException", shelf.create, "regular expression pattern", name="no_")
    refused("ResourceNotFound", shelf.control.describe_feature_group, FeatureGroupName="never")


def test_groups_change_and_go(shelf: Shelf) -> None:
    shelf.create("moving")
    update = shelf.control.update_feature_group
    update(FeatureGroupName="moving", FeatureAdditions=[{"FeatureName": "state", "FeatureType": "String"}])
    update(FeatureGroupName="moving", OnlineStoreConfig={"TtlDuration": {"Unit": "Hours", "Value": 2}},
           ThroughputConfig={"ThroughputMode": "OnDemand"})  # fmt: skip
    told = shelf.control.describe_feature_group(FeatureGroupName="moving")
    assert told["FeatureDefinitions"][-1] == {"FeatureName": "state", "FeatureType": "String"}
    assert told["OnlineStoreConfig"]["TtlDuration"] == {"Unit": "Hours", "Value": 2}
    assert told["ThroughputConfig"] == {"ThroughputMode": "OnDemand"}
    assert told["LastUpdateStatus"] == {"Status": "Successful"} and told["LastModifiedTime"] >= told["CreationTime"]
    added = [{"FeatureName": "State", "FeatureType": "String"}]
    refused("ValidationException", update, "occurs twice", FeatureGroupName="moving", FeatureAdditions=added)
    refused("ValidationException", update, "Nothing to update", FeatureGroupName="moving")
    refused("ResourceNotFound", update, FeatureGroupName="nobody", FeatureAdditions=added)
    shelf.control.delete_feature_group(FeatureGroupName="moving")
    refused("ResourceNotFound", shelf.control.delete_feature_group, FeatureGroupName="moving")
    refused("ResourceNotFound", shelf.control.describe_feature_group, FeatureGroupName="moving")


def test_groups_are_listed_filtered_sorted_and_paged(shelf: Shelf) -> None:
    for name in ("list-b", "list-a", "list-c"):
        shelf.create(name, OfflineStoreConfig=None if name == "list-a" else OFFLINE)
    listed = shelf.control.list_feature_groups
    assert names(listed(NameContains="list-")) == ["list-c", "list-a", "list-b"]
    assert names(listed(NameContains="list-", SortBy="Name")) == ["list-a", "list-b", "list-c"]
    assert names(listed(NameContains="list-", SortBy="Name", SortOrder="Descending")) == ["list-c", "list-b", "list-a"]
    assert names(listed(NameContains="list-", OfflineStoreStatusEquals="Active")) == ["list-c", "list-b"]
    assert names(listed(NameContains="list-", FeatureGroupStatusEquals="Deleting")) == []
    assert names(listed(NameContains="list-", CreationTimeBefore=1_000_000)) == []
    assert len(names(listed(NameContains="list-", CreationTimeAfter=time.time() - 600))) == 3
    pages = shelf.control.get_paginator("list_feature_groups").paginate(
        NameContains="list-", SortBy="CreationTime", PaginationConfig={"PageSize": 2}
    )
    assert [names(page) for page in pages] == [["list-b", "list-a"], ["list-c"]]
    token = listed(NameContains="list-", MaxResults=1)["NextToken"]
    refused("ValidationException", listed, "nextToken is not valid", NameContains="other", NextToken=token)


def test_features_are_described(shelf: Shelf) -> None:
    arn = shelf.create("metadata")
    describe, update = shelf.control.describe_feature_metadata, shelf.control.update_feature_metadata
    update(FeatureGroupName=arn, FeatureName="age", Description="in years",
           ParameterAdditions=[{"Key": "unit", "Value": "y"}, {"Key": "b", "Value": "1"}])  # fmt: skip
    update(FeatureGroupName="metadata", FeatureName="age", ParameterRemovals=["b", "nothing"])
    told = describe(FeatureGroupName="metadata", FeatureName="age")
    assert told["FeatureType"] == "Integral" and told["Description"] == "in years"
    assert told["Parameters"] == [{"Key": "unit", "Value": "y"}] and told["LastModifiedTime"] >= told["CreationTime"]
    assert describe(FeatureGroupName="metadata", FeatureName="health")["Parameters"] == []
    refused("ResourceNotFound", describe, "no feature 'shoe'", FeatureGroupName="metadata", FeatureName="shoe")
    many = [{"Key": f"k{n}", "Value": "v"} for n in range(25)]
    refused("ValidationException", update, "at most 25 parameters", FeatureGroupName="metadata", FeatureName="age",
            ParameterAdditions=many)  # fmt: skip


def test_groups_are_tagged(shelf: Shelf) -> None:
    arn = shelf.create("tagged", Tags=[{"Key": "a", "Value": "1"}])
    added = shelf.control.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    assert added["Tags"] == [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}]
    shelf.control.delete_tags(ResourceArn=arn, TagKeys=["a", "nothing"])
    assert shelf.control.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    many = [{"Key": f"k{n}", "Value": "v"} for n in range(50)]
    refused("ResourceLimitExceeded", shelf.control.add_tags, "at most 50 tags", ResourceArn=arn, Tags=many)
    refused("ResourceNotFound", shelf.control.list_tags, ResourceArn=arn.replace("tagged", "nobody"))
    assert refused("UnknownOperationException", shelf.control.list_models, "CreateFeatureGroup")


def test_pages_of_the_docs_and_the_table_of_rows_say_the_same(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    try:
        mine = {("POST /", f"`{name}`") for name in OPERATIONS}
        rows = {(f"{route.method} {route.path}", "") for route in app.features.routes()}
    finally:
        app.close()
    table = [line.split("|")[1:3] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    told = {(row.strip().strip("`"), name.strip()) for name, row in table}
    assert mine <= told, "operations of sagemaker"
    assert {row for row, _ in rows} == {row for row, _ in told - mine}, "rows of the runtime"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"Record": 1}', b"\xff", b'{"Record": []}', b"[" * 5000])
def test_what_is_no_request_is_the_callers_mistake(server: Server, body: bytes) -> None:
    request = urllib.request.Request(f"{server.address}/FeatureGroup/a%2Fb", body, dict(server.headers), method="PUT")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 400 and caught.value.headers["x-amzn-errortype"] == "ValidationError"
    assert "message" in json.loads(caught.value.read())
