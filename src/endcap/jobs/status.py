"""What a home holds: shops, models, campaigns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from endcap.jobs.running import endpoint
from endcap.jobs.workspace import Workspace
from endcap.registry.campaigns import Deployment
from endcap.types import USER_ID, ShopKey


def status(workspace: Workspace) -> dict[str, Any]:
    """A JSON-able document of everything that is there; `campaigns` lists what is served."""
    shops = [key for key in workspace.lake.shops() if key.account == workspace.settings.account_key]
    return {
        "endpoint": endpoint(workspace.settings),
        "home": str(workspace.settings.home),
        "shops": [_shop(workspace, shop) for shop in shops],
        "campaigns": [_campaign(workspace, each) for each in workspace.campaigns.list()],
    }


def sample_user(workspace: Workspace, shop: ShopKey) -> str | None:
    """A shopper with a rich history: the one whose number of events is the 90th percentile."""
    ranked = _events_of_users(workspace, shop).sort_by([(f"{USER_ID}_count", "ascending"), (USER_ID, "ascending")])
    if not ranked.num_rows:
        return None
    return str(ranked[USER_ID][int(ranked.num_rows * 0.9)].as_py())


def _events_of_users(workspace: Workspace, shop: ShopKey) -> pa.Table:
    users = workspace.lake.read(shop, "interactions", columns=[USER_ID])
    return users.group_by(USER_ID).aggregate([(USER_ID, "count")])


def _shop(workspace: Workspace, shop: ShopKey) -> dict[str, Any]:
    newest = workspace.lake.newest(shop, "interactions")
    versions = [
        {
            "id": each.id,
            "solution": each.solution,
            "recipe": each.recipe,
            "status": each.status,
            "created": each.created,
        }
        for each in workspace.versions.list(shop)
    ]
    return {
        "name": shop.group,
        "interactions": newest.rows if newest else 0,
        "items": len(workspace.lake.catalogue(shop)),
        "users": _events_of_users(workspace, shop).num_rows if newest else 0,
        "snapshot": workspace.lake.snapshot(shop).text,
        "versions": versions,
    }


def _campaign(workspace: Workspace, deployment: Deployment) -> dict[str, Any]:
    largest = max(deployment.variants, key=lambda variant: variant.weight)
    return {
        "name": deployment.campaign,
        "arn": deployment.arn,
        "shop": deployment.shop.group,
        "recipe": workspace.versions.find(largest.version_id).recipe,
        "version": largest.version_id,
        "generation": deployment.generation,
        "variants": [{"version": each.version_id, "weight": each.weight} for each in deployment.variants],
        "sampleUser": sample_user(workspace, deployment.shop)
        if workspace.lake.exists(deployment.shop, "interactions")
        else None,
    }
