"""A solution version before it is trained: what the solution's configuration says at that moment, kept for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from endcap.registry.resources import Resource

TrainingMode = Literal["FULL", "UPDATE", "AUTOTRAIN"]
TrainingType = Literal["MANUAL", "AUTOMATIC"]
COPIED = (
    "recipeArn",
    "datasetGroupArn",
    "performHPO",
    "performAutoML",
    "performIncrementalUpdate",
    "eventType",
    "solutionConfig",
)
"""Members that a version takes over from its solution as they are when it is asked for."""


def planned_version(
    solution: Resource,
    identity: str,
    *,
    mode: TrainingMode = "FULL",
    training: TrainingType = "MANUAL",
    name: str = "",
    tags: Mapping[str, str] | None = None,
) -> Resource:
    """The record to create, with verb `create`, to have a version trained; `identity` is 8 hex digits."""
    document = {member: solution.document[member] for member in COPIED if member in solution.document}
    document |= {
        "name": name or f"{solution.id}/{identity}",
        "solutionArn": solution.arn,
        "trainingMode": mode,
        "trainingType": training,
    }
    return Resource(
        solution.account,
        "solution-version",
        f"{solution.id}/{identity}",
        solution.shop,
        solution.id,
        "CREATE PENDING",
        document,
        dict(tags or {}),
    )
