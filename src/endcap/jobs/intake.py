"""Import into a workspace: the import itself, and its report kept in the metadata database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from endcap.jobs.importing import ImportReport, import_source
from endcap.jobs.memories import memories, remember
from endcap.jobs.workspace import Workspace
from endcap.lake.schemas import Schema
from endcap.registry.datasets import describe_datasets
from endcap.seams import Progress, no_progress
from endcap.types import ShopKey


def bring_in(
    workspace: Workspace,
    shop: ShopKey,
    paths: Sequence[Path],
    *,
    dialect: str | None = None,
    mapping: Mapping[str, str] | None = None,
    kind: str | None = None,
    mode: str = "FULL",
    fresh: bool = False,
    progress: Progress = no_progress,
) -> ImportReport:
    """`import_source` into the workspace's lake; its report is listed from then on, and lineage finds its sources.

    The datasets are described as if the API had made them, and a server follows what has changed. What is said of the
    files is remembered for the shop, and counts for files like them where nothing is said, unless `fresh`.
    """
    report = import_source(
        workspace.settings,
        shop,
        paths,
        dialect=dialect,
        mapping=mapping,
        kind=kind,
        mode=mode,
        remembered=() if fresh else memories(workspace, shop),
        clock=workspace.clock,
        progress=progress,
    )
    listed(workspace, shop, report)
    return report


def listed(workspace: Workspace, shop: ShopKey, report: ImportReport) -> None:
    """Keep the report of an import and how its files were read, describe its datasets, and let servers follow."""
    workspace.imports.record(shop, report.job, ",".join(sorted(report.kinds)), report.json())
    described = json.loads(Path(report.manifest).read_text("utf-8"))["schemas"]
    describe_datasets(workspace.resources, shop, {kind: Schema.from_avro(text) for kind, text in described.items()})
    if report.said is not None:
        remember(workspace, shop, report.said)
    workspace.snapshots.announce(shop, workspace.lake.snapshot(shop).text)
