"""Train a recipe on a shop's newest snapshot and publish the version, with its lineage."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from endcap.jobs.solution_data import LEARN_FROM_DECISIONS, with_decisions
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.registry.feature_windows import window_documents
from endcap.registry.lineage import Lineage
from endcap.registry.versions import Version
from endcap.seams import Progress, no_progress
from endcap.serving.lake_shops import LakeShops
from endcap.types import ShopKey


def learnable(workspace: Workspace, shop: ShopKey) -> Dataset:
    """What recipes learn from now: of a shop in which nothing has happened yet its items and users all the same.

    Raises `StateError` where there are neither interactions nor items.
    """
    versions = workspace.lake.snapshot(shop).versions
    if "interactions" not in versions and "items" in versions:
        return LakeShops(workspace.lake).dataset(shop)
    return workspace.lake.dataset(shop)


def train(
    workspace: Workspace,
    shop: ShopKey,
    recipe: str,
    *,
    solution: str | None = None,
    settings: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    dataset: Dataset | None = None,
    progress: Progress = no_progress,
) -> Version:
    """Fit one version and add it to the registry; the solution is SHOP-RECIPE unless said otherwise.

    Nothing that is served changes until `publish`. Raises `UnknownName` for a recipe or a hyper-parameter that does
    not exist, `StateError` without data.
    """
    model = create(recipe, settings)
    snapshot = workspace.lake.snapshot(shop)
    data = dataset or learnable(workspace, shop)
    if recipe in LEARN_FROM_DECISIONS:
        data = with_decisions(workspace.lake, shop, data)
        data = replace(data, windows=window_documents(workspace.resources, shop))
    started = time.perf_counter()
    model.fit(data, progress)
    lineage = Lineage(
        sources=workspace.sources(shop),
        snapshot=snapshot.text,
        recipe=recipe,
        settings=model.settings(),
        seed=int(model.settings().get("seed", 0)),
        metrics=dict(metrics or {}),
        trained_until=data.last_time,
        seconds=time.perf_counter() - started,
    )
    return workspace.versions.publish(shop, solution or shop.name_of(recipe), model, data, lineage)
