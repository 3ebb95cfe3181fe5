"""Jobs on data: import, export, deletion of users, and recommendations or segments in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.personalize.control.desk import COMING, Call, active, named
from endcap.api.personalize.control.recipes import recipe_of
from endcap.api.personalize.control.serving import check_exploration
from endcap.api.personalize.control.tagging import tags_of
from endcap.errors import InputError
from endcap.registry.recipe_arns import Offer
from endcap.registry.resources import Resource

MOST_BATCH_RESULTS = 500
MOST_SEGMENT_USERS = 5_000_000
NOT_IN_BATCHES = ("aws-trending-now", "aws-next-best-action")
SEGMENTS = "USER_SEGMENTATION"
THEMES = "THEME_GENERATION"
THEMED = "aws-similar-items"


def create_dataset_import_job(call: Call) -> Mapping[str, Any]:
    """FULL, which replaces what was imported before, unless it says INCREMENTAL."""
    given = call.given
    dataset = active(call.find(given["datasetArn"], "dataset"), also=COMING)
    _require_location(given["dataSource"])
    if given.get("publishAttributionMetricsToS3") and not _attributions(call, dataset):
        raise InputError("publishAttributionMetricsToS3 is true, and the dataset group has no metric attribution.")
    document = {
        "importMode": "FULL",
        "publishAttributionMetricsToS3": False,
        **named(given, "jobName", "dataSource", "roleArn", "importMode", "publishAttributionMetricsToS3"),
        "datasetArn": dataset.arn,
    }
    return {"datasetImportJobArn": _create(call, "dataset-import-job", dataset, document, dataset)}


def create_dataset_export_job(call: Call) -> Mapping[str, Any]:
    """What came live (PUT) unless it says otherwise, as in the service."""
    given = call.given
    dataset = call.usable(given["datasetArn"], "dataset")
    document = {
        "ingestionMode": "PUT",
        **named(given, "jobName", "ingestionMode", "roleArn", "jobOutput"),
        "datasetArn": dataset.arn,
    }
    return {"datasetExportJobArn": _create(call, "dataset-export-job", dataset, document, dataset)}


def create_data_deletion_job(call: Call) -> Mapping[str, Any]:
    """Deletes the users that a file names from all of a group's data."""
    given = call.given
    group = call.usable(given["datasetGroupArn"], "dataset-group")
    _require_location(given["dataSource"])
    document = {**named(given, "jobName", "dataSource", "roleArn"), "datasetGroupArn": group.arn}
    job = _job(call, "data-deletion-job", group, "", document, "PENDING")
    return {"dataDeletionJobArn": call.create(job, group).arn}


def create_batch_inference_job(call: Call) -> Mapping[str, Any]:
    """Recommendations for every line of a file; with themes where the recipe is for similar items."""
    given = call.given
    version, recipe = _trained(call)
    if recipe.type == SEGMENTS:
        raise InputError(f"{recipe.arn} makes segments of users: use CreateBatchSegmentJob.")
    if recipe.name in NOT_IN_BATCHES:
        raise InputError(f"Batch recommendations are not available with the recipe {recipe.arn}.")
    _require_results(given.get("numResults"), MOST_BATCH_RESULTS)
    mode = given.get("batchInferenceJobMode", "BATCH_INFERENCE")
    _require_themes(given, mode, recipe)
    config = given.get("batchInferenceJobConfig", {})
    check_exploration(config.get("itemExplorationConfig"), recipe)
    document = _batch_document(call, version, "batchInferenceJobConfig", "themeGenerationConfig")
    document["batchInferenceJobMode"] = mode
    return {
        "batchInferenceJobArn": _create(
            call, "batch-inference-job", version, document, version, *_filter(call, version)
        )
    }


def create_batch_segment_job(call: Call) -> Mapping[str, Any]:
    """The users for every line of a file of items or attributes."""
    version, recipe = _trained(call)
    if recipe.type != SEGMENTS:
        raise InputError(f"{recipe.arn} recommends items: batch segments need a {SEGMENTS} recipe.")
    _require_results(call.given.get("numResults"), MOST_SEGMENT_USERS)
    document = _batch_document(call, version)
    return {
        "batchSegmentJobArn": _create(call, "batch-segment-job", version, document, version, *_filter(call, version))
    }


def _batch_document(call: Call, version: Resource, *members: str) -> dict[str, Any]:
    common = ("jobName", "filterArn", "numResults", "jobInput", "jobOutput", "roleArn")
    return {**named(call.given, *common, *members), "solutionVersionArn": version.arn}


def _create(call: Call, kind: str, parent: Resource, document: Mapping[str, Any], *needs: Resource) -> str:
    return call.create(_job(call, kind, parent, parent.id, document, "CREATE PENDING"), *needs).arn


def _job(call: Call, kind: str, within: Resource, parent: str, document: Mapping[str, Any], status: str) -> Resource:
    name, tags = call.given["jobName"], tags_of(call.given)
    return Resource(call.account, kind, name, within.shop, parent, status, document, tags)


def _trained(call: Call) -> tuple[Resource, Offer]:
    version = call.usable(call.given["solutionVersionArn"], "solution-version")
    return version, recipe_of(version)


def _filter(call: Call, version: Resource) -> tuple[Resource, ...]:
    if "filterArn" not in call.given:
        return ()
    found = active(call.find(call.given["filterArn"], "filter"))
    if found.shop != version.shop:
        raise InputError(f"{found.arn} belongs to another dataset group than {version.arn}.")
    return (found,)


def _attributions(call: Call, dataset: Resource) -> list[Resource]:
    return call.desk.resources.list(call.account, "metric-attribution", shop=dataset.shop)


def _require_location(source: Mapping[str, Any]) -> None:
    if "dataLocation" not in source:
        raise InputError("dataSource has no dataLocation.", fix="Give s3://BUCKET/KEY, a file or a folder.")


def _require_results(given: int | None, most: int) -> None:
    if given is not None and not 1 <= given <= most:
        raise InputError(f"numResults is {given}, expected 1 to {most:,}.")


def _require_themes(given: Mapping[str, Any], mode: str, recipe: Offer) -> None:
    if mode != THEMES:
        if "themeGenerationConfig" in given:
            raise InputError(f"themeGenerationConfig was given, but the batchInferenceJobMode is {mode}.")
        return
    if "themeGenerationConfig" not in given:
        raise InputError(f"{THEMES} needs themeGenerationConfig: the field that holds the items' names.")
    if recipe.name != THEMED:
        raise InputError(f"{THEMES} needs the recipe {THEMED}, this solution version has {recipe.name}.")
