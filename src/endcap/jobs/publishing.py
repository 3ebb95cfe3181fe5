"""Let a version serve: one more generation of a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from endcap.errors import InputError, StateError, UnknownName
from endcap.jobs.workspace import Workspace
from endcap.registry.campaigns import CampaignConfig, Deployment
from endcap.registry.versions import Version
from endcap.types import ShopKey


def publish(
    workspace: Workspace,
    shop: ShopKey,
    version: str | None,
    campaign: str | None = None,
    weight: int = 100,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Deployment, Version]:
    """Serve a version (the newest when None) from a campaign, to `weight` percent of its shoppers.

    `settings` are members of the campaign's configuration that change; the others stay. Raises `UnknownName` for a
    version that does not exist, `StateError` for a rejected one or when there is none, `InputError` for a setting that
    is out of range.
    """
    if version is None:
        found = workspace.versions.list(shop)
        if not found:
            raise StateError(f"Nothing has been trained for {shop.group} yet.", fix=f"endcap train --shop {shop.group}")
        chosen = found[0]
    else:
        chosen = workspace.versions.get(shop, version)
    name = campaign or chosen.solution
    config = _changed(workspace, shop, name, settings) if settings else None
    deployment = workspace.campaigns.deploy(shop, name, chosen, weight=weight, config=config, record=True)
    return deployment, chosen


def _changed(workspace: Workspace, shop: ShopKey, campaign: str, settings: Mapping[str, Any]) -> CampaignConfig:
    try:
        before = workspace.campaigns.current(shop, campaign).config
    except UnknownName:
        before = CampaignConfig()
    return CampaignConfig.of({**msgspec.to_builtins(before), **settings})


def choose_campaign(workspace: Workspace, shop: ShopKey, name: str | None) -> str:
    """A campaign's name as given, or the only one the shop has. Raises `UnknownName`, `StateError`, `InputError`."""
    known = [deployment.campaign for deployment in workspace.campaigns.list(shop)]
    if name is not None:
        for full in (name, shop.name_of(name)):
            if full in known:
                return full
        raise UnknownName("campaign", name, known)
    if not known:
        raise StateError(f"Nothing is published for {shop.group} yet.", fix=f"endcap publish --shop {shop.group}")
    preferred = shop.name_of("for-you")
    if len(known) == 1 or preferred in known:
        return preferred if preferred in known else known[0]
    raise InputError(f"There are several campaigns: {', '.join(known)}.", fix="Say which.")
