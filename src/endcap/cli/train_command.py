"""`endcap train`: fit a recipe on a shop's data and publish the version to the registry."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap.cli.output import (
    AsJson,
    ScreenProgress,
    Settable,
    ShopName,
    assignments,
    emit,
    recipe_settings,
    say,
    settings,
)


def command(
    recipe: Annotated[str, typer.Argument(help="The recipe; an unknown name lists those that exist.")] = "blend",
    shop: ShopName = None,
    solution: Annotated[str | None, typer.Option(help="Name of the solution; the recipe's by default.")] = None,
    hyper_parameters: Settable = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="A feature group that tells of shoppers or products: GROUP=user_id or GROUP=item_id; may be repeated."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a recipe on everything the shop has; what is served stays as it is until `endcap publish`.

    The training of a network that was ended goes on from its last checkpoint when the same command is given again.
    Several processes train one together: torchrun --nproc-per-node 2 -m endcap.cli train sasrec
    """
    import os

    from endcap.jobs.training import train_command
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    version = train_command(
        workspace,
        key,
        recipe,
        environ=os.environ,
        solution=solution,
        settings=recipe_settings(hyper_parameters),
        groups=assignments(group),
        progress=ScreenProgress(),
    )
    if version is None:  # another process of torchrun's tells of it
        return
    lineage = version.lineage
    if as_json:
        emit(
            {
                "version": version.id,
                "arn": version.arn,
                "solution": version.solution,
                "recipe": recipe,
                "settings": dict(lineage.settings),
                "snapshot": lineage.snapshot,
                "seconds": round(lineage.seconds, 3),
            }
        )
        return
    say(f"Trained {recipe} for {key.group} in {lineage.seconds:.1f} s: version {version.id} (data {lineage.snapshot}).")
    say(f"Next: endcap publish {version.id} --shop {key.group}")
