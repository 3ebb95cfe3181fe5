"""A small shop with everything a recipe may ask for, and records of solutions in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from endcap.jobs.solution_data import Solution
from endcap.jobs.training_child import Request
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.registry.resources import Resource
from endcap.seams import rng
from endcap.settings import Settings
from endcap.types import DAY, HOUR, ShopKey

START = 1_700_000_000_000_000
RECIPE = "arn:aws:personalize:::recipe/"
USERS, ITEMS = 60, 40


def interactions() -> pa.Table:
    """60 shoppers of two tastes, 35 events each over forty items, of the event types of both domains."""
    draw = rng(7)
    users, items, times, types, values = [], [], [], [], []
    for user in range(USERS):
        for step in range(35):
            item = int(draw.integers(0, ITEMS // 2)) * 2 + (user % 2 if draw.random() < 0.95 else 1)
            users.append(f"u{user}")
            items.append(f"i{item % ITEMS}")
            times.append(START + user * 1000 + step * DAY + int(draw.integers(0, 20)) * HOUR)
            types.append(("View", "View", "Purchase", "Watch", "Click")[step % 5])
            values.append(float(step % 7))
    columns = {"user_id": users, "item_id": items, "timestamp": times, "event_type": types, "event_value": values}
    return pa.table(columns)


def catalogue(size: int = ITEMS) -> pa.Table:
    """Items that say in words which taste they are for."""
    kinds = ["even" if n % 2 == 0 else "odd" for n in range(size)]
    return pa.table(
        {
            "item_id": [f"i{n}" for n in range(size)],
            "name": [f"{kind} thing {n}" for n, kind in enumerate(kinds)],
            "category_l1": kinds,
            "price": [float(n) for n in range(size)],
        }
    )


def answers() -> pa.Table:
    """Three actions that are taken by 60, 30 and 5 %."""
    draw = rng(8)
    rows = [
        (
            f"u{user}",
            action,
            "TAKEN" if draw.random() < rate else "NOT_TAKEN",
            START + (30 + turn) * DAY + int(draw.integers(0, DAY // 2)),
        )
        for user in range(USERS)
        for turn in range(3)
        for action, rate in (("a", 0.6), ("b", 0.3), ("c", 0.05))
    ]
    users, actions, kinds, times = zip(*rows, strict=True)
    return pa.table({"user_id": users, "action_id": actions, "event_type": kinds, "timestamp": np.array(times)})


def commit(workspace: Workspace, shop: ShopKey, kind: Any, table: pa.Table, mode: Any = "FULL") -> None:
    job = f"{kind}-{len(workspace.lake.history(shop, kind)) if workspace.lake.exists(shop, kind) else 0}"
    workspace.lake.commit(shop, kind, table, schema=table.schema, mode=mode, job=job)


def made(home: Path) -> tuple[Workspace, ShopKey]:
    """A home with the shop in its lake."""
    workspace = open_workspace(Settings(home=home))
    shop = workspace.new_shop("mine")
    commit(workspace, shop, "items", catalogue())
    commit(workspace, shop, "interactions", interactions())
    commit(workspace, shop, "actions", pa.table({"action_id": ["a", "b", "c", "d"], "value": [1.0, 2.0, 3.0, 4.0]}))
    commit(workspace, shop, "action_interactions", answers())
    return workspace, shop


def solution(workspace: Workspace, name: str, recipe: str, **members: Any) -> Resource:
    """A solution's record; `members` are those of its document."""
    shop = workspace.new_shop("mine")
    document = {"name": name, "recipeArn": RECIPE + recipe, **members}
    return workspace.resources.create(Resource(shop.account, "solution", name, shop.group, document=document))


def version(workspace: Workspace, name: str, identity: str, **members: Any) -> Resource:
    """A version's record with its job, as creating one over the wire leaves them."""
    shop = workspace.new_shop("mine")
    record = Resource(
        shop.account,
        "solution-version",
        f"{name}/{identity}",
        shop.group,
        name,
        "CREATE PENDING",
        {"trainingMode": "FULL", **members},
    )
    return workspace.resources.create(record, verb="create")


def request(workspace: Workspace, staging: Path, recipe: str, **members: Any) -> Request:
    """What the parent would send for a solution of this recipe; `members` are those of the solution."""
    key = workspace.new_shop("mine")
    staging.mkdir(parents=True, exist_ok=True)
    return Request(
        home=str(workspace.settings.home.absolute()),
        account=key.account.account,
        region=key.account.region,
        group=key.group,
        snapshot=workspace.lake.snapshot(key).text,
        identity="0000beef",
        solution=Solution.of({"recipeArn": RECIPE + recipe, **members}),
        staging=str(staging),
        tuning=str(staging / "search.db"),
        least_interactions=100,
    )
