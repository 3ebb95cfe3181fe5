"""Datasets in the control plane and their tables in the lake: which kind, which schema, which snapshot serves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from endcap.errors import ResourceError, StateError
from endcap.jobs.progress import Cancellation
from endcap.jobs.workspace import Workspace
from endcap.lake.schemas import KINDS, DatasetKind
from endcap.registry.resources import Resource
from endcap.types import ShopKey

LEAVE_SECONDS = 300.0
"""How long servers may take to let go of what was deleted."""
POLL = 0.05


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


def announce_deletion(workspace: Workspace, shop: ShopKey, cancelled: Cancellation) -> None:
    """Let servers take over what is left, and wait until none serves what was deleted. Raises `ResourceError` when that
    takes too long."""
    generation = workspace.snapshots.announce(shop, workspace.lake.snapshot(shop).text)
    name, deadline = shop.arn("dataset-group", shop.group), time.monotonic() + LEAVE_SECONDS
    while not workspace.servers.have_left(name, generation):
        cancelled.check()
        if time.monotonic() > deadline:
            raise ResourceError(
                f"The rows are deleted, but a server still answers from older ones after {LEAVE_SECONDS:.0f} s.",
                fix="See /readyz of the servers for what they could not load.",
            )
        time.sleep(POLL)


def announce(workspace: Workspace, shop: ShopKey) -> None:
    """Let servers take over the shop's newest data; nothing where nothing changed."""
    workspace.snapshots.announce(shop, workspace.lake.snapshot(shop).text)
