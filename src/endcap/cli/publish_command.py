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
    diversity: Annotated[
        float | None, typer.Option(min=0, max=1, help="How much unlike each other the items are to be, 0 to 1.")
    ] = None,
    category_cap: Annotated[
        int | None, typer.Option(min=0, help="At most so many items of one category; 0 is no limit.")
    ] = None,
    hide_bought: Annotated[
        bool | None, typer.Option("--hide-bought/--show-bought", help="Leave out what the shopper bought.")
    ] = None,
    until_due: Annotated[
        bool, typer.Option(help="Hide what was bought only until it is usually bought again.")
    ] = False,
    hide_out_of_stock: Annotated[
        bool | None, typer.Option("--hide-out-of-stock/--show-out-of-stock", help="Leave out items without stock.")
    ] = None,
    explore_ranked: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of places that any of the best hundred may take.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a version from a campaign; a running server takes it over within a second.

    What is said of the policy (diversity, cap, rules) holds from now on; what is not said stays as it was.
    """
    from endcap.jobs.publishing import publish
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    bought = {True: "always", False: "", None: None}[hide_bought]
    given = {
        "diversity": diversity,
        "category_cap": category_cap,
        "hide_bought": "until-due" if until_due else bought,
        "hide_out_of_stock": hide_out_of_stock,
        "exploration_ranked": explore_ranked,
    }
    policy = {name: value for name, value in given.items() if value is not None}
    deployment, _ = publish(workspace, key, version, campaign, weight, policy)
    if as_json:
        emit(describe(deployment))
        return
    say(f"Campaign {deployment.campaign} serves generation {deployment.generation}: {shares(deployment)}.")
    if told := policy_of(deployment):
        say(f"Policy: {', '.join(f'{name} {value}' for name, value in told.items())}.")
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
        "policy": policy_of(deployment),
    }


def policy_of(deployment: Deployment) -> dict[str, Any]:
    """The settings of the policy that are on, as `CampaignConfig` names them."""
    from endcap.registry.campaigns import POLICY

    return {name: value for name in POLICY if (value := getattr(deployment.config, name))}


def shares(deployment: Deployment) -> str:
    """Which version gets which share, in words."""
    return ", ".join(f"{variant.version_id} to {variant.weight} %" for variant in deployment.variants)
