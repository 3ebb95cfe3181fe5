"""Train a recipe on a shop's newest snapshot and publish the version, with its lineage."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from endcap.jobs.profile_groups import ProfileGroups, profile_groups, with_groups
from endcap.jobs.solution_data import LEARN_FROM_DECISIONS, with_decisions
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.neural.processes import checkpoints_in, joined
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.feature_windows import window_documents
from endcap.registry.lineage import Lineage
from endcap.registry.versions import Version
from endcap.seams import Progress, no_progress
from endcap.serving.lake_shops import LakeShops
from endcap.types import ShopKey

CHECKPOINT_SECONDS = 10.0
"""Seconds of training between two checkpoints, at least: what a killed training loses."""


def learnable(workspace: Workspace, shop: ShopKey, label: str = "") -> Dataset:
    """What recipes learn from now: of a shop in which nothing has happened yet its items and users all the same; with
    the `label` of every event that a recipe asks for (`Recipe.label`).

    Raises `StateError` where there are neither interactions nor items.
    """
    versions = workspace.lake.snapshot(shop).versions
    if "interactions" not in versions and "items" in versions:
        return LakeShops(workspace.lake).dataset(shop)
    return workspace.lake.dataset(shop, label=label)


def train(
    workspace: Workspace,
    shop: ShopKey,
    recipe: str,
    *,
    solution: str | None = None,
    settings: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    dataset: Dataset | None = None,
    groups: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> Version:
    """Fit one version and add it to the registry; the solution is SHOP-RECIPE unless said otherwise.

    `groups` says of feature groups whose they are (`user_id`, `item_id`): their newest records count as what is known.
    Nothing that is served changes until `publish`. Raises `UnknownName` for a recipe or a hyper-parameter that does
    not exist, `StateError` without data.
    """
    model = create(recipe, settings)
    sources = workspace.sources(shop)
    told = _groups(workspace, shop, recipe, groups)
    data = _told(workspace, _material(workspace, shop, recipe, model.label, dataset), told)
    started = time.perf_counter()
    model.fit(data, progress)
    lineage = Lineage(
        sources=sources,
        snapshot=data.snapshot or workspace.lake.snapshot(shop).text,
        recipe=recipe,
        settings=model.settings(),
        seed=int(model.settings().get("seed", 0)),
        metrics={**(metrics or {}), **told.notes},
        trained_until=data.last_time,
        seconds=time.perf_counter() - started,
    )
    return workspace.versions.publish(shop, solution or shop.name_of(recipe), model, data, lineage)


def train_command(
    workspace: Workspace,
    shop: ShopKey,
    recipe: str,
    *,
    environ: Mapping[str, str],
    solution: str | None = None,
    settings: Mapping[str, Any] | None = None,
    groups: Mapping[str, str] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    progress: Progress = no_progress,
) -> Version | None:
    """`train` for a command that may be killed and given again, and that `torchrun` may have started several times.

    Networks go on from the last checkpoint of the same command over the same data. Processes of one `torchrun`
    (`environ` says which this is) train one network together; the first publishes, the others get None.
    """
    folder = _folder(workspace, shop, recipe, solution, {**(settings or {}), **(groups or {})})
    with (
        joined(environ) as place,
        checkpoints_in(folder, every=checkpoint_seconds),
    ):
        if place.rank == 0:
            made = train(
                workspace, shop, recipe, solution=solution, settings=settings, groups=groups, progress=progress
            )
        else:
            model = create(recipe, settings)
            told = _groups(workspace, shop, recipe, groups)
            model.fit(_told(workspace, _material(workspace, shop, recipe, model.label, None), told))
    if place.rank > 0:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    return made


def _material(workspace: Workspace, shop: ShopKey, recipe: str, label: str, dataset: Dataset | None) -> Dataset:
    """What the recipe learns from."""
    data = learnable(workspace, shop, label) if dataset is None else dataset
    if recipe not in LEARN_FROM_DECISIONS:
        return data
    data = with_decisions(workspace.lake, shop, data)
    return replace(data, windows=window_documents(workspace.resources, shop))


def _groups(workspace: Workspace, shop: ShopKey, recipe: str, given: Mapping[str, str] | None) -> ProfileGroups:
    groups = FeatureGroups(workspace.database, clock=workspace.clock)
    return profile_groups(groups, shop.account, given or {}, recipe)


def _told(workspace: Workspace, data: Dataset, groups: ProfileGroups) -> Dataset:
    return with_groups(workspace.lake, data, groups, workspace.clock.now())


def _folder(
    workspace: Workspace, shop: ShopKey, recipe: str, solution: str | None, settings: Mapping[str, Any] | None
) -> Path:
    """Where a command's checkpoints lie: the same for the same command."""
    told = json.dumps([*shop.parts(), recipe, solution, sorted((settings or {}).items())])
    return workspace.settings.home / "training" / f"command-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
