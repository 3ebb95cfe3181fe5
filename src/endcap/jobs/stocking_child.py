"""The child process that trains what a shop of one's own is opened with: versions that nobody serves yet."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from endcap.errors import StateError
from endcap.jobs.children import serve
from endcap.jobs.stocking import Request, Trained, choose
from endcap.jobs.training import learnable, train
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.seams import Progress, no_progress
from endcap.settings import Settings
from endcap.types import AccountKey, ShopKey


def train_all(workspace: Workspace, shop: ShopKey, progress: Progress = no_progress) -> Trained:
    """A version for each purpose that can be served now. Raises `StateError` for a shop without items."""
    dataset = learnable(workspace, shop)
    if not dataset.n_items:
        raise StateError(f"{shop.group} has no items.", fix="Import its catalogue, or its orders.")
    choice = choose(dataset)
    versions = {}
    with progress("training", total=len(choice.recipes), unit="recipes") as tick:
        for purpose, recipe in choice.recipes.items():
            versions[purpose] = train(workspace, shop, recipe, dataset=dataset).id
            tick(1)
    return Trained(
        versions=versions,
        recipes=dict(choice.recipes),
        waiting=dict(choice.waiting),
        events=len(dataset.interactions),
        items=dataset.n_items,
    )


def work(line: bytes, progress: Progress) -> Any:
    """One request."""
    asked = msgspec.json.decode(line, type=Request)
    settings = Settings(**{**asked.settings, "home": Path(asked.settings["home"])})
    shop = ShopKey(AccountKey(asked.account, asked.region), asked.group)
    return msgspec.to_builtins(train_all(open_workspace(settings), shop, progress))


if __name__ == "__main__":
    code = serve(work)
    sys.stderr.flush()
    os._exit(code)
