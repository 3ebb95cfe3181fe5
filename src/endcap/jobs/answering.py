"""Ask a campaign in this process, without a server: the same request path, the same answer."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from endcap.jobs.workspace import Workspace
from endcap.lake.tables import Lake
from endcap.registry.campaigns import Deployment
from endcap.registry.feature_windows import ShopWindows
from endcap.serving.lake_shops import LakeShops
from endcap.serving.model import ServedModel
from endcap.serving.shop import ShopStates
from endcap.serving.shop_schemas import ShopSchemas
from endcap.serving.snapshot import Snapshot
from endcap.types import ITEM_ID, ShopKey

TITLE_COLUMNS = ("name", "title", "item_name", "product_name", "description", "product_description")
"""Catalogue columns that can name an item, best first."""


def open_states(workspace: Workspace) -> ShopStates:
    """The histories and catalogues that serving maps into memory, kept under `home/state`."""
    return ShopStates(lake_shops(workspace), workspace.settings.home / "state")


def lake_shops(workspace: Workspace) -> LakeShops:
    """What such states are made of."""
    resources = workspace.resources
    return LakeShops(workspace.lake, schemas=ShopSchemas(resources), windows=ShopWindows(resources))


def open_snapshot(workspace: Workspace, deployment: Deployment) -> Snapshot:
    """What answers for a deployment. Raises `ArtefactError` where a model is damaged."""
    state = open_states(workspace).load(deployment.shop)
    wanted = {variant.version_id for variant in deployment.variants}
    models = {version: ServedModel.of(workspace.versions.load(version), state) for version in sorted(wanted)}
    return Snapshot(deployment, state, models)


def item_titles(lake: Lake, shop: ShopKey, items: list[str]) -> dict[str, str]:
    """The names of items, for those whose catalogue has any."""
    if not lake.exists(shop, "items"):
        return {}
    available = lake.open(shop, "items").schema().to_arrow().names
    column = next((name for name in TITLE_COLUMNS if name in available), None)
    if column is None:
        return {}
    found = lake.read(shop, "items", columns=[ITEM_ID, column])
    chosen = found.filter(pc.is_in(found[ITEM_ID], value_set=pa.array(items, pa.string())))
    pairs = zip(chosen[ITEM_ID].to_pylist(), chosen[column].to_pylist(), strict=True)
    return {str(item): str(name) for item, name in pairs if name}
