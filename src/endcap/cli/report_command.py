"""`endcap report`: the last evaluation of a shop, as a page or as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcap.cli.judgements import show_judgement
from endcap.cli.output import AsJson, ShopName, emit, say, settings


def command(
    shop: ShopName = None,
    html: Annotated[Path | None, typer.Option(help="Copy the page to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a shop's last evaluation, and where its page is."""
    from endcap.jobs.judging import last_report, report_paths
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    report = last_report(workspace, key)
    page = report_paths(workspace, key)[1]
    if html is not None:
        html.write_bytes(page.read_bytes())
        page = html
    if as_json:
        emit(report)
        return
    show_judgement(report)
    say(f"\nThe page is {page}")
