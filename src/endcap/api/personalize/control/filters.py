"""Filters: an expression is read when it is created, so that a mistake is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.personalize.control.desk import Call, named
from endcap.api.personalize.control.tagging import tags_of
from endcap.registry.resources import Resource
from endcap.serving.filters import parse


def create_filter(call: Call) -> Mapping[str, Any]:
    """Refused where the expression obeys no grammar, or names a field that the group's datasets do not have."""
    given = call.given
    group = call.usable(given["datasetGroupArn"], "dataset-group")
    parse(given["filterExpression"]).check(call.schemas(group.id))
    document = {**named(given, "name", "filterExpression"), "datasetGroupArn": group.arn}
    tags = tags_of(given)
    made = Resource(call.account, "filter", given["name"], group.id, "", "CREATE PENDING", document, tags)
    return {"filterArn": call.create(made, group).arn}
