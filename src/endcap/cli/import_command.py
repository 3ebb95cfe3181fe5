"""`endcap import`: bring a shop's files into its lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from endcap.cli.output import AsJson, ScreenProgress, assignments, emit, say, settings, table


def command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders: CSV, JSON Lines, Parquet, xlsx, gzip.")
    ] = None,
    shop: Annotated[str, typer.Option("--shop", "-s", help="The shop to import into; made when new.")] = "shop",
    dialect: Annotated[str | None, typer.Option(help="A built-in dialect or a file that declares one.")] = None,
    mapping: Annotated[list[str] | None, typer.Option("--map", help="field=column, e.g. user_id=cust; repeat.")] = None,
    kind: Annotated[str | None, typer.Option(help="interactions, items or users; guessed from the columns.")] = None,
    mode: Annotated[str, typer.Option(help="FULL replaces what is there, INCREMENTAL adds to it.")] = "FULL",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do not read the files as files like them were read before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import a shop's interactions, items and users; wrong rows are counted, explained and kept.

    What --map, --kind and --dialect say is remembered for the shop: say it once.
    """
    from endcap.jobs.intake import bring_in
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    report = bring_in(
        workspace,
        workspace.new_shop(shop),
        paths or [],
        dialect=dialect,
        mapping=assignments(mapping, "--map"),
        kind=kind,
        mode=mode.upper(),
        fresh=fresh,
        progress=ScreenProgress(),
    )
    if as_json:
        emit(report.json())
        return
    show(report.json())
    if not mapping and report.said is not None and report.said.mapping:
        said = " ".join(f"--map {field}={column}" for field, column in report.said.mapping.items())
        say(f"  Read as last time: {said} (--fresh reads it as new)")
    say(f"Next: endcap check --shop {shop}, then endcap train --shop {shop}")


def show(report: dict[str, Any]) -> None:
    """A report of an import, in words."""
    rows = [[kind, f"{part['accepted']:,}", f"{part['rejected']:,}"] for kind, part in report["kinds"].items()]
    table(("imported", "accepted", "rejected"), rows)
    for note in report.get("notes", ()):
        say(f"  {note}")
    for reason in report["reasons"]:
        say(f"  {reason['count']:,} × {reason['reason']}")
    if report.get("rejects"):
        say(f"  Rejected rows are kept in {report['rejects']}")
