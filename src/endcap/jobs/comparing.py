"""Compare versions, and recipes that nobody has trained yet, on a shop's own last weeks: a job whose record keeps what
it found.

An `evaluation` record holds what was asked (`versions`, `recipes`, `days`, `at`) and, once it is done, `found`.
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from typing import Any

import msgspec

from endcap.errors import InputError
from endcap.jobs.children import run_child
from endcap.jobs.lifecycles import Work
from endcap.jobs.workspace import Workspace
from endcap.recipes import RECIPES, recipe_class
from endcap.registry.feature_windows import window_documents
from endcap.registry.recipe_arns import INNER, native_offer
from endcap.registry.resources import Resource
from endcap.types import ShopKey

KIND = "evaluation"
PERSONAL = "USER_PERSONALIZATION"
MOST = 6
"""What one comparison may have beside popularity: each is trained anew."""


class Judged(msgspec.Struct, kw_only=True, frozen=True):
    """One of a comparison: its name here, the recipe, its settings."""

    name: str
    recipe: str
    settings: dict[str, Any] = {}


class Request(msgspec.Struct, kw_only=True, frozen=True):
    """Everything the child needs, as JSON."""

    home: str
    account: str
    region: str
    group: str
    snapshot: str
    judged: tuple[Judged, ...]
    live: str = ""
    days: float = 28
    at: int = 20
    seed: int = 0
    windows: tuple[dict[str, Any], ...] = ()


def ask(
    workspace: Workspace,
    shop: ShopKey,
    versions: Sequence[str],
    recipes: Sequence[str] = (),
    *,
    days: float = 28,
    at: int = 20,
) -> Resource:
    """A record of the comparison and its job; what serves shoppers now is compared along.

    Raises `UnknownName`, `InputError` where too much is asked for.
    """
    versions, recipes = list(dict.fromkeys(versions)), list(dict.fromkeys(recipes))
    for identity in versions:
        workspace.versions.get(shop, identity)
    for name in recipes:
        recipe_class(name)
    if not versions and not recipes:
        raise InputError("Nothing was named that could be compared.", fix="Name versions or recipes.")
    if len(versions) + len(recipes) > MOST:
        raise InputError(f"At most {MOST} can be compared at once: each is trained anew.", fix="Leave some out.")
    served = served_version(workspace, shop)
    if served and served not in versions and len(versions) + len(recipes) < MOST:
        versions = [*versions, served]
    document = {"versions": versions, "recipes": recipes, "days": days, "at": at}
    identity = f"{shop.group}/{token_hex(8)}"
    made = Resource(shop.account, KIND, identity, shop.group, status="CREATE PENDING", document=document)
    return workspace.resources.create(made, verb="create")


def judge_versions(work: Work) -> None:
    """Train each anew on what came before the last days, and judge all of them on those."""
    workspace, shop, document = work.workspace, work.resource.shop_key, work.resource.document
    judged = [
        Judged(name=version.id, recipe=version.recipe, settings=dict(version.lineage.settings))
        for version in (workspace.versions.get(shop, identity) for identity in document["versions"])
    ]
    judged += [Judged(name=name, recipe=name) for name in document["recipes"]]
    live = live_version(workspace, shop, {each.name for each in judged})
    request = Request(
        home=str(workspace.settings.home.absolute()),
        account=shop.account.account,
        region=shop.account.region,
        group=shop.group,
        snapshot=workspace.lake.snapshot(shop).text,
        judged=tuple(judged),
        live=live,
        days=float(document["days"]),
        at=int(document["at"]),
        windows=tuple(map(dict, window_documents(workspace.resources, shop))),
    )
    threads = workspace.settings.threads
    found = run_child(
        "endcap.jobs.comparing_child",
        msgspec.json.encode(request),
        doing="The comparison",
        progress=work.progress,
        cancelled=work.cancelled,
        environment={"NUMBA_NUM_THREADS": str(threads)} if threads else None,
    )
    work.facts["members"] = {"found": found}
    for name, reason in found["skipped"].items():
        work.say(f"{name} was left out: {reason}")


def live_version(workspace: Workspace, shop: ShopKey, among: set[str]) -> str:
    """Of these, the one that most shoppers get now; empty where none of them serves."""
    main = served_version(workspace, shop)
    others = [variant.version_id for each in workspace.campaigns.list(shop) for variant in each.variants]
    return next((version for version in (main, *others) if version in among), "")


def served_version(workspace: Workspace, shop: ShopKey) -> str:
    """What most shoppers get where something is recommended for them: by the campaign of that purpose, else by any
    whose recipe answers about shoppers. Empty where nothing serves."""
    recipes = {version.id: version.recipe for version in workspace.versions.list(shop)}
    found = []
    for each in workspace.campaigns.list(shop):
        largest = max(each.variants, key=lambda variant: variant.weight).version_id
        if recipes.get(largest) in RECIPES.keys() - INNER and native_offer(recipes[largest]).type == PERSONAL:
            found.append((each.campaign != shop.name_of("for-you"), each.campaign, largest))
    return min(found)[2] if found else ""
