"""Import into a workspace: the import itself, and its report kept in the metadata database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from endcap.jobs.importing import ImportReport, import_source
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
    progress: Progress = no_progress,
) -> ImportReport:
    """`import_source` into the workspace's lake; its report is listed from then on, and lineage finds its sources.

    The datasets are described as if the API had made them, and a server follows what has changed.
    """
    report = import_source(
        workspace.settings,
        shop,
        paths,
        dialect=dialect,
        mapping=mapping,
        kind=kind,
        mode=mode,
        clock=workspace.clock,
        progress=progress,
    )
    workspace.imports.record(shop, report.job, ",".join(sorted(report.kinds)), report.json())
    described = json.loads(Path(report.manifest).read_text("utf-8"))["schemas"]
    describe_datasets(workspace.resources, shop, {kind: Schema.from_avro(text) for kind, text in described.items()})
    workspace.snapshots.announce(shop, workspace.lake.snapshot(shop).text)
    return report
