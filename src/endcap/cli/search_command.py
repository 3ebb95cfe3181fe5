"""`endcap search`: what a shopper would be shown who searches for these words."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap.cli.output import AsJson, ShopName, settings
from endcap.cli.recommend_command import Campaign, Count, answer

RECIPES = ("search-personalised", "search")


def command(
    words: Annotated[list[str], typer.Argument(help="What is searched for.")],
    user: Annotated[
        str, typer.Option("--user", "-u", help="The shopper who searches; without, nobody in particular.")
    ] = "",
    shop: ShopName = None,
    campaign: Campaign = None,
    count: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Search a shop's items by words, in the shopper's own order; by default by its campaign of a search recipe."""
    from endcap.errors import StateError
    from endcap.jobs.workspace import open_workspace
    from endcap.serving.recommend import Request

    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    known = {deployment.campaign for deployment in workspace.campaigns.list(key)}
    chosen = campaign or next((name for name in map(key.name_of, RECIPES) if name in known), None)
    if chosen is None:
        raise StateError(
            f"{key.group} has no campaign that searches.",
            fix=f"endcap train {RECIPES[0]} --shop {key.group}, then endcap publish VERSION --shop {key.group}",
        )
    answer(workspace, key, chosen, Request(k=count, user_id=user, context={"search": " ".join(words)}), as_json)
