"""Datasets in the control plane and their tables in the lake: which kind, which schema, which snapshot serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.errors import StateError
from endcap.jobs.workspace import Workspace
from endcap.lake.schemas import KINDS, DatasetKind
from endcap.registry.resources import Resource
from endcap.types import ShopKey


def kind_of(dataset: Resource) -> DatasetKind:
    """The table of a dataset, from the end of its id `GROUP/INTERACTIONS`. Raises `StateError` for a kind we lack."""
    kind = dataset.id.rpartition("/")[2].lower()
    if kind not in KINDS:
        raise StateError(f"{dataset.arn} is of no known kind.", fix=f"Known are {', '.join(KINDS)}.")
    return kind


def dataset_of(workspace: Workspace, job: Resource) -> Resource:
    """The dataset of an import or export job. Raises `UnknownName`."""
    return workspace.resources.get(job.account, "dataset", job.parent)


def schema_of(workspace: Workspace, dataset: Resource) -> tuple[str, str | None]:
    """A dataset's Avro text and its domain, None for a custom one. Raises `UnknownName`."""
    document: Mapping[str, Any] = workspace.resources.find(str(dataset.document["schemaArn"])).document
    return str(document["schema"]), document.get("domain")


def announce(workspace: Workspace, shop: ShopKey) -> None:
    """Let servers take over the shop's newest data; nothing where nothing changed."""
    workspace.snapshots.announce(shop, workspace.lake.snapshot(shop).text)
