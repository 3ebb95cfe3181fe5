"""`sagemaker-featurestore-runtime` with boto3 against a real server."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from feature_shelf import NOW, Shelf, read, record, refused
from shop_server import Server, running

from endcap.jobs.sinking import sink_all
from endcap.jobs.workspace import open_workspace
from endcap.registry.keys import Keys
from endcap.settings import Settings
from endcap.storage.db import open_database
from valkeys import Valkey


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"), port=0)


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Server]:
    with running(settings) as server:
        yield server


@pytest.fixture(scope="module")
def shelf(server: Server) -> Shelf:
    made = Shelf(server)
    made.create("customers")
    return made


def test_a_record_is_read_as_it_was_written(shelf: Shelf) -> None:
    values = {"age": "41", "health": "0.50", "recent": ["a", "b"]}
    shelf.put("customers", "c/1 ä%?&", NOW, values=values)
    whole = {"customer_id": "c/1 ä%?&", "EventTime": str(NOW), **values}
    assert shelf.get("customers", "c/1 ä%?&") == whole
    arn = shelf.control.describe_feature_group(FeatureGroupName="customers")["FeatureGroupArn"]
    assert shelf.get(arn, "c/1 ä%?&", FeatureNames=["recent", "age"]) == {"recent": ["a", "b"], "age": "41"}
    assert shelf.get("customers", "nobody") is None
    shelf.put("customers", "empty", NOW)
    assert shelf.get("customers", "empty", FeatureNames=["age"]) is None


def test_older_records_do_not_take_the_place_of_newer_ones(shelf: Shelf) -> None:
    for at, age in ((NOW, "1"), (NOW - 5, "2"), (NOW, "3"), (NOW - 1, "4")):
        shelf.put("customers", "c2", at, values={"age": age})
    assert shelf.get("customers", "c2", FeatureNames=["age"]) == {"age": "3"}


def test_times_to_live(shelf: Shelf) -> None:
    lasting = {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Weeks", "Value": 3000}}
    shelf.create("lasting", OnlineStoreConfig=lasting)
    shelf.put("lasting", "c", NOW)
    found = shelf.runtime.get_record(
        FeatureGroupName="lasting", RecordIdentifierValueAsString="c", ExpirationTimeResponse="Enabled"
    )
    assert found["ExpiresAt"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + 3000 * 7 * 86400))
    shelf.put("lasting", "c", NOW + 1, values={"age": "1"}, TtlDuration={"Unit": "Seconds", "Value": 1})
    assert shelf.get("lasting", "c", FeatureNames=["age"]) is None, "what has expired already is not taken"
    shelf.control.update_feature_group(
        FeatureGroupName="lasting", OnlineStoreConfig={"TtlDuration": {"Unit": "Seconds", "Value": 9}}
    )
    deadline = time.monotonic() + 10
    for number in count():
        shelf.put("lasting", f"d{number}", NOW)
        if shelf.get("lasting", f"d{number}") is None:  # what is written from now on lasts as the group says now
            break
        assert time.monotonic() < deadline
    assert shelf.get("lasting", "d0") is not None
    soon = time.time() + 0.5
    shelf.put("lasting", "e", soon, TtlDuration={"Unit": "Seconds", "Value": 1})
    assert shelf.get("lasting", "e") is not None
    while shelf.get("lasting", "e") is not None:
        assert time.monotonic() < deadline
    assert time.time() >= soon + 1


def test_deletions(shelf: Shelf) -> None:
    def delete(at: float, **more: str) -> None:
        shelf.runtime.delete_record(
            FeatureGroupName="customers", RecordIdentifierValueAsString="gone", EventTime=str(at), **more
        )

    shelf.put("customers", "gone", NOW)
    delete(NOW - 5)
    assert shelf.get("customers", "gone") is not None
    delete(NOW + 5, DeletionMode="SoftDelete")
    shelf.put("customers", "gone", NOW + 4)
    assert shelf.get("customers", "gone") is None
    delete(NOW + 9, DeletionMode="HardDelete")
    shelf.put("customers", "gone", NOW + 4)
    assert shelf.get("customers", "gone") is not None


def test_many_records_at_once(shelf: Shelf) -> None:
    kinds = {"customer_id": "Integral", "EventTime": "String", "kind": "String"}
    shelf.create("others", FeatureDefinitions=[{"FeatureName": n, "FeatureType": kind} for n, kind in kinds.items()])
    day = "2026-05-01T12:00:00Z"
    entries = [{"FeatureGroupName": "customers", "Record": record(f"b{n}", NOW, age=str(n))} for n in range(20)]
    entries += [
        {"FeatureGroupName": "others", "Record": record("7", day, kind="k"), "TargetStores": ["OnlineStore"]},
        {"FeatureGroupName": "others", "Record": record("seven", day)},
        {"FeatureGroupName": "nothing", "Record": record("7")},
    ]  # fmt: skip
    answer = shelf.runtime.batch_write_record(Entries=entries)
    assert [(each["ErrorCode"], each["Entry"]["FeatureGroupName"]) for each in answer["Errors"]] == [
        ("ValidationError", "others"), ("ResourceNotFound", "nothing"),
    ]  # fmt: skip
    wanted = (
        ("customers", [f"b{n}" for n in range(22)]),
        ("others", ["7", "8"]),
        ("others", ["eight"]),
        ("nothing", ["7"]),
    )
    asked = [{"FeatureGroupName": name, "RecordIdentifiersValueAsString": ids} for name, ids in wanted]
    asked[0]["FeatureNames"] = ["age"]
    found = shelf.runtime.batch_get_record(Identifiers=asked)
    ages = {each["RecordIdentifierValueAsString"]: read(each["Record"]) for each in found["Records"]}
    assert ages == {**{f"b{n}": {"age": str(n)} for n in range(20)}, "7": {
        "customer_id": "7", "EventTime": day, "kind": "k",
    }}  # fmt: skip
    errors = [(each["RecordIdentifierValueAsString"], each["ErrorCode"]) for each in found["Errors"]]
    assert errors == [("eight", "ValidationError"), ("7", "ResourceNotFound")]
    assert found["UnprocessedIdentifiers"] == []


def test_stores_that_a_group_has_not(shelf: Shelf) -> None:
    shelf.create("cold", OnlineStoreConfig=None)
    shelf.put("cold", "c")
    refused("ValidationError", shelf.get, "has no online store", name="cold", identity="c")
    refused("ValidationError", shelf.put, "no online store; it has offline", name="cold", identity="c",
            TargetStores=["OnlineStore"])  # fmt: skip
    refused("ValidationError", shelf.put, "TtlDuration was given", name="cold", identity="c",
            TtlDuration={"Unit": "Days", "Value": 1})  # fmt: skip
    shelf.put("customers", "aside", NOW, TargetStores=["OfflineStore"])
    assert shelf.get("customers", "aside") is None


def test_what_does_not_fit_is_refused_by_name(shelf: Shelf) -> None:
    put = shelf.runtime.put_record
    for wrong, said in (
        (record("c", age="old"), "Feature age of feature group customers is 'old', expected Integral"),
        (record("c", shoe="41"), "Feature group customers has no feature 'shoe'."),
        (record("c")[:1], "Feature EventTime of feature group customers is missing"),
        (record("c") + record("c"), "Feature customer_id occurs twice"),
        ([*record("c"), {"FeatureName": "a", "ValueAsString": "1", "ValueAsStringList": ["1"]}], "expected one"),
        (record("x" * 3, "yesterday"), "expected Fractional: seconds since 1970"),
    ):  # fmt: skip
        refused("ValidationError", put, said, FeatureGroupName="customers", Record=wrong)
    refused(
        "ValidationError",
        put,
        "can't find a FeatureGroup with name nobody",
        FeatureGroupName="nobody",
        Record=record("c"),
    )
    get = shelf.runtime.get_record
    refused("ResourceNotFound", get, FeatureGroupName="nobody", RecordIdentifierValueAsString="c")
    refused("ValidationError", shelf.get, "no feature 'shoe'", name="customers", identity="c", FeatureNames=["shoe"])


def test_roles_and_other_tenants(server: Server, settings: Settings, shelf: Shelf) -> None:
    database = open_database(settings.database)
    keys, by_role = Keys(database), {}
    for role in ("events", "reader", "runtime"):
        by_role[role] = Shelf(server, keys.create(server.key.account, role))
    stranger = Shelf(server, keys.create("000000000009", "admin"))
    database.close()
    by_role["runtime"].put("customers", "by-role")
    for call in (by_role["events"].get, by_role["events"].put):
        refused("AccessForbidden", call, name="customers", identity="by-role")
    assert by_role["reader"].get("customers", "by-role") is not None
    refused("AccessForbidden", by_role["reader"].put, name="customers", identity="by-role")
    arn = shelf.control.describe_feature_group(FeatureGroupName="customers")["FeatureGroupArn"]
    for named in ("customers", arn):
        refused("ResourceNotFound", stranger.get, name=named, identity="by-role")
        refused("ValidationError", stranger.put, "can't find", name=named, identity="by-role")
    assert stranger.control.list_feature_groups()["FeatureGroupSummaries"] == []
    refused("ResourceNotFound", stranger.control.describe_feature_group, FeatureGroupName=arn)
    wrong = Shelf(server, replace(server.key, secret=server.key.secret[::-1]))
    refused("InvalidSignatureException", wrong.get, name="customers", identity="by-role")


def test_features_added_and_groups_deleted_and_made_again(shelf: Shelf) -> None:
    shelf.create("changing")
    shelf.put("changing", "c")
    shelf.control.update_feature_group(
        FeatureGroupName="changing", FeatureAdditions=[{"FeatureName": "state", "FeatureType": "String"}]
    )
    shelf.put("changing", "c", NOW + 1, values={"state": "TX"})
    assert shelf.get("changing", "c", FeatureNames=["state"]) == {"state": "TX"}
    shelf.control.delete_feature_group(FeatureGroupName="changing")
    shelf.create("changing")
    deadline = time.monotonic() + 10
    while shelf.get("changing", "c") is not None:
        assert time.monotonic() < deadline
    refused("ValidationError", shelf.put, "no feature 'state'", name="changing", identity="c", values={"state": "TX"})


def test_killed_and_started_again_everything_acknowledged_is_there(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=0, sink_seconds=3600)
    with running(settings) as server:
        first = Shelf(server)
        first.create("customers")
        first.put("customers", "c", values={"age": "1"})
        workspace = open_workspace(settings)
        assert sink_all(workspace).rows["features"] == 1
        workspace.database.close()
        first.put("customers", "d", values={"age": "2"})
        server.stop(signal.SIGKILL)
    with running(settings) as server:
        again = Shelf(server)
        found = [wait_for(lambda name=name: again.get("customers", name, FeatureNames=["age"])) for name in "cd"]
        assert found == [{"age": "1"}, {"age": "2"}]


def test_while_the_shared_state_is_away_writes_are_kept_and_reads_say_so(tmp_path: Path, own_valkey: Valkey) -> None:
    url = own_valkey.url
    settings = Settings(home=tmp_path, port=0, log_url=f"{url}?partitions=2", state_url=url)
    with running(settings) as server:
        shelf = Shelf(server)
        shelf.create("customers")
        wait_for(lambda: shelf.put("customers", "before"))
        own_valkey.kill()
        shelf.put("customers", "during", values={"age": "7"})
        refused("ServiceUnavailable", shelf.get, name="customers", identity="during")
        own_valkey.start()
        found = wait_for(lambda: shelf.get("customers", "during", FeatureNames=["age"]))
        assert found == {"age": "7"} and shelf.get("customers", "before") is not None


def wait_for(call: Callable[[], Any]) -> Any:
    """What a call gives once the server can answer it."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] != "ServiceUnavailable" or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
