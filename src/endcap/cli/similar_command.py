"""`endcap similar`: what goes with an item."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap.cli.output import AsJson, ShopName, settings
from endcap.cli.recommend_command import Campaign, Count, answer


def command(
    item: Annotated[str, typer.Argument(help="The item's id.")],
    shop: ShopName = None,
    campaign: Campaign = None,
    count: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Items related to one item; by default from the shop's campaign SHOP-similar."""
    import pyarrow as pa

    from endcap.errors import InputError
    from endcap.jobs.workspace import open_workspace
    from endcap.serving.recommend import Request

    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    known = {deployment.campaign for deployment in workspace.campaigns.list(key)}
    preferred = key.name_of("similar")
    if workspace.lake.catalogue(key).ordinals(pa.array([item]))[0] < 0:
        raise InputError(f"{key.group} has no item {item!r}.", fix="endcap recommend shows ids that exist.")
    chosen = campaign or (preferred if preferred in known else None)
    answer(workspace, key, chosen, Request(k=count, item_id=item), as_json)
