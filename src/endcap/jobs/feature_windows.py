"""Windows declared for a shop: resources of the kind `feature-window`, one document each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.errors import InputError, UnknownName
from endcap.features.declared import Declaration, Key
from endcap.features.groups import Feature, FeatureGroup
from endcap.jobs.workspace import Workspace
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.feature_windows import KIND, declared_windows
from endcap.registry.resources import Exists, Resource, add, ensure_shop
from endcap.types import ShopKey

MOST = 64
"""Windows that a shop may declare: each event is folded into each."""
IDENTIFIERS: Mapping[Key, str] = {
    "user": "user_id",
    "session": "session_id",
    "item": "item_id",
    "category": "category",
    "pair": "user_item",
}
"""What the record identifier of a group is called that is made for a window."""


def add_window(workspace: Workspace, shop: ShopKey, declaration: Declaration | Mapping[str, str]) -> Declaration:
    """Declare a window, given whole or as texts (`name` among them, see `Declaration.parse`); with a group, the value
    becomes a feature of it, and the group is made where there is none.

    Raises `InputError` for what cannot be, `Exists` where the account has a window of this name.
    """
    if not isinstance(declaration, Declaration):
        texts = dict(declaration)
        declaration = Declaration.parse(texts.pop("name", ""), **texts)
    if len(list_windows(workspace, shop)) >= MOST:
        raise InputError(f"Shop {shop.group} has {MOST} windows.", fix="Remove one: endcap features remove NAME.")
    if declaration.name in {each.id for each in workspace.resources.list(shop.account, KIND)}:
        raise Exists(
            f"A window {declaration.name!r} is declared already; names are the account's, whichever shop they are of.",
            fix="Take another name, or end that one: endcap features remove NAME --shop SHOP.",
        )
    if declaration.group:
        group = _group_of(workspace, shop, declaration)
        FeatureGroups(workspace.database, clock=workspace.clock).ensure(group)
    document = {"name": declaration.name, "declaration": declaration.document()}
    made = Resource(shop.account, KIND, declaration.name, shop.group, document=document)
    now = workspace.clock.now()

    def work(connection: Any) -> Resource:
        ensure_shop(connection, shop, now)
        return add(connection, made, now)

    workspace.database.write(work)
    return declaration


def list_windows(workspace: Workspace, shop: ShopKey) -> list[Declaration]:
    """The windows that a shop has declared, the oldest first."""
    return declared_windows(workspace.resources, shop)


def remove_window(workspace: Workspace, shop: ShopKey, name: str) -> None:
    """Declare it no more. What was recorded of it stays in the lake. Raises `UnknownName`."""
    held = {each.id: each for each in workspace.resources.list(shop.account, KIND, shop=shop.group)}
    if name not in held:
        raise UnknownName("declared window", name, held, fix="List them: endcap features list.")
    workspace.resources.delete(held[name])


def _group_of(workspace: Workspace, shop: ShopKey, declaration: Declaration) -> FeatureGroup:
    """The group with this feature: as it is, or a new one whose records are what the window's keys are."""
    feature = Feature(declaration.name, "String" if declaration.aggregate == "last" else "Fractional")
    groups = FeatureGroups(workspace.database, clock=workspace.clock)
    identifier = IDENTIFIERS[declaration.key]
    try:
        there = groups.get(shop.account, declaration.group)
    except UnknownName:
        features = (Feature(identifier, "String"), Feature("event_time", "Fractional"), feature)
        return FeatureGroup(shop.account, declaration.group, identifier, "event_time", features)
    known: dict[str, Any] = dict(there.by_name)
    if known.get(declaration.name, feature) != feature:
        raise InputError(
            f"Feature group {there.name} has a feature {feature.name} that is {known[feature.name].type}.",
            fix="Give the window another name.",
        )
    return FeatureGroup(there.account, there.name, there.identifier, there.event_time, (feature,), there.stores)
