"""`endcap publish`: let a trained version serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcap.cli.output import AsJson, ShopName, emit, say, settings

if TYPE_CHECKING:
    from endcap.registry.campaigns import Deployment


def command(
    version: Annotated[str | None, typer.Argument(help="The version's id; the newest by default.")] = None,
    shop: ShopName = None,
    campaign: Annotated[str | None, typer.Option(help="The campaign; named after the solution by default.")] = None,
    weight: Annotated[int, typer.Option(min=1, max=100, help="Percent of shoppers that get this version.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Serve a version from a campaign; a running server takes it over within a second."""
    from endcap.jobs.publishing import publish
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    deployment, _ = publish(workspace, key, version, campaign, weight)
    if as_json:
        emit(describe(deployment))
        return
    say(f"Campaign {deployment.campaign} serves generation {deployment.generation}: {shares(deployment)}.")
    if deployment.generation > 1:
        say(f"Undo: endcap rollback {deployment.campaign} --shop {key.group}")
    else:
        say("Next: endcap serve, or endcap recommend USER")


def describe(deployment: Deployment) -> dict[str, Any]:
    """A deployment as JSON."""
    variants = [{"name": v.name, "version": v.version_id, "weight": v.weight} for v in deployment.variants]
    return {
        "campaign": deployment.campaign,
        "arn": deployment.arn,
        "generation": deployment.generation,
        "variants": variants,
    }


def shares(deployment: Deployment) -> str:
    """Which version gets which share, in words."""
    return ", ".join(f"{variant.version_id} to {variant.weight} %" for variant in deployment.variants)
