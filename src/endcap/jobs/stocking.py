"""A shop of one's own, open within minutes: its file imported, what works at once trained and published.

Before anything has happened, items speak for themselves: their texts, kinds and prices, and what shoppers answer.
Once shoppers have come, `learn` trains again with what they did, and what needs history takes over purpose by purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from endcap.errors import EndcapError, InputError, StateError, UnknownName
from endcap.jobs.children import run_child
from endcap.jobs.demo import DEMO_SHOPS, SERVED
from endcap.jobs.importing import ImportReport, import_source
from endcap.jobs.intake import bring_in, listed
from endcap.jobs.lifecycles import Work
from endcap.jobs.publishing import publish
from endcap.jobs.training import learnable
from endcap.jobs.training import train as fit
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.recipes import recipe_class
from endcap.registry.jobs import ENDED, Job
from endcap.registry.resources import Resource
from endcap.registry.trackers import tracker_of
from endcap.seams import Progress, no_progress
from endcap.types import ShopKey

STOCKING = "_stocking"
"""Member of a shop's record: the file it was last opened from, and what was published of it."""
EVENTS, SHOPPERS, BASKETS = 1_000, 50, 200
"""So much history a recipe that learns from history needs to be better than the items' own words; baskets are orders of
two products or more."""
SOONER: Mapping[str, str] = {"for-you": "knowledge", "similar": "content", "search": "search"}
"""What answers a purpose until there is so much."""


@dataclass(frozen=True)
class Choice:
    """Which recipe serves each purpose now, and why a purpose has none."""

    recipes: Mapping[str, str]
    waiting: Mapping[str, str]


class Request(msgspec.Struct, kw_only=True, frozen=True):
    """What the child that trains needs, as JSON."""

    settings: dict[str, Any]
    account: str
    region: str
    group: str


class Trained(msgspec.Struct, kw_only=True, frozen=True):
    """What was trained: version ids and recipes by purpose, and which purposes wait for what."""

    versions: dict[str, str]
    recipes: dict[str, str]
    waiting: dict[str, str]
    events: int
    items: int


def choose(dataset: Dataset) -> Choice:
    """The recipe of each purpose for what is known of a shop now."""
    events = len(dataset.interactions)
    shoppers = len(np.unique(dataset.interactions.user))
    orders = dataset.interactions.order
    baskets = int((np.unique(orders[orders >= 0], return_counts=True)[1] > 1).sum())
    is_known = events >= EVENTS and shoppers >= SHOPPERS
    recipes, waiting = dict[str, str](), dict[str, str]()
    for purpose, recipe in {**SOONER, **SERVED}.items():
        if purpose == "bought-together" and baskets < BASKETS:
            waiting[purpose] = f"{recipe} needs {BASKETS - baskets:,} more orders of two products or more"
        elif is_known or recipe_class(recipe).fits_items_alone:
            recipes[purpose] = recipe
        elif purpose in SOONER:
            recipes[purpose] = SOONER[purpose]
            lacking = [
                f"{need - there:,} more {what}"
                for there, need, what in ((events, EVENTS, "events"), (shoppers, SHOPPERS, "shoppers"))
                if there < need
            ]
            waiting[purpose] = f"{SOONER[purpose]} answers until {recipe} has {' and '.join(lacking)}"
        else:
            waiting[purpose] = f"{recipe} needs shoppers first"
    return Choice(recipes, waiting)


def open_from(
    workspace: Workspace,
    shop: ShopKey,
    path: Path,
    *,
    dialect: str | None = None,
    kind: str | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Job:
    """Ask for a shop to be opened from a file; the job that does it. Raises `InputError` for a name that is taken."""
    told = {"path": str(path), "dialect": dialect, "kind": kind, "mapping": dict(mapping or {})}
    there = _free(workspace, shop)
    if there is None:
        document = {"name": shop.group, STOCKING: told}
        workspace.resources.create(
            Resource(shop.account, "dataset-group", shop.group, shop.group, document=document), verb="stock"
        )
    else:
        _refuse_busy(workspace, there)
        before = {name: value for name, value in there.document[STOCKING].items() if name == "trained"}
        workspace.resources.change(there, document={STOCKING: {**told, **before}}, verb="stock")
    return last_job(workspace, shop)


def open_now(
    workspace: Workspace, shop: ShopKey, path: Path, *, dialect: str | None = None, progress: Progress = no_progress
) -> tuple[ImportReport, Trained]:
    """The same at once, in this process: what the import brought, and what was trained and is served."""
    _free(workspace, shop)
    report = bring_in(workspace, shop, [path], dialect=dialect, fresh=True, progress=progress)
    trained = train_all(workspace, shop, progress)
    put_up(workspace, shop, trained)
    told = {"path": str(path), "dialect": dialect, "kind": None, "mapping": {}, "trained": msgspec.to_builtins(trained)}
    there = workspace.resources.get(shop.account, "dataset-group", shop.group)
    workspace.resources.change(there, document={STOCKING: told})
    return report, trained


def train_all(workspace: Workspace, shop: ShopKey, progress: Progress = no_progress) -> Trained:
    """A version for each purpose that can be served now. Raises `StateError` for a shop without items."""
    dataset = learnable(workspace, shop)
    if not dataset.n_items:
        raise StateError(f"{shop.group} has no items.", fix="Import its catalogue, or its orders.")
    choice = choose(dataset)
    versions = {}
    with progress("training", total=len(choice.recipes), unit="recipes") as tick:
        for purpose, recipe in choice.recipes.items():
            versions[purpose] = fit(workspace, shop, recipe, dataset=dataset).id
            tick(1)
    return Trained(
        versions=versions,
        recipes=dict(choice.recipes),
        waiting=dict(choice.waiting),
        events=len(dataset.interactions),
        items=dataset.n_items,
    )


def learn_again(workspace: Workspace, shop: ShopKey) -> Job:
    """Ask for a shop that was opened so to learn from what has happened since; the job that does it.

    Raises `UnknownName` for a shop that does not exist, `InputError` for one that was made in another way."""
    there = workspace.resources.get(shop.account, "dataset-group", shop.group)
    if STOCKING not in there.document:
        raise InputError(f"{shop.group} was not opened from a file here.", fix=f"endcap train --shop {shop.group}")
    _refuse_busy(workspace, there)
    workspace.resources.change(there, document={}, verb="learn")
    return last_job(workspace, shop)


def last_job(workspace: Workspace, shop: ShopKey) -> Job:
    """The newest job that stocked a shop or let it learn. Raises `StateError` where there was none."""
    there = workspace.resources.get(shop.account, "dataset-group", shop.group)
    for job in workspace.jobs.on(there):
        if job.verb in ("stock", "learn"):
            return job
    raise StateError(f"{shop.group} was not opened from a file here.", fix="Drop its product file on /shop/new.")


def bring(work: Work) -> None:
    """The step that imports the file."""
    told = work.resource.document[STOCKING]
    with _said_whole():
        report = import_source(
            work.workspace.settings,
            work.resource.shop_key,
            [Path(told["path"])],
            dialect=told["dialect"],
            kind=told["kind"],
            mapping=told["mapping"],
            job=work.job.id,
            clock=work.workspace.clock,
            progress=work.progress,
            cancelled=work.cancelled,
        )
    listed(work.workspace, work.resource.shop_key, report)
    for kind, part in report.kinds.items():
        work.say(f"{part.accepted:,} of {part.rows:,} rows of {kind} accepted, {part.rejected_rows:,} rejected")
    work.facts["report"] = report.job


def train(work: Work) -> None:
    """The step that trains, in a child, what works with what there is."""
    settings = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(work.workspace.settings).items()
    }
    shop = work.resource.shop_key
    request = Request(settings=settings, account=shop.account.account, region=shop.account.region, group=shop.group)
    with _said_whole():
        told = run_child(
            "endcap.jobs.stocking_child",
            msgspec.json.encode(request),
            doing="The training",
            progress=work.progress,
            cancelled=work.cancelled,
        )
    work.facts["trained"] = told


def serve(work: Work) -> None:
    """The step that publishes what was trained, and makes the shop ready to be told of events."""
    workspace, shop = work.workspace, work.resource.shop_key
    trained = msgspec.convert(work.facts["trained"], Trained)
    put_up(workspace, shop, trained)
    for purpose, recipe in trained.recipes.items():
        work.say(f"{shop.name_of(purpose)} serves {recipe}, version {trained.versions[purpose]}")
    for purpose, why in trained.waiting.items():
        work.say(f"{purpose}: {why}")
    kept = work.resource.document.get(STOCKING, {})
    work.change(members=partial(_with_trained, kept, msgspec.to_builtins(trained)))


def put_up(workspace: Workspace, shop: ShopKey, trained: Trained) -> None:
    """Publish each version under the campaign of its purpose; events of the shop have a tracker from then on."""
    for purpose, version in trained.versions.items():
        publish(workspace, shop, version, shop.name_of(purpose))
    tracker_of(workspace.resources, shop)


def _with_trained(kept: Mapping[str, Any], trained: Any, there: Resource) -> Mapping[str, Any]:
    return {STOCKING: {**kept, **there.document.get(STOCKING, {}), "trained": trained}}


def _free(workspace: Workspace, shop: ShopKey) -> Resource | None:
    """The record of a shop that was opened so before, None where there is none. Raises `InputError` for others."""
    try:
        there = workspace.resources.get(shop.account, "dataset-group", shop.group)
    except UnknownName:
        there = None
    taken = there is None and workspace.lake.snapshot(shop).versions
    if shop.group in DEMO_SHOPS or taken or (there is not None and STOCKING not in there.document):
        raise InputError(f"There is a shop called {shop.group} already.", fix="Give yours another name.")
    return there


def _refuse_busy(workspace: Workspace, there: Resource) -> None:
    if any(job.status not in ENDED and job.verb in ("stock", "learn") for job in workspace.jobs.on(there)):
        raise InputError(f"{there.id} is being worked on at the moment.", fix="Wait until that is done.")


class _said_whole:  # noqa: N801 - reads as what it is
    """A job's reason is one text: what to do about an error belongs into it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, at: object) -> None:
        if isinstance(error, EndcapError) and error.fix:
            error.message, error.fix = str(error), ""
