"""`endcap capacity`: what one web worker holds, and how many a load needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from endcap.cli.output import AsJson, ScreenProgress, ShopName, emit, say, settings, table

if TYPE_CHECKING:
    from endcap.jobs.capacity import CampaignCapacity

Rate = Annotated[float | None, typer.Option("--rate", help="The load to plan for, in requests a second.")]
Seconds = Annotated[float, typer.Option("--seconds", help="How long to measure, in all.")]


def command(shop: ShopName = None, rate: Rate = None, seconds: Seconds = 4.0, as_json: AsJson = False) -> None:
    """Measure what one worker holds: requests a second, answer times and memory, without HTTP."""
    import msgspec

    from endcap.jobs.capacity import LOAD, measure_capacity
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    found = measure_capacity(workspace, workspace.shop(shop), wanted=rate, seconds=seconds, progress=ScreenProgress())
    if as_json:
        emit(msgspec.to_builtins(found))
        return
    rows = [_row(each) for each in found.campaigns]
    table(("campaign", "recipe", "items", "shoppers", "p50 ms", "p99 ms", "per second", "MiB"), rows)
    say(f"\nOne worker answers {found.rate:,.0f} requests a second and holds {found.memory:,.0f} MiB.")
    say(f"Plan for {found.planned:,.0f} ({LOAD:.0%}): the rest is for HTTP and for peaks.")
    if found.workers is not None:
        say(f"{rate:,.0f} requests a second need {found.workers} worker{'s' if found.workers > 1 else ''}.")


def _row(each: CampaignCapacity) -> list[str]:
    measured = [f"{each.p50:.2f}", f"{each.p99:.2f}", f"{each.rate:,.0f}", f"{each.memory:,.0f}"]
    return [each.name, each.recipe, f"{each.items:,}", f"{each.shoppers:,}", *measured]
