"""A shop's back end as it was written for Amazon Personalize: nothing in here knows where the service really runs.

It reads credentials, region and endpoints from the environment, as every AWS SDK does, and walks from a schema to
recommendations and back to nothing, polling, paginating and catching modelled exceptions on the way.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import time
import uuid

import boto3
from shop_data import interactions, items

PAUSE = 0.1
LONGEST = 120
ROLE = "arn:aws:iam::000000000000:role/PersonalizeS3"
NAME = "journey"

personalize = boto3.client("personalize")
runtime = boto3.client("personalize-runtime")
events = boto3.client("personalize-events")
s3 = boto3.client("s3")


def wait(describe, key, **arn):
    """Poll as the public samples do: until the status says that it is over."""
    deadline = time.time() + LONGEST
    seen = []
    while time.time() < deadline:
        found = describe(**arn)[key]
        if not seen or seen[-1] != found["status"]:
            seen.append(found["status"])
        if found["status"] in ("ACTIVE", "INACTIVE", "COMPLETED", "CREATE FAILED", "FAILED", "CREATE STOPPED"):
            print(f"{key}: {' -> '.join(seen)} {found.get('failureReason', '')}")
            return found
        time.sleep(PAUSE)
    sys.exit(f"{key} is still {seen[-1]} after {LONGEST} seconds")


def wait_until_gone(describe, **arn):
    """`ResourceNotFoundException` ends a delete-polling loop."""
    deadline = time.time() + LONGEST
    while time.time() < deadline:
        try:
            describe(**arn)
        except personalize.exceptions.ResourceNotFoundException:
            return
        time.sleep(PAUSE)
    sys.exit(f"{arn} is still there after {LONGEST} seconds")


def schema(name, fields):
    record = {"type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema", "fields": fields}
    try:
        made = personalize.create_schema(name=f"{NAME}-{name.lower()}", schema=json.dumps({**record, "version": "1.0"}))
        return made["schemaArn"]
    except personalize.exceptions.ResourceAlreadyExistsException:
        pages = personalize.get_paginator("list_schemas").paginate(maxResults=1)
        return next(s["schemaArn"] for page in pages for s in page["schemas"] if s["name"] == f"{NAME}-{name.lower()}")


def upload(bucket, key, header, rows):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    s3.put_object(Bucket=bucket, Key=key, Body=text.getvalue().encode())
    return f"s3://{bucket}/{key}"


def prepare(bucket):
    s3.create_bucket(Bucket=bucket)
    group = personalize.create_dataset_group(name=NAME)["datasetGroupArn"]
    wait(personalize.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    try:
        personalize.create_dataset_group(name=NAME)
        sys.exit("the same group twice")
    except personalize.exceptions.ResourceAlreadyExistsException as error:
        print("as expected:", error.response["Error"]["Message"])
    text = {"type": "string"}
    shapes = {
        "Interactions": [
            {"name": "USER_ID", **text},
            {"name": "ITEM_ID", **text},
            {"name": "TIMESTAMP", "type": "long"},
            {"name": "EVENT_TYPE", **text},
        ],
        "Items": [
            {"name": "ITEM_ID", **text},
            {"name": "PRICE", "type": "float"},
            {"name": "CATEGORY", **text, "categorical": True},
            {"name": "TAGS", "type": ["string", "null"], "categorical": True},
        ],
    }
    files = {
        "Interactions": upload(
            bucket, "in/interactions.csv", ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"), interactions()
        ),
        "Items": upload(bucket, "in/items/part-1.csv", ("ITEM_ID", "PRICE", "CATEGORY", "TAGS"), items()).rsplit(
            "/", 1
        )[0],
    }
    for kind, fields in shapes.items():
        dataset = personalize.create_dataset(
            name=f"{NAME}-{kind.lower()}", schemaArn=schema(kind, fields), datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
        wait(personalize.describe_dataset, "dataset", datasetArn=dataset)
        job = personalize.create_dataset_import_job(
            jobName=f"{NAME}-{kind.lower()}-1",
            datasetArn=dataset,
            dataSource={"dataLocation": files[kind]},
            roleArn=ROLE,
        )["datasetImportJobArn"]
        done = wait(personalize.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
        assert done["status"] == "ACTIVE", done
    return group


def train(group, name, wanted):
    recipe = next(
        recipe["recipeArn"]
        for page in personalize.get_paginator("list_recipes").paginate(maxResults=5)
        for recipe in page["recipes"]
        if recipe["name"] == wanted
    )
    solution = personalize.create_solution(
        name=name, datasetGroupArn=group, recipeArn=recipe, performAutoTraining=False
    )["solutionArn"]
    wait(personalize.describe_solution, "solution", solutionArn=solution)
    personalize.create_solution_version(solutionArn=solution)
    version = personalize.list_solution_versions(solutionArn=solution)["solutionVersions"][-1]["solutionVersionArn"]
    found = wait(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert found["status"] == "ACTIVE", found
    metrics = personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    print("metrics:", {name: metrics[name] for name in sorted(metrics)})
    assert 0 < metrics["normalized_discounted_cumulative_gain_at_25"] <= 1
    return solution, version


def rank(version):
    campaign = personalize.create_campaign(name=f"{NAME}-rank", solutionVersionArn=version)["campaignArn"]
    wait(personalize.describe_campaign, "campaign", campaignArn=campaign)
    given = ["book1", "tea1", "unheard-of", "tool1"]
    ranked = runtime.get_personalized_ranking(campaignArn=campaign, userId="u2", inputList=given)
    order = ranked["personalizedRanking"]
    assert order[0]["itemId"] == "tea1" and order[-1]["itemId"] == "unheard-of", order
    assert abs(sum(item.get("score", 0) for item in order) - 1) < 1e-6
    return campaign


def serve(group, version):
    campaign = personalize.create_campaign(
        name=NAME,
        solutionVersionArn=version,
        minProvisionedTPS=1,
        campaignConfig={"enableMetadataWithRecommendations": True},
    )["campaignArn"]
    assert wait(personalize.describe_campaign, "campaign", campaignArn=campaign)["status"] == "ACTIVE"
    answer = runtime.get_recommendations(
        campaignArn=campaign, userId="u0", numResults=10, metadataColumns={"ITEMS": ["CATEGORY", "PRICE"]}
    )
    ids = [item["itemId"] for item in answer["itemList"]]
    print("u0 gets", ids, "under", answer["recommendationId"])
    assert len(ids) == len(set(ids)) == 10
    assert sum(item["metadata"]["CATEGORY"] == "book" for item in answer["itemList"]) >= 6
    filters = personalize.create_filter(
        name=f"{NAME}-cheap",
        datasetGroupArn=group,
        filterExpression="INCLUDE ItemID WHERE Items.PRICE < $PRICE | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN"
        ' ("Purchase")',
    )["filterArn"]
    wait(personalize.describe_filter, "filter", filterArn=filters)
    assert any(each["filterArn"] == filters for each in personalize.list_filters(datasetGroupArn=group)["Filters"])
    cheap = runtime.get_recommendations(
        campaignArn=campaign, userId="u0", numResults=5, filterArn=filters, filterValues={"PRICE": "20"}
    )
    prices = {item: price for item, price, _, _ in items()}
    assert len(cheap["itemList"]) == 5 and all(prices[item["itemId"]] < 20 for item in cheap["itemList"]), cheap
    try:
        runtime.get_recommendations(campaignArn=campaign + "x", userId="u0")
        sys.exit("a campaign that does not exist answered")
    except runtime.exceptions.ResourceNotFoundException as error:
        print("as expected:", error.response["Error"]["Message"])
    return campaign, filters


def click(group, campaign):
    tracker = personalize.create_event_tracker(name=NAME, datasetGroupArn=group)
    wait(personalize.describe_event_tracker, "eventTracker", eventTrackerArn=tracker["eventTrackerArn"])
    session = f"s-{uuid.uuid4()}"
    for item in ("tool3", "tool4", "tool5"):
        events.put_events(
            trackingId=tracker["trackingId"],
            sessionId=session,
            eventList=[{"eventType": "View", "sentAt": time.time(), "properties": json.dumps({"itemId": item})}],
        )
    answer = runtime.get_recommendations(campaignArn=campaign, userId=session, numResults=10)["itemList"]
    tools = sum(item["itemId"].startswith("tool") for item in answer)
    print(f"after three clicks on tools a stranger gets {tools} tools among 10")
    assert tools >= 6, answer
    return tracker["eventTrackerArn"]


def batch(bucket, version):
    lines = "\n".join(json.dumps({"userId": f"u{n}"}) for n in range(50)) + '\nnot json\n{"userId": "u50"}\n'
    s3.put_object(Bucket=bucket, Key="batch/in/users.json", Body=lines.encode())
    job = personalize.create_batch_inference_job(
        jobName=f"{NAME}-batch",
        solutionVersionArn=version,
        numResults=7,
        jobInput={"s3DataSource": {"path": f"s3://{bucket}/batch/in/users.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{bucket}/batch/out/"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    done = wait(personalize.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=job)
    assert done["status"] == "ACTIVE", done
    body = s3.get_object(Bucket=bucket, Key="batch/out/users.json.out")["Body"].read().decode()
    answers = [json.loads(line) for line in body.splitlines()]
    assert len(answers) == 52 and len(answers[0]["output"]["recommendedItems"]) == 7
    assert answers[50]["error"] and answers[51]["error"] is None


def delete_all(group, solutions, campaigns, filters, tracker):
    for campaign in campaigns:
        personalize.delete_campaign(campaignArn=campaign)
        wait_until_gone(personalize.describe_campaign, campaignArn=campaign)
    try:
        personalize.delete_dataset_group(datasetGroupArn=group)
        sys.exit("a group that is not empty was deleted")
    except personalize.exceptions.ResourceInUseException as error:
        print("as expected:", error.response["Error"]["Message"])
    personalize.delete_filter(filterArn=filters)
    wait_until_gone(personalize.describe_filter, filterArn=filters)
    personalize.delete_event_tracker(eventTrackerArn=tracker)
    wait_until_gone(personalize.describe_event_tracker, eventTrackerArn=tracker)
    for solution in solutions:
        personalize.delete_solution(solutionArn=solution)
        wait_until_gone(personalize.describe_solution, solutionArn=solution)
    for dataset in personalize.list_datasets(datasetGroupArn=group)["datasets"]:
        shape = personalize.describe_dataset(datasetArn=dataset["datasetArn"])["dataset"]["schemaArn"]
        personalize.delete_dataset(datasetArn=dataset["datasetArn"])
        wait_until_gone(personalize.describe_dataset, datasetArn=dataset["datasetArn"])
        personalize.delete_schema(schemaArn=shape)
    personalize.delete_dataset_group(datasetGroupArn=group)
    wait_until_gone(personalize.describe_dataset_group, datasetGroupArn=group)
    assert personalize.list_dataset_groups()["datasetGroups"] == []


def main(bucket):
    group = prepare(bucket)
    solution, version = train(group, NAME, "aws-user-personalization-v2")
    ranker, ranking_version = train(group, f"{NAME}-rank", "aws-personalized-ranking-v2")
    campaign, filters = serve(group, version)
    ranking_campaign = rank(ranking_version)
    tracker = click(group, campaign)
    batch(bucket, version)
    delete_all(group, [solution, ranker], [campaign, ranking_campaign], filters, tracker)
    print("done")


if __name__ == "__main__":
    main(sys.argv[1])
