"""The table of all operations of `personalize`: what answers each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from endcap.api.callers import Access
from endcap.api.personalize.control import data_jobs, groups, recipes, serving, tagging, tracking, training
from endcap.api.personalize.control.deleting import deleter
from endcap.api.personalize.control.describing import describer
from endcap.api.personalize.control.desk import Handler
from endcap.api.personalize.control.filters import create_filter
from endcap.api.personalize.control.listing import lister
from endcap.api.personalize.shaping import camel
from endcap.registry.resources import KINDS

READING = ("Describe", "List", "Get")
"""How the operations' names start that change nothing."""
DELETED = (
    "campaign",
    "dataset",
    "dataset-group",
    "event-tracker",
    "filter",
    "metric-attribution",
    "recommender",
    "schema",
    "solution",
)
"""Kinds that have a Delete operation; versions and jobs go with what they belong to."""
NARROWED_BY: Mapping[str, str] = {
    "batch-inference-job": "solution-version",
    "batch-segment-job": "solution-version",
    "campaign": "solution",
    "dataset-export-job": "dataset",
    "dataset-group": "",
    "dataset-import-job": "dataset",
    "schema": "",
    "solution-version": "solution",
}
"""Of what a list may be restricted to one; of a dataset group where it is not said."""


def _by_kind() -> Iterator[tuple[str, Handler]]:
    """Describe, Delete and List of every kind."""
    for kind in KINDS:
        name = camel(kind)
        title = name[0].upper() + name[1:]
        within = NARROWED_BY.get(kind, "dataset-group")
        output = "Filters" if kind == "filter" else f"{name}s"
        yield f"Describe{title}", describer(kind)
        yield f"List{title}s", lister(kind, output, by=f"{camel(within)}Arn" if within else "", of=within)
        if kind in DELETED:
            yield f"Delete{title}", deleter(kind)


OPERATIONS: Mapping[str, Handler] = {
    **dict(_by_kind()),
    "CreateBatchInferenceJob": data_jobs.create_batch_inference_job,
    "CreateBatchSegmentJob": data_jobs.create_batch_segment_job,
    "CreateCampaign": serving.create_campaign,
    "CreateDataDeletionJob": data_jobs.create_data_deletion_job,
    "CreateDataset": groups.create_dataset,
    "CreateDatasetExportJob": data_jobs.create_dataset_export_job,
    "CreateDatasetGroup": groups.create_dataset_group,
    "CreateDatasetImportJob": data_jobs.create_dataset_import_job,
    "CreateEventTracker": tracking.create_event_tracker,
    "CreateFilter": create_filter,
    "CreateMetricAttribution": tracking.create_metric_attribution,
    "CreateRecommender": serving.create_recommender,
    "CreateSchema": groups.create_schema,
    "CreateSolution": training.create_solution,
    "CreateSolutionVersion": training.create_solution_version,
    "DescribeAlgorithm": recipes.describe_algorithm,
    "DescribeFeatureTransformation": recipes.describe_feature_transformation,
    "DescribeRecipe": recipes.describe_recipe,
    "GetSolutionMetrics": training.get_solution_metrics,
    "ListMetricAttributionMetrics": tracking.list_metric_attribution_metrics,
    "ListRecipes": recipes.list_recipes,
    "ListTagsForResource": tagging.list_tags,
    "StartRecommender": serving.start_recommender,
    "StopRecommender": serving.stop_recommender,
    "StopSolutionVersionCreation": training.stop_solution_version_creation,
    "TagResource": tagging.tag_resource,
    "UntagResource": tagging.untag_resource,
    "UpdateCampaign": serving.update_campaign,
    "UpdateDataset": groups.update_dataset,
    "UpdateMetricAttribution": tracking.update_metric_attribution,
    "UpdateRecommender": serving.update_recommender,
    "UpdateSolution": training.update_solution,
}


def access_of(operation: str) -> Access:
    """What a key must be allowed to do."""
    return "read" if operation.startswith(READING) else "control"
