"""What came live goes into the lake: now and then by schedule, and before whatever reads the lake as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import cache

from endcap.errors import StateError
from endcap.jobs.lifecycles import Work
from endcap.jobs.workspace import Workspace
from endcap.lake.declarations import declare
from endcap.lake.schemas import DatasetKind, Schema
from endcap.registry.feature_groups import FeatureGroups
from endcap.seams import Disk
from endcap.serving.shop_schemas import ShopSchemas
from endcap.storage.log import open_log_reader
from endcap.stream.poison import PoisonStore
from endcap.stream.sink import Schemas, SinkReport, sink
from endcap.types import ShopKey


def sink_all(
    workspace: Workspace, shop: ShopKey | None = None, *, since: Mapping[int, int] | None = None
) -> SinkReport:
    """Move what the log holds now into the tables of every shop, or of one; servers are told of what changed. `since`
    as in `sink`."""
    with closing(open_log_reader(workspace.settings.log)) as log:
        return sink(
            log,
            workspace.lake,
            shop=shop,
            schemas=_schemas(workspace),
            announce=workspace.snapshots.announce,
            poison=set_aside(workspace),
            since=since,
            groups=FeatureGroups(workspace.database, clock=workspace.clock).by_key,
        )


def set_aside(workspace: Workspace) -> PoisonStore:
    """Where records of the log are that nothing can be made of."""
    return PoisonStore(workspace.settings.home / "rejects" / "log")


def before(work: Work) -> None:
    """A step before work on a shop's data as a whole: what was acknowledged until now takes part in it."""
    report = sink_all(work.workspace, work.resource.shop_key)
    moved = sum(report.rows.values())
    if moved:
        work.say(f"{moved:,} streamed rows moved into the lake first")
    for reason in report.failures.values():
        work.say(f"streamed rows stay in the log: {reason}")


def before_deletion(work: Work) -> None:
    """The same, where nothing may stay behind. Raises `StateError` for streamed rows that the tables refuse."""
    report = sink_all(work.workspace, work.resource.shop_key)
    for reason in report.failures.values():
        raise StateError(f"Streamed rows could not be moved into the lake, so they could not be searched: {reason}")


def _schemas(workspace: Workspace) -> Schemas:
    """The schema of a shop's dataset, looked up once a run; None where the control plane has no such dataset. What it
    declares of events is kept in the lake, beside the rows that it was written with."""
    known = ShopSchemas(workspace.resources)

    def schema(shop: ShopKey, kind: DatasetKind) -> Schema | None:
        found = known(shop, kind)
        if kind == "interactions" and found is not None:
            declare(workspace.lake.directory(shop), found.signals, Disk())
        return found

    return cache(schema)
