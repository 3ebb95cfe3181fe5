"""The jobs process is killed in the middle of each kind of job: every job ends, with its reason, and has one effect.

Some twenty seeded kills; SOAK=1 kills every kind ten times.
"""

import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import UnknownName
from endcap.jobs.importing import import_source
from endcap.registry.resources import Resource
from endcap.registry.versions import HIDDEN
from endcap.types import ShopKey
from jobs_home import SHOP, JobsHome

ROUNDS = 10 if os.environ.get("SOAK") else 1
RECIPE = "arn:aws:personalize:::recipe/aws-popularity-count"
AFFINITY = "arn:aws:personalize:::recipe/aws-item-affinity"
BOUGHT = "arn:aws:personalize:::recipe/aws-ecomm-popular-items-by-purchases"


@dataclass(frozen=True)
class Kind:
    """How to ask for one job of a kind, and what must be so once it has ended."""

    ask: Callable[[JobsHome, str], Resource]
    check: Callable[[JobsHome, Resource], None]
    goes: bool = False
    """The resource is gone afterwards."""
    ends: str = ""
    """Its status then, where that is neither ACTIVE nor COMPLETED."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobsHome]:
    """A shop with data, a trained version, and a campaign that serves it."""
    opened = JobsHome(tmp_path_factory.mktemp("killed") / "home")
    opened.make_shop()
    opened.start()
    opened.ended(opened.import_events("base", opened.put("base.csv", opened.events(60))))
    versions = [ask_version(opened, "base"), ask_version(opened, "segments", AFFINITY)]
    for version in versions:
        assert opened.ended(version).status == "ACTIVE", opened.job(version).reason
    assert opened.ended(ask_campaign(opened, "base")).status == "ACTIVE"
    yield opened
    opened.close()


def ask_import(home: JobsHome, name: str) -> Resource:
    location = home.put(f"{name}.csv", home.events(60, prefix=f"{name}-"))
    return home.import_events(name, location, importMode="INCREMENTAL")


def check_import(home: JobsHome, resource: Resource) -> None:
    job = home.job(resource)
    commits = home.workspace.lake.history(resource.shop_key, "interactions")
    assert [commit.received for commit in commits if commit.job == job.id] == [60 * 30]
    users = home.workspace.lake.read(resource.shop_key, "interactions", columns=["user_id"])["user_id"].to_pylist()
    assert sum(user.startswith(f"{resource.id}-") for user in users) == 60 * 30


def ask_export(home: JobsHome, name: str) -> Resource:
    output = {"s3DataDestination": {"path": f"s3://out/{name}/"}}
    document = {"jobName": name, "ingestionMode": "ALL", "jobOutput": output}
    return home.create("dataset-export-job", name, document, parent=f"{SHOP}/INTERACTIONS")


def check_export(home: JobsHome, resource: Resource) -> None:
    (file,) = (home.settings.home / "buckets" / "out" / resource.id).iterdir()
    assert len(file.read_text().splitlines()) > 60 * 30


def ask_deletion(home: JobsHome, name: str) -> Resource:
    users = home.events(30, prefix=f"{name}-")
    shop = home.workspace.resources.get(home.settings.account_key, "dataset", f"{SHOP}/INTERACTIONS").shop_key
    path = home.settings.home / f"{name}.csv"
    path.write_text(users)
    import_source(home.settings, shop, [path], kind="interactions", mode="INCREMENTAL")
    location = home.put(f"{name}.csv", "USER_ID\n" + "".join(f"{name}-{user}\n" for user in range(30)))
    document = {"jobName": name, "dataSource": {"dataLocation": location}}
    return home.create("data-deletion-job", name, document, status="PENDING")


def check_deletion(home: JobsHome, resource: Resource) -> None:
    assert home.ended(resource).document["numDeleted"] == 30 * 30
    users = home.workspace.lake.read(resource.shop_key, "interactions", columns=["user_id"])["user_id"].to_pylist()
    assert not any(user.startswith(f"{resource.id}-") for user in users)


def ask_version(home: JobsHome, name: str, recipe: str = RECIPE) -> Resource:
    document = {"name": name, "recipeArn": recipe, "performAutoTraining": False}
    home.create("solution", name, document, status="ACTIVE", verb="")
    identity = f"{zlib.crc32(name.encode()):08x}"
    version = {"name": f"{name}/{identity}", "recipeArn": recipe, "trainingMode": "FULL"}
    return home.create("solution-version", f"{name}/{identity}", version, parent=name)


def check_version(home: JobsHome, resource: Resource) -> None:
    (version,) = home.workspace.versions.list(resource.shop_key, resource.parent)
    assert f"{resource.parent}/{version.id}" == resource.id
    assert len(home.workspace.versions.load(version).items) > 0


def ask_recommender(home: JobsHome, name: str) -> Resource:
    return home.create("recommender", name, {"name": name, "recipeArn": BOUGHT})


def check_recommender(home: JobsHome, resource: Resource) -> None:
    assert len(home.workspace.versions.list(resource.shop_key, f"{HIDDEN}{resource.id}")) == 1
    assert len(home.workspace.campaigns.history(resource.shop_key, resource.id, kind="recommender")) == 1


def version_arn(home: JobsHome, solution: str = "base") -> str:
    (version,) = home.workspace.resources.list(home.settings.account_key, "solution-version", parent=solution)
    return version.arn


def ask_campaign(home: JobsHome, name: str) -> Resource:
    document = {"name": name, "solutionVersionArn": version_arn(home), "minProvisionedTPS": 1}
    return home.create("campaign", name, document)


def check_campaign(home: JobsHome, resource: Resource) -> None:
    assert len(home.workspace.campaigns.history(resource.shop_key, resource.id)) == 1


def ask_update(home: JobsHome, name: str) -> Resource:
    campaign = home.ended(ask_campaign(home, name))
    latest = {"minProvisionedTPS": 7, "status": "UPDATE PENDING"}
    return home.workspace.resources.change(campaign, document={"latestCampaignUpdate": latest}, verb="update")


def check_update(home: JobsHome, resource: Resource) -> None:
    found = home.ended(resource)
    assert found.document["minProvisionedTPS"] == 7
    assert found.document["latestCampaignUpdate"]["status"] == "ACTIVE"
    generations = home.workspace.campaigns.history(resource.shop_key, resource.id)
    assert [each.config.guaranteed_tps for each in generations] == [7, 1]


def ask_batch(home: JobsHome, name: str) -> Resource:
    source = home.put(f"{name}.json", "".join(f'{{"userId":"u{user}"}}\n' for user in range(3_000)))
    document = {
        "jobName": name,
        "solutionVersionArn": version_arn(home),
        "numResults": 5,
        "jobInput": {"s3DataSource": {"path": source}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://out/{name}/"}},
    }
    return home.create("batch-inference-job", name, document, parent=version_arn(home).partition("solution/")[2])


def check_batch(home: JobsHome, resource: Resource) -> None:
    (file,) = (home.settings.home / "buckets" / "out" / resource.id).iterdir()
    lines = file.read_text().splitlines()
    assert len(lines) == 3_000 and all('"error":null' in line.replace(" ", "") for line in lines)


def ask_segment(home: JobsHome, name: str) -> Resource:
    source = home.put(f"{name}.json", "".join(f'{{"itemId":"i{item}"}}\n' for item in range(30)))
    document = {
        "jobName": name,
        "solutionVersionArn": version_arn(home, "segments"),
        "numResults": 5,
        "jobInput": {"s3DataSource": {"path": source}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://out/{name}/"}},
    }
    return home.create(
        "batch-segment-job", name, document, parent=document["solutionVersionArn"].partition("solution/")[2]
    )


def check_segment(home: JobsHome, resource: Resource) -> None:
    (file,) = (home.settings.home / "buckets" / "out" / resource.id).iterdir()
    lines = file.read_text().splitlines()
    assert len(lines) == 30 and all('"recommendedUsers":["' in line.replace(" ", "") for line in lines)


def ask_metrics(home: JobsHome, name: str) -> Resource:
    metric = {"metricName": "bought", "eventType": "Purchase", "expression": "SAMPLECOUNT()"}
    output = {"s3DataDestination": {"path": f"s3://out/{name}/"}}
    document = {"name": name, "metrics": [metric], "metricsOutputConfig": output}
    made = home.create("metric-attribution", name, document, status="ACTIVE", verb="")
    return home.workspace.resources.change(made, verb="write")


def ask_group(home: JobsHome, name: str) -> Resource:
    return home.create("dataset-group", name, {"name": name}, shop=name)


def check_nothing(home: JobsHome, resource: Resource) -> None:
    assert home.job(resource).reason == ""


def ask_filter(home: JobsHome, name: str) -> Resource:
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Purchase")'
    return home.create("filter", name, {"name": name, "filterExpression": expression})


def ask_deleted_solution(home: JobsHome, name: str) -> Resource:
    home.ended(ask_version(home, name))
    solution = home.workspace.resources.get(home.settings.account_key, "solution", name)
    return home.workspace.resources.change(solution, status="DELETE PENDING", verb="delete")


def check_deleted_solution(home: JobsHome, resource: Resource) -> None:
    assert home.workspace.versions.list(resource.shop_key, resource.id) == []
    assert home.workspace.resources.list(resource.account, "solution-version", parent=resource.id) == []
    assert not home.settings.home.joinpath("models", *resource.shop_key.parts(), resource.id).exists()


def ask_deleted_dataset(home: JobsHome, name: str) -> Resource:
    rows = pa.table({"item_id": ["i1", "i2"], "genre": ["a", "b"]})
    home.workspace.lake.commit(
        ShopKey(home.settings.account_key, name), "items", rows, schema=rows.schema, mode="FULL", job="items"
    )
    schema = home.workspace.resources.get(home.settings.account_key, "schema", f"{SHOP}-items")
    document = {"name": "items", "schemaArn": schema.arn, "datasetType": "ITEMS"}
    made = home.create("dataset", f"{name}/ITEMS", document, shop=name, status="ACTIVE", verb="")
    return home.workspace.resources.change(made, status="DELETE PENDING", verb="delete")


def check_deleted_dataset(home: JobsHome, resource: Resource) -> None:
    assert not home.workspace.lake.exists(resource.shop_key, "items")


def steady(home: JobsHome, status: str) -> Resource:
    """One recommender for all that happens to recommenders, brought to this status."""
    try:
        found = home.workspace.resources.get(home.settings.account_key, "recommender", "steady")
    except UnknownName:
        found = ask_recommender(home, "steady")
    found = home.ended(found)
    if found.status != status:
        verb = "stop" if status == "INACTIVE" else "start"
        turned = home.workspace.resources.change(found, status=f"{verb.upper()} PENDING", verb=verb)
        found = home.ended(turned)
    home.attempts.pop("steady", None)
    return found


def ask_stop(home: JobsHome, name: str) -> Resource:
    return home.workspace.resources.change(steady(home, "ACTIVE"), status="STOP PENDING", verb="stop")


def ask_start(home: JobsHome, name: str) -> Resource:
    return home.workspace.resources.change(steady(home, "INACTIVE"), status="START PENDING", verb="start")


def ask_retraining(home: JobsHome, name: str) -> Resource:
    return home.workspace.resources.change(steady(home, "ACTIVE"), verb="train")


def check_retraining(home: JobsHome, resource: Resource) -> None:
    """Each training has made one version and one generation, the first one too."""
    jobs = [job for job in home.workspace.jobs.on(resource) if job.verb in ("create", "train")]
    assert len(home.workspace.versions.list(resource.shop_key, f"{HIDDEN}{resource.id}")) == len(jobs)
    assert len(home.workspace.campaigns.history(resource.shop_key, resource.id, kind="recommender")) == len(jobs)


KINDS: Mapping[str, Kind] = {
    "import": Kind(ask_import, check_import),
    "export": Kind(ask_export, check_export),
    "deletion": Kind(ask_deletion, check_deletion),
    "version": Kind(ask_version, check_version),
    "recommender": Kind(ask_recommender, check_recommender),
    "campaign": Kind(ask_campaign, check_campaign),
    "update": Kind(ask_update, check_update),
    "batch": Kind(ask_batch, check_batch),
    "segment": Kind(ask_segment, check_segment),
    "metrics": Kind(ask_metrics, check_nothing),
    "group": Kind(ask_group, check_nothing),
    "filter": Kind(ask_filter, check_nothing),
    "delete": Kind(ask_deleted_solution, check_deleted_solution, goes=True),
    "dataset": Kind(ask_deleted_dataset, check_deleted_dataset, goes=True),
    "stop": Kind(ask_stop, check_nothing, ends="INACTIVE"),
    "start": Kind(ask_start, check_nothing),
    "retraining": Kind(ask_retraining, check_retraining),
}
SLOW: Mapping[str, int] = {
    "import": 3,
    "export": 1,
    "deletion": 2,
    "version": 3,
    "recommender": 2,
    "batch": 2,
    "segment": 1,
    "retraining": 1,
}
"""Kills of kinds that run long enough for another kill to meet them, in a later step; the others are killed once."""


@pytest.mark.parametrize("name", KINDS)
def test_killed_in_the_middle_it_ends_with_one_effect(home: JobsHome, name: str) -> None:
    kind, rng = KINDS[name], np.random.Generator(np.random.PCG64(sum(name.encode())))
    kills = SLOW.get(name, 1) if ROUNDS == 1 else 1
    for number in range(ROUNDS):
        resource = kind.ask(home, f"{name}-{number}")
        for _ in range(kills):
            kill_while_it_runs(home, resource, float(rng.uniform(0.0, 0.6)) if name in SLOW else 0.0)
        if kind.goes:
            home.gone(resource)
        else:
            expected = (kind.ends,) if kind.ends else ("ACTIVE", "COMPLETED")
            assert home.ended(resource).status in expected, home.job(resource).reason
        kind.check(home, resource)
        assert home.job(resource).status == "done"


def kill_while_it_runs(home: JobsHome, resource: Resource, seconds: float) -> None:
    """Kill `seconds` after the job has begun this time, at once where it has ended by then; then start again."""
    before = home.attempts.get(resource.id, 0)
    home.until(lambda: home.job(resource).attempt > before or home.is_over(resource))
    time.sleep(seconds)
    home.attempts[resource.id] = home.job(resource).attempt
    home.kill()
    home.start(ready=False)


def test_a_failing_job_fails_once_with_its_reason(home: JobsHome, tmp_path: Path) -> None:
    resource = home.import_events("wrong", home.put("wrong.csv", "USER_ID,THING\n1,2\n"))
    kill_while_it_runs(home, resource, 0.1)
    assert home.ended(resource).status == "CREATE FAILED"
    assert "missing the following columns" in home.ended(resource).document["failureReason"]
