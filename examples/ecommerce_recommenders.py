"""An ECOMMERCE shop with two recommenders: what sells to strangers, and a choice for each known shopper.

    endcap serve &
    eval "$(endcap env)"
    python examples/ecommerce_recommenders.py

Creates the group, its data, both recommenders; asks them; stops and starts one; and takes everything down again.
Only boto3 is used, as against Amazon Personalize; endpoints and credentials come from the environment.
"""

from __future__ import annotations

import csv
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

NAME = "example-ecommerce"
PAUSE = float(os.environ.get("EXAMPLE_PAUSE", "0.5"))

personalize = boto3.client("personalize")
runtime = boto3.client("personalize-runtime")


def wait_for(what: str, wanted: str, describe: Callable[..., Any], **arn: str) -> None:
    """Until a resource has a status, or has failed."""
    while True:
        found = describe(**arn)[what]
        if found["status"] == wanted:
            print(f"  {what} is {wanted}")
            return
        if "FAILED" in found["status"]:
            raise SystemExit(f"{what}: {found['status']}: {found.get('failureReason')}")
        time.sleep(PAUSE)


def wait_until_gone(describe: Callable[..., Any], **arn: str) -> None:
    """Until describing a resource says that there is none."""
    while True:
        try:
            describe(**arn)
        except personalize.exceptions.ResourceNotFoundException:
            return
        time.sleep(PAUSE)


def write_data(folder: Path) -> None:
    """Eighty shoppers of a kitchen shop, each with a favourite category; prices and categories of sixty products."""
    rng, start = random.Random(7), int(time.time()) - 60 * 86400
    categories = ("pans", "knives", "tea", "linen")
    with open(folder / "items.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("ITEM_ID", "PRICE", "CATEGORY_L1"))
        rows.writerows((f"{name}-{n}", 5 + n * 2.5, name) for name in categories for n in range(15))
    with open(folder / "interactions.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"))
        for shopper in range(80):
            for step in range(30):
                name = categories[shopper % 4] if rng.random() < 0.8 else rng.choice(categories)
                # Few products sell best, as in any shop.
                item, kind = f"{name}-{int(15 * rng.random() ** 2)}", "Purchase" if rng.random() < 0.6 else "View"
                rows.writerow((f"shopper-{shopper}", item, start + step * 86400 + shopper, kind))


def create_data(folder: Path, bucket: str) -> tuple[str, list[str]]:
    """The group with its datasets imported, and the schemas that were made."""
    text = {"type": "string"}
    fields = {
        "Interactions": [
            {"name": "USER_ID", **text},
            {"name": "ITEM_ID", **text},
            {"name": "TIMESTAMP", "type": "long"},
            {"name": "EVENT_TYPE", **text},
        ],
        "Items": [
            {"name": "ITEM_ID", **text},
            {"name": "PRICE", "type": "float"},
            {"name": "CATEGORY_L1", **text, "categorical": True},
        ],
    }
    write_data(folder)
    group = personalize.create_dataset_group(name=NAME, domain="ECOMMERCE")["datasetGroupArn"]
    wait_for("datasetGroup", "ACTIVE", personalize.describe_dataset_group, datasetGroupArn=group)
    schemas = []
    for kind, columns in fields.items():
        record = {"type": "record", "name": kind, "namespace": "shop", "fields": columns, "version": "1.0"}
        schema = personalize.create_schema(name=f"{NAME}-{kind}", schema=json.dumps(record), domain="ECOMMERCE")
        schemas.append(schema["schemaArn"])
        dataset = personalize.create_dataset(
            name=f"{NAME}-{kind}", schemaArn=schemas[-1], datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
        wait_for("dataset", "ACTIVE", personalize.describe_dataset, datasetArn=dataset)
        job = personalize.create_dataset_import_job(
            jobName=f"{NAME}-{kind}", datasetArn=dataset, dataSource={"dataLocation": f"{bucket}/{kind.lower()}.csv"}
        )["datasetImportJobArn"]
        wait_for("datasetImportJob", "ACTIVE", personalize.describe_dataset_import_job, datasetImportJobArn=job)
    return group, schemas


def create_recommender(group: str, purpose: str, recipe: str) -> str:
    """A trained recommender that answers."""
    arn = personalize.create_recommender(
        name=f"{NAME}-{purpose}", datasetGroupArn=group, recipeArn=f"arn:aws:personalize:::recipe/{recipe}"
    )["recommenderArn"]
    wait_for("recommender", "ACTIVE", personalize.describe_recommender, recommenderArn=arn)
    return str(arn)


def show(title: str, **asked: Any) -> list[str]:
    """Ask, print, and give the items."""
    items = [item["itemId"] for item in runtime.get_recommendations(numResults=5, **asked)["itemList"]]
    print(f"  {title}: {', '.join(items)}")
    return items


def stop_and_start(recommender: str) -> None:
    """A stopped recommender keeps its model and answers nothing."""
    personalize.stop_recommender(recommenderArn=recommender)
    wait_for("recommender", "INACTIVE", personalize.describe_recommender, recommenderArn=recommender)
    try:
        runtime.get_recommendations(recommenderArn=recommender, userId="shopper-1")
        raise SystemExit("A stopped recommender answered.")
    except (runtime.exceptions.InvalidInputException, runtime.exceptions.ResourceNotFoundException) as error:
        print(f"  while it is stopped: {error.response['Error']['Message']}")
    personalize.start_recommender(recommenderArn=recommender)
    wait_for("recommender", "ACTIVE", personalize.describe_recommender, recommenderArn=recommender)


def delete_all(group: str, schemas: list[str]) -> None:
    """In the order in which one thing depends on another."""
    for page in personalize.get_paginator("list_recommenders").paginate(datasetGroupArn=group):
        for each in page["recommenders"]:
            personalize.delete_recommender(recommenderArn=each["recommenderArn"])
            wait_until_gone(personalize.describe_recommender, recommenderArn=each["recommenderArn"])
    for page in personalize.get_paginator("list_datasets").paginate(datasetGroupArn=group):
        for each in page["datasets"]:
            personalize.delete_dataset(datasetArn=each["datasetArn"])
            wait_until_gone(personalize.describe_dataset, datasetArn=each["datasetArn"])
    for schema in schemas:
        personalize.delete_schema(schemaArn=schema)
    personalize.delete_dataset_group(datasetGroupArn=group)
    wait_until_gone(personalize.describe_dataset_group, datasetGroupArn=group)


def main() -> None:
    """The whole life of a shop."""
    folder = Path(os.environ["ENDCAP_HOME"]) / "buckets" / NAME  # a folder plays the bucket s3://example-ecommerce
    folder.mkdir(parents=True, exist_ok=True)
    print("Data")
    group, schemas = create_data(folder, f"s3://{NAME}")
    print("Recommenders")
    trending = create_recommender(group, "trending", "endcap-trending")
    for_you = create_recommender(group, "for-you", "aws-ecomm-recommended-for-you")
    print("Answers")
    show("anyone", recommenderArn=trending)
    for shopper in ("shopper-0", "shopper-1"):
        show(shopper, recommenderArn=for_you, userId=shopper)
    print("Stop and start")
    stop_and_start(for_you)
    show("shopper-0 again", recommenderArn=for_you, userId="shopper-0")
    print("Delete")
    delete_all(group, schemas)
    print("Everything is gone.")


if __name__ == "__main__":
    main()
