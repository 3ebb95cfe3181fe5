"""Moving in: one of our own servers plays the account, another one takes it over, over HTTP and by boto3 only."""

import csv
import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.shop_server import Server, running
from endcap.cli import output
from endcap.cli.app import run
from endcap.errors import InputError, UnavailableError, UnknownName
from endcap.jobs.migration import Moved, Options, migrate
from endcap.jobs.migration_clients import Account, connect, renamed, within
from endcap.registry.keys import Keys
from endcap.settings import Settings
from endcap.storage.db import open_database

FIELDS = [
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": "string"},
]
AVRO = json.dumps({"type": "record", "name": "Interactions", "namespace": "x", "fields": FIELDS, "version": "1.0"})
RECIPE = "arn:aws:personalize:::recipe/aws-popularity-count"
ROLE = "arn:aws:iam::111111111111:role/exporter"
EVERY = 0.02


def rows() -> str:
    """Sixty shoppers, twenty events each."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([field["name"] for field in FIELDS])
    for user in range(60):
        for step in range(20):
            writer.writerow([f"u{user}", f"i{(user + step * 7) % 40}", 1_760_000_000 + step * 3600 + user, "Purchase"])
    return text.getvalue()


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Settings]:
    """The account's home and ours; both see the same buckets."""
    there, here = tmp_path_factory.mktemp("there"), tmp_path_factory.mktemp("here")
    (there / "buckets" / "shop").mkdir(parents=True)
    (there / "buckets" / "shop" / "events.csv").write_text(rows())
    (here / "buckets").symlink_to(there / "buckets")
    old = Settings(home=there, port=0, account="111111111111", region="eu-west-1")
    return old, Settings(home=here, port=0)


@pytest.fixture(scope="module")
def servers(homes: tuple[Settings, Settings]) -> Iterator[tuple[Server, Server]]:
    with running(homes[0]) as there, running(homes[1]) as here:
        yield there, here


def account(server: Server, region: str = "us-east-1") -> Account:
    credentials = server.key.id, server.key.secret
    return connect(region=region, endpoint=server.address, credentials=credentials, every=EVERY)


@pytest.fixture(scope="module")
def source(servers: tuple[Server, Server]) -> Account:
    """An account with a group that is in use, and an empty one."""
    there = account(servers[0], "eu-west-1")
    fill(there)
    return there


@pytest.fixture(scope="module")
def target(servers: tuple[Server, Server]) -> Account:
    return account(servers[1])


def fill(there: Account) -> None:
    client = there.client
    schema = client.create_schema(name="events", schema=AVRO)["schemaArn"]
    client.create_schema(name="unused", schema=AVRO)
    tags = [{"tagKey": "team", "tagValue": "search"}]
    group = client.create_dataset_group(name="shop", tags=tags)["datasetGroupArn"]
    empty = client.create_dataset_group(name="empty")["datasetGroupArn"]
    for arn in (group, empty):
        active(there, lambda arn=arn: client.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"])
    dataset = client.create_dataset(name="events", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")[
        "datasetArn"
    ]
    active(there, lambda: client.describe_dataset(datasetArn=dataset)["dataset"])
    job = client.create_dataset_import_job(
        jobName="first", datasetArn=dataset, dataSource={"dataLocation": "s3://shop/events.csv"}, roleArn=ROLE
    )["datasetImportJobArn"]
    active(there, lambda: client.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])
    client.create_event_tracker(name="clicks", datasetGroupArn=group)
    client.create_filter(
        name="bought", datasetGroupArn=group, filterExpression='EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
    )
    client.create_metric_attribution(
        name="sales",
        datasetGroupArn=group,
        metrics=[{"eventType": "Purchase", "metricName": "purchases", "expression": "SAMPLECOUNT()"}],
        metricsOutputConfig={"roleArn": ROLE, "s3DataDestination": {"path": "s3://shop/metrics/"}},
    )
    solution = client.create_solution(
        name="popular", datasetGroupArn=group, recipeArn=RECIPE, performAutoTraining=False, eventType="Purchase"
    )["solutionArn"]
    active(there, lambda: client.describe_solution(solutionArn=solution)["solution"])
    version = client.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    active(there, lambda: client.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
    campaign = client.create_campaign(name="front-page", solutionVersionArn=version, minProvisionedTPS=3)["campaignArn"]
    active(there, lambda: client.describe_campaign(campaignArn=campaign)["campaign"])
    following = client.create_campaign(
        name="newest",
        solutionVersionArn=f"{solution}/$LATEST",
        minProvisionedTPS=1,
        campaignConfig={"syncWithLatestSolutionVersion": True},
    )["campaignArn"]
    active(there, lambda: client.describe_campaign(campaignArn=following)["campaign"])


def fill_domain(there: Account) -> None:
    """A group of a domain whose recommender is still being made: its definition is there, and can be carried."""
    client = there.client
    schema = client.create_schema(name="shop-events", schema=AVRO, domain="ECOMMERCE")["schemaArn"]
    group = client.create_dataset_group(name="domain", domain="ECOMMERCE")["datasetGroupArn"]
    active(there, lambda: client.describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
    dataset = client.create_dataset(
        name="shop-events", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    active(there, lambda: client.describe_dataset(datasetArn=dataset)["dataset"])
    job = client.create_dataset_import_job(
        jobName="second", datasetArn=dataset, dataSource={"dataLocation": "s3://shop/events.csv"}, roleArn=ROLE
    )["datasetImportJobArn"]
    active(there, lambda: client.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])
    client.create_recommender(
        name="best-sellers",
        datasetGroupArn=group,
        recipeArn="arn:aws:personalize:::recipe/aws-ecomm-popular-items-by-purchases",
        recommenderConfig={"minRecommendationRequestsPerSecond": 2},
    )


def active(there: Account, describe: Any) -> None:
    deadline = time.monotonic() + 60
    while (found := describe())["status"] != "ACTIVE":
        assert "FAILED" not in found["status"], found
        assert time.monotonic() < deadline, found
        time.sleep(EVERY)


def outcomes(moved: list[Moved]) -> Counter[tuple[str, str]]:
    return Counter((each.kind, each.outcome) for each in moved)


def about(moved: list[Moved], kind: str) -> Moved:
    (found,) = [each for each in moved if each.kind == kind and each.name not in ("empty", "newest")]
    return found


def test_first_a_dry_run_that_changes_nothing(source: Account, target: Account) -> None:
    planned = migrate(source, target, Options(dry_run=True))
    assert {each.outcome for each in planned} == {"would be carried", "left behind"}
    assert outcomes(planned)["dataset group", "would be carried"] == 2
    assert all(each.arn == "" for each in planned)
    assert target.client.list_dataset_groups()["datasetGroups"] == []
    assert target.client.list_schemas()["schemas"] == []


def test_then_definitions_are_carried_over_and_the_rest_is_named(source: Account, target: Account) -> None:
    moved = migrate(source, target, Options())
    assert not [each for each in moved if each.outcome == "failed"], moved
    assert outcomes(moved) == {
        ("dataset group", "carried"): 2,
        ("schema", "carried"): 2,
        ("dataset", "carried"): 1,
        ("data", "left behind"): 1,
        ("event tracker", "carried"): 1,
        ("filter", "carried"): 1,
        ("metric attribution", "carried"): 1,
        ("solution", "carried"): 1,
        ("solution version", "left behind"): 1,
        ("campaign", "left behind"): 2,
    }
    assert "--include-data" in about(moved, "data").note
    assert "models cannot be read" in about(moved, "solution version").note
    client, tracker = target.client, about(moved, "event tracker")
    assert client.describe_event_tracker(eventTrackerArn=tracker.arn)["eventTracker"]["trackingId"] in tracker.note
    solution = client.describe_solution(solutionArn=about(moved, "solution").arn)["solution"]
    assert (solution["recipeArn"], solution["eventType"]) == (RECIPE, "Purchase")
    assert not solution["performAutoTraining"]
    group = about(moved, "dataset group").arn
    assert group == "arn:aws:personalize:us-east-1:000000000000:dataset-group/shop"
    assert client.list_tags_for_resource(resourceArn=group)["tags"] == [{"tagKey": "team", "tagValue": "search"}]
    (metric,) = client.list_metric_attribution_metrics(metricAttributionArn=about(moved, "metric attribution").arn)[
        "metrics"
    ]
    assert metric["expression"] == "SAMPLECOUNT()"


def test_again_with_data_and_training_everything_is_there(source: Account, target: Account) -> None:
    moved = migrate(source, target, Options(groups=("shop",), location="s3://shop/moving/", train=True))
    assert not [each for each in moved if each.outcome in ("failed", "left behind")], moved
    carried = {each.kind for each in moved if each.outcome == "carried"}
    assert carried == {"data", "solution version", "campaign"}
    assert all(each.note == "" for each in moved if each.outcome == "there already")
    client = target.client
    campaign = client.describe_campaign(campaignArn=about(moved, "campaign").arn)["campaign"]
    assert campaign["minProvisionedTPS"] == 3 and campaign["status"] == "ACTIVE"
    assert campaign["solutionVersionArn"] == about(moved, "solution version").arn
    (following,) = [each.arn for each in moved if each.name == "newest"]
    config = client.describe_campaign(campaignArn=following)["campaign"]["campaignConfig"]
    assert config["syncWithLatestSolutionVersion"]
    again = migrate(source, target, Options(groups=("shop",), location="s3://shop/moving/", train=True))
    assert {each.outcome for each in again} == {"there already"}
    (job,) = client.list_dataset_import_jobs()["datasetImportJobs"]
    (export,) = source.client.list_dataset_export_jobs()["datasetExportJobs"]
    assert job["status"] == export["status"] == "ACTIVE"


def test_a_domain_group_brings_its_recommender_once_there_is_data(source: Account, target: Account) -> None:
    fill_domain(source)
    without = about(migrate(source, target, Options(groups=("domain",))), "recommender")
    assert without.outcome == "left behind" and "no data here" in without.note
    moved = migrate(source, target, Options(groups=("domain",), location="s3://shop/moving"))
    assert not [each for each in moved if each.outcome in ("failed", "left behind")], moved
    made = target.client.describe_recommender(recommenderArn=about(moved, "recommender").arn)["recommender"]
    assert made["status"] == "ACTIVE" and made["recommenderConfig"]["minRecommendationRequestsPerSecond"] == 2
    group = target.client.describe_dataset_group(datasetGroupArn=about(moved, "dataset group").arn)["datasetGroup"]
    assert group["domain"] == "ECOMMERCE"


def test_what_differs_here_is_kept_and_told(source: Account, target: Account) -> None:
    other = json.dumps({"type": "record", "name": "Interactions", "namespace": "y", "fields": FIELDS, "version": "1.0"})
    source.client.create_schema(name="twice", schema=AVRO)
    target.client.create_schema(name="twice", schema=other)
    (moved,) = [each for each in migrate(source, target, Options()) if each.name == "twice"]
    assert moved.outcome == "there already" and "differs in schema" in moved.note
    assert target.client.describe_schema(schemaArn=moved.arn)["schema"]["schema"] == other


def test_a_role_that_may_not_create_is_an_entry_for_each_resource(
    source: Account, servers: tuple[Server, Server], homes: tuple[Settings, Settings], tmp_path: Path
) -> None:
    database = open_database(homes[1].database)
    reader = Keys(database).create("000000000077", "reader")
    database.close()
    target = connect(region="us-east-1", endpoint=servers[1].address, credentials=(reader.id, reader.secret))
    moved = migrate(source, target, Options(groups=("empty",)))
    assert [(each.kind, each.outcome) for each in moved] == [("dataset group", "failed")]
    assert moved[0].note.startswith("AccessDeniedException: ")


def test_a_group_that_the_account_lacks_is_an_error(source: Account, target: Account) -> None:
    with pytest.raises(UnknownName, match=r"'nowhere'\. Known: .*empty, shop"):
        migrate(source, target, Options(groups=("shop", "nowhere")))


def test_an_account_that_cannot_be_read_says_what_to_give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(InputError, match="profile") as caught:
        connect(profile="no-such")
    assert "--profile" in caught.value.fix
    with pytest.raises(InputError, match="region"):
        connect()
    with pytest.raises(InputError, match="credentials"):
        connect(region="us-east-1")
    with pytest.raises(UnavailableError, match="cannot be reached"):
        connect(region="us-east-1", endpoint="http://127.0.0.1:9", credentials=("a", "b"))


def test_a_side_that_stops_answering_is_told(source: Account, homes: tuple[Settings, Settings]) -> None:
    with running(Settings(home=homes[1].home.with_name("gone"), port=0)) as server:
        gone = account(server)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        migrate(source, gone, Options())


def test_documents_are_compared_by_what_is_wanted() -> None:
    assert within({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2, "d": 3}]}, "e": 4})
    assert not within({"a": [1]}, {"a": [1, 2]}) and not within({"a": {}}, {"a": 1}) and not within([1], None)
    assert renamed({"a": ["x", {"b": "x"}], "c": 1}, {"x": "y"}) == {"a": ["y", {"b": "y"}], "c": 1}


def test_from_the_command_line(
    source: Account,
    servers: tuple[Server, Server],
    homes: tuple[Settings, Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there, here = servers
    for name in [name for name in os.environ if name.startswith(("AWS_", "ENDCAP_"))]:
        monkeypatch.delenv(name)
    command = ("migrate", "personalize", "--region", "eu-west-1", "--groups", "shop", "--dry-run")

    def ran(home: Path, server: Server, *more: str) -> tuple[int, str, str]:
        monkeypatch.setenv("ENDCAP_HOME", str(home))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.key.id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.key.secret)
        output.settings.cache_clear()
        output.console.cache_clear()
        code = run([*command, "--endpoint-url", server.address, *more])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    home = homes[1].home
    told = json.loads(ran(home, there, "--json")[1])
    assert told["dryRun"] and {each["outcome"] for each in told["resources"]} == {"there already"}
    code, words, _ = ran(home, there)
    assert code == 0 and "there already." in words and "front-page" in words
    code, _, itself = ran(home, here)
    assert code == InputError.exit_code and "this server itself" in itself
    monkeypatch.setenv("ENDCAP_PORT", "9")
    code, _, nobody = ran(homes[0].home / "never-served", there)
    assert code == UnavailableError.exit_code and "endcap serve" in nobody
    output.settings.cache_clear()
    output.console.cache_clear()
