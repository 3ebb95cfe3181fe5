"""`endcap shop`: a shop as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from endcap.cli.output import AsJson, ScreenProgress, emit, say, settings, table
from endcap.errors import InputError


def command(
    action: Annotated[Literal["open", "delete"], typer.Argument(help="open or delete.")],
    name: Annotated[str, typer.Argument(help="The shop, a dataset group's name.")],
    file: Annotated[
        Path | None, typer.Argument(help="To open: a Merchant feed, a Shopify products.json, a CSV, …")
    ] = None,
    dialect: Annotated[str | None, typer.Option(help="How to read it; found out from what it holds.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go, in order.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    schemas: Annotated[bool, typer.Option("--schemas", help="Also its schemas that no other shop uses.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open a shop from a product file, before any traffic; or delete one with everything that belongs to it.

    What works without history is trained and published; once shoppers have come, what needs it takes over. A shop is
    deleted in dependency order, what runs is stopped.
    """
    if action == "open":
        _open(name, file, dialect, as_json=as_json)
        return
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


def _open(name: str, file: Path | None, dialect: str | None, *, as_json: bool) -> None:
    from endcap.cli.import_command import show
    from endcap.jobs.stocking import open_now
    from endcap.jobs.workspace import open_workspace

    if file is None:
        raise InputError("No file was given.", fix=f"endcap shop open {name} FILE")
    workspace = open_workspace(settings())
    report, trained = open_now(workspace, workspace.new_shop(name), file, dialect=dialect, progress=ScreenProgress())
    if as_json:
        emit(
            {
                "import": report.json(),
                "recipes": trained.recipes,
                "versions": trained.versions,
                "waiting": trained.waiting,
            }
        )
        return
    show(report.json())
    rows = [[purpose, recipe, trained.waiting.get(purpose, "")] for purpose, recipe in trained.recipes.items()]
    rows += [[purpose, "", why] for purpose, why in trained.waiting.items() if purpose not in trained.recipes]
    table(("purpose", "served by", "until"), rows)
    say(f"Open it: endcap serve, then http://127.0.0.1:{settings().port}/shop/{name}")


def _quiet(line: str) -> None:
    del line
