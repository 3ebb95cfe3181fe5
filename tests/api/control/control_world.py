"""One of everything, made with boto3; and for each operation a request that succeeds in that world."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from control_plane import ACCOUNT, REGION, Plane

RECIPE = "arn:aws:personalize:::recipe/"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/PersonalizeS3"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"
INPUT = {"s3DataSource": {"path": "s3://bucket/in.json"}}
OUTPUT = {"s3DataDestination": {"path": "s3://bucket/out/"}}
METRIC = {"eventType": "purchase", "metricName": "revenue", "expression": "SUM(Items.PRICE)"}
TAG = {"tagKey": "team", "tagValue": "search"}


def arn(kind: str, name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:personalize:{region}:{account}:{kind}/{name}"


def avro(name: str, *fields: tuple[str, Any]) -> str:
    """An Avro record; a type in a list may be null."""
    listed = [
        {"name": field, "type": kind, **({"categorical": True} if field.startswith("CATEGORY") else {})}
        for field, kind in fields
    ]
    return json.dumps({"type": "record", "name": name, "namespace": "n", "fields": listed, "version": "1.0"})


EVENT_FIELDS = (("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"), ("EVENT_TYPE", "string"))
INTERACTIONS = avro("Interactions", *EVENT_FIELDS)
INTERACTIONS_AND_VALUE = avro("Interactions", *EVENT_FIELDS, ("EVENT_VALUE", ["float", "null"]))
ITEMS = avro("Items", ("ITEM_ID", "string"), ("PRICE", "float"), ("CATEGORY_L1", "string"))
USERS = avro("Users", ("USER_ID", "string"), ("AGE", "int"))
ACTIONS = avro("Actions", ("ACTION_ID", "string"), ("VALUE", "float"))
ACTION_EVENTS = avro(
    "Action_Interactions",
    ("USER_ID", "string"),
    ("ACTION_ID", "string"),
    ("EVENT_TYPE", "string"),
    ("TIMESTAMP", "long"),
)


@dataclass
class World:
    """ARNs by what they are of."""

    plane: Plane
    client: Any
    arns: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.arns[name]


def build(plane: Plane) -> World:
    """One of everything, ACTIVE."""
    client = plane.client()
    world = World(plane, client, {})
    for step in (_groups, _datasets, _jobs, _solutions, _versions, _served):
        world.arns.update(step(world, client))
        plane.settle()
    return world


def _groups(world: World, client: Any) -> dict[str, str]:
    schemas = {"interactions": INTERACTIONS, "wider": INTERACTIONS_AND_VALUE, "items": ITEMS, "users": USERS}
    schemas |= {"actions": ACTIONS, "action_events": ACTION_EVENTS, "unused": USERS}
    made = {
        f"schema {name}": client.create_schema(name=f"shop-{name}", schema=text)["schemaArn"]
        for name, text in schemas.items()
    }
    domain = client.create_schema(name="store-interactions", schema=INTERACTIONS, domain="ECOMMERCE")
    store = client.create_dataset_group(name="store", domain="ECOMMERCE")
    return {
        **made,
        "schema domain": domain["schemaArn"],
        "group": client.create_dataset_group(name="shop", tags=[TAG])["datasetGroupArn"],
        "group domain": store["datasetGroupArn"],
        "group empty": client.create_dataset_group(name="empty")["datasetGroupArn"],
    }


def _datasets(world: World, client: Any) -> dict[str, str]:
    made = {}
    for kind in ("interactions", "items", "users", "action_events"):
        type_ = "Action_Interactions" if kind == "action_events" else kind.title()
        given = {"datasetType": type_, "datasetGroupArn": world["group"], "schemaArn": world[f"schema {kind}"]}
        made[f"dataset {kind}"] = client.create_dataset(name=f"shop-{kind}", **given)["datasetArn"]
    given = {"datasetGroupArn": world["group domain"], "schemaArn": world["schema domain"]}
    store = client.create_dataset(name="store-interactions", datasetType="INTERACTIONS", **given)
    return {**made, "dataset domain": store["datasetArn"]}


def _jobs(world: World, client: Any) -> dict[str, str]:
    source = {"dataSource": {"dataLocation": "s3://bucket/events.csv"}, "roleArn": ROLE}
    dataset = {"datasetArn": world["dataset interactions"]}
    group = {"datasetGroupArn": world["group"]}
    return {
        "import": client.create_dataset_import_job(jobName="import-1", **dataset, **source)["datasetImportJobArn"],
        "export": client.create_dataset_export_job(jobName="export-1", roleArn=ROLE, jobOutput=OUTPUT, **dataset)[
            "datasetExportJobArn"
        ],
        "deletion": client.create_data_deletion_job(jobName="forget-1", **group, **source)["dataDeletionJobArn"],
        "tracker": client.create_event_tracker(name="clicks", **group)["eventTrackerArn"],
        "filter": client.create_filter(
            name="cheap", filterExpression="INCLUDE ItemID WHERE Items.PRICE < $PRICE", **group
        )["filterArn"],
        "attribution": client.create_metric_attribution(
            name="sums", metrics=[METRIC], metricsOutputConfig={**OUTPUT, "roleArn": ROLE}, **group
        )["metricAttributionArn"],
    }


def _solutions(world: World, client: Any) -> dict[str, str]:
    group = {"datasetGroupArn": world["group"], "performAutoTraining": False}
    recipes = {"up": "aws-user-personalization", "segments": "aws-item-affinity", "similar": "aws-similar-items"}
    made = {
        f"solution {name}": client.create_solution(name=name, recipeArn=RECIPE + recipe, **group)["solutionArn"]
        for name, recipe in recipes.items()
    }
    given = {"datasetGroupArn": world["group domain"], "recipeArn": f"{RECIPE}aws-ecomm-recommended-for-you"}
    recommenders = {
        name: client.create_recommender(name=name, **given)["recommenderArn"] for name in ("for-you", "idle")
    }
    return {**made, "recommender": recommenders["for-you"], "recommender idle": recommenders["idle"]}


def _versions(world: World, client: Any) -> dict[str, str]:
    client.stop_recommender(recommenderArn=world["recommender idle"])
    return {
        f"version {name}": client.create_solution_version(solutionArn=world[f"solution {name}"])["solutionVersionArn"]
        for name in ("up", "segments", "similar")
    }


def _served(world: World, client: Any) -> dict[str, str]:
    batch = {"jobInput": INPUT, "jobOutput": OUTPUT, "roleArn": ROLE}
    inference = {"solutionVersionArn": world["version up"], "filterArn": world["filter"], **batch}
    segment = {"solutionVersionArn": world["version segments"], **batch}
    return {
        "campaign": client.create_campaign(name="home", solutionVersionArn=world["version up"])["campaignArn"],
        "batch": client.create_batch_inference_job(jobName="batch-1", **inference)["batchInferenceJobArn"],
        "segment": client.create_batch_segment_job(jobName="segment-1", **segment)["batchSegmentJobArn"],
    }


def requests(world: World) -> dict[str, dict[str, Any]]:
    """For each operation, a request that the world grants; those that create use names of their own."""
    return {**_creating(world), **_reading(world), **_changing(world), **_deleting(world)}


def _creating(world: World) -> dict[str, dict[str, Any]]:
    batch = {"jobInput": INPUT, "jobOutput": OUTPUT, "roleArn": ROLE}
    dataset = {"datasetArn": world["dataset interactions"]}
    group, empty = {"datasetGroupArn": world["group"]}, {"datasetGroupArn": world["group empty"]}
    source = {"dataSource": {"dataLocation": "s3://bucket/more.csv"}, "roleArn": ROLE}
    count = {"eventType": "view", "metricName": "views", "expression": "SAMPLECOUNT()"}
    return {
        "CreateBatchInferenceJob": {"jobName": "batch-2", "solutionVersionArn": world["version up"], **batch},
        "CreateBatchSegmentJob": {"jobName": "segment-2", "solutionVersionArn": world["version segments"], **batch},
        "CreateCampaign": {"name": "basket", "solutionVersionArn": world["version similar"]},
        "CreateDataDeletionJob": {"jobName": "forget-2", **group, **source},
        "CreateDataset": {
            "name": "empty-users",
            "schemaArn": world["schema users"],
            "datasetType": "Users",
            **empty,
        },
        "CreateDatasetExportJob": {"jobName": "export-2", "roleArn": ROLE, "jobOutput": OUTPUT, **dataset},
        "CreateDatasetGroup": {"name": "second"},
        "CreateDatasetImportJob": {"jobName": "import-2", **dataset, **source},
        "CreateEventTracker": {"name": "more-clicks", **empty},
        "CreateFilter": {"name": "views", "filterExpression": 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'}
        | group,
        "CreateMetricAttribution": {"name": "counts", "metrics": [count], "metricsOutputConfig": {"roleArn": ROLE}}
        | empty,
        "CreateRecommender": {
            "name": "popular",
            "datasetGroupArn": world["group domain"],
            "recipeArn": f"{RECIPE}aws-ecomm-popular-items-by-views",
        },
        "CreateSchema": {"name": "second-users", "schema": USERS},
        "CreateSolution": {"name": "trend", "recipeArn": f"{RECIPE}aws-trending-now", **group},
        "CreateSolutionVersion": {"solutionArn": world["solution up"]},
    }


def _reading(world: World) -> dict[str, dict[str, Any]]:
    recipe = "aws-user-personalization"
    described = {
        "BatchInferenceJob": "batch",
        "BatchSegmentJob": "segment",
        "Campaign": "campaign",
        "DataDeletionJob": "deletion",
        "Dataset": "dataset interactions",
        "DatasetExportJob": "export",
        "DatasetGroup": "group",
        "DatasetImportJob": "import",
        "EventTracker": "tracker",
        "Filter": "filter",
        "MetricAttribution": "attribution",
        "Recommender": "recommender",
        "Schema": "schema users",
        "Solution": "solution up",
        "SolutionVersion": "version up",
    }
    group = {"datasetGroupArn": world["group"]}
    return {
        **{f"Describe{kind}": {f"{kind[0].lower()}{kind[1:]}Arn": world[name]} for kind, name in described.items()},
        "DescribeAlgorithm": {"algorithmArn": f"arn:aws:personalize:::algorithm/{recipe}"},
        "DescribeFeatureTransformation": {
            "featureTransformationArn": f"arn:aws:personalize:::feature-transformation/{recipe}"
        },
        "DescribeRecipe": {"recipeArn": RECIPE + recipe},
        "GetSolutionMetrics": {"solutionVersionArn": world["version up"]},
        "ListBatchInferenceJobs": {"solutionVersionArn": world["version up"]},
        "ListBatchSegmentJobs": {"solutionVersionArn": world["version segments"]},
        "ListCampaigns": {"solutionArn": world["solution up"]},
        "ListDataDeletionJobs": group,
        "ListDatasetExportJobs": {"datasetArn": world["dataset interactions"]},
        "ListDatasetGroups": {},
        "ListDatasetImportJobs": {"datasetArn": world["dataset interactions"]},
        "ListDatasets": group,
        "ListEventTrackers": group,
        "ListFilters": group,
        "ListMetricAttributionMetrics": {"metricAttributionArn": world["attribution"]},
        "ListMetricAttributions": group,
        "ListRecipes": {},
        "ListRecommenders": {"datasetGroupArn": world["group domain"]},
        "ListSchemas": {},
        "ListSolutionVersions": {"solutionArn": world["solution up"]},
        "ListSolutions": group,
        "ListTagsForResource": {"resourceArn": world["group"]},
    }


def _changing(world: World) -> dict[str, dict[str, Any]]:
    return {
        "StartRecommender": {"recommenderArn": world["recommender idle"]},
        "StopRecommender": {"recommenderArn": world["recommender"]},
        "StopSolutionVersionCreation": {"solutionVersionArn": world["version up"]},
        "TagResource": {"resourceArn": world["campaign"], "tags": [TAG]},
        "UntagResource": {"resourceArn": world["campaign"], "tagKeys": ["team"]},
        "UpdateCampaign": {"campaignArn": world["campaign"], "minProvisionedTPS": 2},
        "UpdateDataset": {"datasetArn": world["dataset interactions"], "schemaArn": world["schema wider"]},
        "UpdateMetricAttribution": {
            "metricAttributionArn": world["attribution"],
            "addMetrics": [{**METRIC, "metricName": "b"}],
        },
        "UpdateRecommender": {
            "recommenderArn": world["recommender"],
            "recommenderConfig": {"minRecommendationRequestsPerSecond": 2},
        },
        "UpdateSolution": {"solutionArn": world["solution up"], "performAutoTraining": True},
    }


def _deleting(world: World) -> dict[str, dict[str, Any]]:
    """In an order in which each can be deleted; the group last."""
    return {
        "DeleteCampaign": {"campaignArn": world["campaign"]},
        "DeleteRecommender": {"recommenderArn": world["recommender"]},
        "DeleteMetricAttribution": {"metricAttributionArn": world["attribution"]},
        "DeleteEventTracker": {"eventTrackerArn": world["tracker"]},
        "DeleteFilter": {"filterArn": world["filter"]},
        "DeleteSolution": {"solutionArn": world["solution segments"]},
        "DeleteDataset": {"datasetArn": world["dataset users"]},
        "DeleteSchema": {"schemaArn": world["schema unused"]},
        "DeleteDatasetGroup": {"datasetGroupArn": world["group empty"]},
    }
