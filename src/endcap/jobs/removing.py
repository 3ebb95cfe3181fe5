"""What goes with a resource when it is deleted. Every step may find its work done already."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from endcap.jobs.batch import job_folder
from endcap.jobs.datasets import announce_deletion, kind_of
from endcap.jobs.lifecycles import Work
from endcap.jobs.workspace import Workspace
from endcap.registry.dependencies import Dependencies
from endcap.registry.versions import HIDDEN
from endcap.storage.log import open_log_reader
from endcap.storage.set_aside import refused_events
from endcap.types import ShopKey


def parts(work: Work) -> None:
    """Records that have no life of their own: jobs of a dataset, versions of a solution."""
    resources = work.workspace.resources
    for part in Dependencies(work.workspace.database, clock=work.workspace.clock).parts(work.resource):
        work.cancelled.check()
        _remove(job_folder(work.workspace, part))  # what a batch job left; others have none
        resources.delete(part)


def dataset(work: Work) -> None:
    """The rows of a dataset, streamed ones too. What was learned from them stays until its own deletion."""
    shop = work.resource.shop_key
    with closing(open_log_reader(work.workspace.settings.log)) as log:
        work.workspace.lake.drop(shop, kind_of(work.resource), log)
    states(work.workspace, shop)
    announce_deletion(work.workspace, shop, work.cancelled)


def versions(work: Work) -> None:
    """The trained models of a solution, rows first, so that nothing finds files that are going."""
    _remove_versions(work, work.resource.id)


def campaign(work: Work) -> None:
    """Its generations: servers let go of it within a poll."""
    work.workspace.campaigns.delete(work.resource.shop_key, work.resource.id)


def recommender(work: Work) -> None:
    """Its generations, and the models it has trained for itself."""
    work.workspace.campaigns.delete(work.resource.shop_key, work.resource.id, kind="recommender")
    _remove_versions(work, f"{HIDDEN}{work.resource.id}")


def shop(work: Work) -> None:
    """Everything that lies in the home for a group: tables, models, mapped states, reports."""
    key, home = work.resource.shop_key, work.workspace.settings.home
    with closing(open_log_reader(work.workspace.settings.log)) as log:
        work.workspace.lake.drop_shop(key, log)
    states(work.workspace, key)
    copies(work.workspace, key)
    for folder in (home / "models", work.workspace.reports):
        _remove(folder.joinpath(*key.parts()))
    work.workspace.snapshots.forget(key)
    work.workspace.imports.forget(key)


def copies(workspace: Workspace, shop: ShopKey) -> None:
    """Rows of a shop beside its tables go: files that wait for import, sorted copies, events that were refused."""
    home = workspace.settings.home
    for folder in (home / "uploads", home / "rows"):
        _remove(folder.joinpath(*shop.parts()))
    refused_events(home).forget(shop)


def states(workspace: Workspace, shop: ShopKey) -> None:
    """The shop's mapped states, made of rows that are no longer there; whoever serves from one keeps its pages.

    A table that is made anew counts its versions from 0 again, so a state of the old one would be taken for its own.
    """
    for root in (workspace.settings.home / "state", workspace.settings.home / "state" / "actions"):
        _remove(root.joinpath(*shop.parts()))


def _remove_versions(work: Work, solution: str) -> None:
    for version in work.workspace.versions.list(work.resource.shop_key, solution):
        work.workspace.versions.delete(version)
    _remove(work.workspace.settings.home.joinpath("models", *work.resource.shop_key.parts(), solution))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
