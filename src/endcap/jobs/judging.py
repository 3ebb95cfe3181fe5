"""Judge recipes on a shop's own history, keep the report, and read it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from endcap.errors import StateError
from endcap.evaluation.report import write_report
from endcap.evaluation.shop import DAYS, Judgement, judge
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.recipes import create, recipe_class
from endcap.registry.feature_windows import window_documents
from endcap.seams import Progress, no_progress
from endcap.types import ShopKey


def judge_shop(
    workspace: Workspace,
    shop: ShopKey,
    recipes: Sequence[str],
    *,
    days: float = DAYS,
    at: int = 20,
    seed: int = 0,
    shuffle: bool = False,
    dataset: Dataset | None = None,
    progress: Progress = no_progress,
) -> Judgement:
    """Judge these recipes, with their defaults, on the shop's last `days`; the report is kept under the home.

    `shuffle` asks each once more with the histories of others. Raises `UnknownName` for a recipe that does not exist,
    `DataError` where the history is too short.
    """
    for name in recipes:
        recipe_class(name)
    data = dataset or workspace.lake.dataset(shop)
    data = replace(data, windows=window_documents(workspace.resources, shop))
    made = {name: partial(create, name) for name in recipes}
    judgement = judge(data, made, days=days, at=at, seed=seed, shuffle=shuffle, progress=progress)
    numbers, page = report_paths(workspace, shop)
    write_report(judgement, shop.group, page, numbers)
    return judgement


def report_paths(workspace: Workspace, shop: ShopKey) -> tuple[Path, Path]:
    """Where the shop's last evaluation is kept: (JSON, HTML)."""
    folder = workspace.reports.joinpath(*shop.parts())
    return folder / "evaluation.json", folder / "evaluation.html"


def last_report(workspace: Workspace, shop: ShopKey) -> dict[str, Any]:
    """The numbers of the last evaluation. Raises `StateError` when there was none."""
    path, _ = report_paths(workspace, shop)
    if not path.exists():
        raise StateError(f"{shop.group} has not been evaluated yet.", fix=f"endcap evaluate --shop {shop.group}")
    return json.loads(path.read_text("utf-8"))  # type: ignore[no-any-return]
