"""Event trackers and metric attributions: one of each in a group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from endcap.api.personalize.control.desk import Call, active, named
from endcap.api.personalize.control.listing import paged
from endcap.api.personalize.control.tagging import tags_of
from endcap.errors import InputError
from endcap.lake.schemas import DatasetKind, Schema
from endcap.registry.resources import Exists, Resource

MOST_METRICS = 10
_EXPRESSION = re.compile(r"\s*(?:SUM\(\s*(Items|Interactions)\.([A-Za-z_]\w*)\s*\)|SAMPLECOUNT\(\s*\))\s*", re.I | re.A)
_NUMBERS = ("float", "double", "int", "long")


def create_event_tracker(call: Call) -> Mapping[str, Any]:
    """Gives the tracking id under which a group's events are sent."""
    given = call.given
    group = call.usable(given["datasetGroupArn"], "dataset-group")
    trackers = call.desk.resources.list(call.account, "event-tracker")
    if any(tracker.document.get("name") == given["name"] for tracker in trackers):
        raise Exists(f"Another event tracker is named {given['name']!r} already.", fix="Take another name.")
    document = {
        "name": given["name"],
        "datasetGroupArn": group.arn,
        "trackingId": call.desk.uuids(),
        "accountId": call.account.account,
    }
    tags = tags_of(given)
    made = Resource(call.account, "event-tracker", call.desk.draw(), group.id, "", "CREATE PENDING", document, tags)
    return {"eventTrackerArn": call.create(made, group).arn, "trackingId": document["trackingId"]}


def create_metric_attribution(call: Call) -> Mapping[str, Any]:
    """Sums over events, by what brought them about."""
    given = call.given
    group = call.usable(given["datasetGroupArn"], "dataset-group")
    if not given["metrics"]:
        raise InputError("metrics is empty, expected 1 to 10.")
    _check_metrics(given["metrics"], call.schemas(group.id))
    document = {**named(given, "name", "metrics", "metricsOutputConfig"), "datasetGroupArn": group.arn}
    made = Resource(call.account, "metric-attribution", given["name"], group.id, "", "CREATE PENDING", document)
    return {"metricAttributionArn": call.create(made, group).arn}


def update_metric_attribution(call: Call) -> Mapping[str, Any]:
    """Other metrics or another place for reports, from the next report on."""
    given = call.given
    if "metricAttributionArn" not in given:
        raise InputError("metricAttributionArn was not given.")
    found = active(call.find(given["metricAttributionArn"], "metric-attribution"))
    added, removed = given.get("addMetrics", []), set(given.get("removeMetrics", ()))
    before: Sequence[Mapping[str, str]] = found.document.get("metrics", ())
    kept = [metric for metric in before if metric["metricName"] not in removed]
    if len(kept) + len(removed) > len(before):
        raise InputError("removeMetrics names a metric that is not there.")
    names = {metric["metricName"] for metric in kept}
    twice = next((metric["metricName"] for metric in added if metric["metricName"] in names), None)
    if twice is not None:
        raise Exists(f"{found.arn} has a metric {twice!r} already.", fix="Take another name, or remove it too.")
    metrics = [*kept, *added]
    if not 1 <= len(metrics) <= MOST_METRICS:
        raise InputError(f"There would be {len(metrics)} metrics, expected 1 to {MOST_METRICS}.")
    _check_metrics(metrics, call.schemas(found.shop))
    call.desk.resources.change(found, document={"metrics": metrics, **named(given, "metricsOutputConfig")})
    return {"metricAttributionArn": found.arn}


def list_metric_attribution_metrics(call: Call) -> Mapping[str, Any]:
    """The metrics of an attribution, ten at most."""
    if "metricAttributionArn" not in call.given:
        raise InputError("metricAttributionArn was not given.")
    found = call.find(call.given["metricAttributionArn"], "metric-attribution")
    metrics = found.document.get("metrics", ())
    return paged(call, metrics, "metrics", ("metrics", found.arn), dict)  # type: ignore[no-any-return]


def _check_metrics(metrics: Sequence[Mapping[str, str]], schemas: Mapping[DatasetKind, Schema]) -> None:
    names = [metric["metricName"] for metric in metrics]
    if len(set(names)) < len(names):
        raise InputError("Two metrics have the same metricName.")
    for metric in metrics:
        _check_expression(metric["expression"], schemas)


def _check_expression(text: str, schemas: Mapping[DatasetKind, Schema]) -> None:
    found = _EXPRESSION.fullmatch(text)
    if found is None:
        raise InputError(
            f"The expression {text!r} is not one that can be measured.",
            fix="Write SUM(Items.COLUMN), SUM(Interactions.COLUMN) or SAMPLECOUNT().",
        )
    if found[1] is None:
        return
    kind: DatasetKind = "items" if found[1].lower() == "items" else "interactions"
    if kind not in schemas:
        raise InputError(f"The expression {text!r} needs an {found[1]} dataset, which the group does not have.")
    fields = {field.name.lower(): field for field in schemas[kind].fields}
    field = fields.get(found[2].lower())
    if field is None or field.type not in _NUMBERS:
        raise InputError(f"The expression {text!r} needs a numerical column {found[2]} of {found[1]}.")
