"""Describe: one record, with what other records say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from endcap.api.personalize.control.desk import Call, Handler
from endcap.api.personalize.shaping import camel, described
from endcap.registry.resources import Resource


def describer(kind: str) -> Handler:
    """Describes a kind; request and answer are named after it."""
    name = camel(kind)

    def describe(call: Call) -> Mapping[str, Any]:
        resource = call.find(call.given[f"{name}Arn"], kind)
        more = _MORE.get(kind)
        return {name: {**described(resource), **(more(call, resource) if more else {})}}

    return describe


def newest_version(call: Call, solution: Resource, *statuses: str) -> Resource | None:
    """A solution's newest version, of those in one of these statuses."""
    versions = call.desk.resources.list(call.account, "solution-version", parent=solution.id)
    return next((each for each in reversed(versions) if not statuses or each.status in statuses), None)


def _of_solution(call: Call, solution: Resource) -> dict[str, Any]:
    newest = newest_version(call, solution)
    return {} if newest is None else {"latestSolutionVersion": described(newest)}


def _of_dataset(call: Call, dataset: Resource) -> dict[str, Any]:
    """Action interactions are sent under the tracking id of the group's event tracker."""
    if dataset.document.get("datasetType") != "ACTION_INTERACTIONS":
        return {}
    trackers = call.desk.resources.list(call.account, "event-tracker", shop=dataset.shop)
    return {"trackingId": trackers[0].document["trackingId"]} if trackers else {}


_MORE: Mapping[str, Callable[[Call, Resource], dict[str, Any]]] = {
    "solution": _of_solution,
    "dataset": _of_dataset,
}
