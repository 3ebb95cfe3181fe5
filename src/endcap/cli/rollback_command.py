"""`endcap rollback`: serve what was served before."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap.cli.output import AsJson, ShopName, emit, say, settings
from endcap.cli.publish_command import describe, shares


def command(
    campaign: Annotated[str | None, typer.Argument(help="The campaign; the only one there is by default.")] = None,
    shop: ShopName = None,
    as_json: AsJson = False,
) -> None:
    """Take a campaign back to the generation before; a running server follows within a second."""
    from endcap.jobs.publishing import choose_campaign
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    deployment = workspace.campaigns.rollback(key, choose_campaign(workspace, key, campaign))
    if as_json:
        emit(describe(deployment))
        return
    say(f"Campaign {deployment.campaign} is back at {shares(deployment)} (generation {deployment.generation}).")
