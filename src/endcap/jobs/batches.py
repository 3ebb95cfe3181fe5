"""Exports, batch jobs and metric attribution as steps of their lifecycles; each is loaded when it is first needed."""

# ruff: noqa: PLC0415

from __future__ import annotations

import shutil

from endcap.jobs.lifecycles import Work


def export(work: Work) -> None:
    """The rows of a dataset as CSV."""
    from endcap.jobs.exporting import run_export

    run_export(work.workspace, work.resource, progress=work.progress, cancelled=work.cancelled)


def answer(work: Work) -> None:
    """Recommendations for a file of queries, or users for a file of items or attributes."""
    from endcap.jobs.batch import run_batch

    run_batch(work.workspace, work.resource, progress=work.progress, cancelled=work.cancelled)


def write_metrics(work: Work) -> None:
    """What recommendations brought, by quarter of an hour."""
    from endcap.jobs.attribution import write_metric_attribution

    write_metric_attribution(work.workspace, work.resource, progress=work.progress, cancelled=work.cancelled)


def forget(work: Work) -> None:
    """A stopped or failed batch leaves nothing half done behind."""
    from endcap.jobs.batch import job_folder

    shutil.rmtree(job_folder(work.workspace, work.resource), ignore_errors=True)
