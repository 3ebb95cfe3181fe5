"""Judge recipes on a shop's own history, keep the report, and read it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from endcap.errors import StateError
from endcap.evaluation.evaluate import Result, evaluate
from endcap.evaluation.report import write_report
from endcap.evaluation.several import Comparison, checked, several
from endcap.evaluation.shop import BASELINE, DAYS, Judgement, judge, later_orders
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.base import Recipe
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
    settings: Mapping[str, Any] | None = None,
    shuffle: bool = False,
    dataset: Dataset | None = None,
    progress: Progress = no_progress,
) -> Judgement:
    """Judge these recipes on the shop's last `days`; the report is kept under the home.

    They have their defaults, or a single one `settings`. `shuffle` asks each once more with the histories of others.
    Raises `UnknownName` for a recipe or hyper-parameter that does not exist, `InputError` for settings of several
    recipes, `DataError` where the history is too short.
    """
    made = {name: partial(create, name, settings) for name in checked(recipes, settings)}
    data = _history(workspace, shop, tuple(make() for make in made.values()), dataset)
    judgement = judge(data, made, days=days, at=at, seed=seed, shuffle=shuffle, progress=progress)
    numbers, page = report_paths(workspace, shop)
    write_report(judgement, shop.group, page, numbers)
    return judgement


def judge_baskets(
    workspace: Workspace,
    shop: ShopKey,
    recipes: Sequence[str],
    *,
    days: float = DAYS,
    at: int = 20,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> Comparison[Result]:
    """The orders of the shop's last `days` completed by each recipe, trained on what came before, popularity first.

    Raises what `judge_shop` does, and `SchemaError` where no order came in those days.
    """
    names = checked(recipes, settings)
    told = {BASELINE: None, **dict.fromkeys(names, settings)}
    made = tuple(create(name, settings) for name in names)
    train, later = later_orders(_history(workspace, shop, made), days)

    def ask(name: str) -> Result:
        return evaluate(
            name, train, later, protocol="baskets", at=at, settings=told[name], seed=seed, progress=progress
        )

    return several(tuple(told), ask)


def _history(workspace: Workspace, shop: ShopKey, recipes: Sequence[Recipe], dataset: Dataset | None = None) -> Dataset:
    """What happened in the shop, or this, with its windows and what one of these recipes learns of every event."""
    label = next(filter(None, (recipe.label for recipe in recipes)), "")
    found = dataset or workspace.lake.dataset(shop, label=label)
    return replace(found, windows=window_documents(workspace.resources, shop))


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
