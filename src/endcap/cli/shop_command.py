"""`endcap shop`: a shop as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from endcap.cli.output import AsJson, ScreenProgress, emit, say, settings, table


def command(
    action: Annotated[Literal["delete"], typer.Argument(help="delete.")],
    name: Annotated[str, typer.Argument(help="The shop, a dataset group's name.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go, in order.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    schemas: Annotated[bool, typer.Option("--schemas", help="Also its schemas that no other shop uses.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a shop with everything that belongs to it, in dependency order; what runs is stopped."""
    del action
    from endcap.jobs.deleting import plan, take_down
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    shop = workspace.new_shop(name)
    order = plan(workspace, shop)
    if dry_run and as_json:
        emit({"shop": name, "order": [each.arn for each in order]})
        return
    if not as_json:
        table(("in this order", "status"), [[each.arn, each.status] for each in order])
    if dry_run:
        say(f"\nNothing was deleted. To do it: endcap shop delete {name}")
        return
    if not yes:
        typer.confirm(f"Delete these {len(order)} resources and all data of {name}?", abort=True, err=True)
    gone = take_down(workspace, shop, schemas=schemas, progress=ScreenProgress(), say=_quiet if as_json else say)
    if as_json:
        emit({"shop": name, "deleted": [each.arn for each in gone]})
    else:
        say(f"The shop {name} is gone.")


def _quiet(line: str) -> None:
    del line
