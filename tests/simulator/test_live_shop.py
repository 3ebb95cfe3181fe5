"""The whole round with a real server: simulated files in by the API, a model, and the shoppers against it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from homes import Home, pause, served

from endcap.jobs.publishing import publish
from endcap.jobs.training import train
from endcap.jobs.workspace import open_workspace
from endcap.settings import Settings
from endcap.simulator import open_shop
from endcap.simulator.files import write_files
from endcap.types import ShopKey

ROLE = "arn:aws:iam::000000000000:role/PersonalizeS3"


def imported(home: Home, folder: Path) -> str:
    """The files brought in by CreateSchema, CreateDataset and CreateDatasetImportJob; the tracking id."""
    bucket = home.path / "buckets" / "sim"
    bucket.mkdir(parents=True)
    for path in folder.glob("*.csv"):
        shutil.copy(path, bucket / path.name)
    personalize = home.personalize
    group = personalize.create_dataset_group(name="simulated")["datasetGroupArn"]
    wait(lambda: personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
    jobs = []
    for kind in ("interactions", "items", "users"):
        text = (folder / "schemas" / f"{kind}.json").read_text()
        schema = personalize.create_schema(name=f"sim-{kind}", schema=text)["schemaArn"]
        made = {"name": kind, "schemaArn": schema, "datasetGroupArn": group, "datasetType": kind}
        dataset = personalize.create_dataset(**made)["datasetArn"]
        place = {"dataLocation": f"s3://sim/{kind}.csv"}
        job = personalize.create_dataset_import_job(
            jobName=f"sim-{kind}", datasetArn=dataset, dataSource=place, roleArn=ROLE
        )["datasetImportJobArn"]
        jobs.append(job)
    for job in jobs:
        wait(lambda job=job: personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])
    return personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]


def wait(describe: object) -> None:
    until = time.monotonic() + 60
    while (found := describe())["status"] != "ACTIVE":
        assert "FAILED" not in found["status"], found
        assert time.monotonic() < until, found
        pause()


def test_simulated_files_are_imported_by_the_api_and_shoppers_meet_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_files(open_shop("grocery", users=150, items=120, days=21, seed=9), folder)
    with served(tmp_path) as home:
        tracking = imported(home, folder)
        workspace = open_workspace(Settings(home=home.path))
        key = ShopKey(workspace.settings.account_key, "simulated")
        publish(workspace, key, train(workspace, key, "item-item").id, "front")
        workspace.database.close()
        arn = key.arn("campaign", "front")
        asked = ("--campaign", arn, "--tracking-id", tracking, "--minutes", "0.05", "--rate", "20", "--speed", "1e6")
        told = json.loads(home.endcap("simulate", "--live", "--out", str(folder), *asked, "--json"))
    assert told["visits"] > 20
    assert told["events"]["refused"] == 0
    assert told["events"]["acknowledged"] > told["visits"]
    (variant,) = told["variants"].values()
    assert variant["totals"]["slates"] > told["visits"]
    assert variant["totals"]["clicks"] > 0
    assert variant["per_shopper"]["expected_clicks"]["mean"] > 0
