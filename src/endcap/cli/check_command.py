"""`endcap check`: what is odd in a shop's data, why it matters, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcap.cli.output import AsJson, ScreenProgress, ShopName, emit, say, settings

MARKS = {"problem": "✗", "warning": "!", "info": "·"}


def command(
    shop: ShopName = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page with plots to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a shop's data: each finding, why it matters, and what to do about it."""
    from endcap.jobs.workspace import open_workspace
    from endcap.lake.checks import run_checks
    from endcap.lake.checks.report import write_html

    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    progress = ScreenProgress()
    findings = run_checks(workspace.lake, key, progress)
    if html is not None:
        write_html(html, workspace.lake, key, findings, progress)
    if as_json:
        emit({"shop": key.group, "findings": [finding.json() for finding in findings]})
        return
    for finding in findings:
        say(f"{MARKS[finding.severity]} {finding.title}")
        say(f"    why   {finding.why}")
        say(f"    do    {finding.advice}")
    if html is not None:
        say(f"The page is {html}")
