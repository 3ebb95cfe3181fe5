"""Batch segments: a file of items or attributes in, the shoppers most inclined to each out."""

from __future__ import annotations

from collections.abc import Callable

from endcap.jobs.batch import Totals, never, run_batch
from endcap.jobs.workspace import Workspace
from endcap.registry.resources import Resource
from endcap.seams import Progress, no_progress


def run_batch_segment(
    workspace: Workspace,
    resource: Resource,
    *,
    progress: Progress = no_progress,
    cancelled: Callable[[], bool] = never,
) -> Totals:
    """Do the batch segment job that a record describes; what was read and written.

    Safe to run again after any kill. Raises `EndcapError` with the reason of failure, `Stopped` when it is cancelled.
    """
    return run_batch(workspace, resource, progress, cancelled)
