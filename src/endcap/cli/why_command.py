"""`endcap why`: what a shopper is shown and why, measured by answering again; and why not something else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from endcap.cli.output import AsJson, ShopName, emit, say, settings, table

if TYPE_CHECKING:
    from endcap.jobs.workspace import Workspace
    from endcap.serving.snapshot import Snapshot


def command(
    user: Annotated[str, typer.Argument(help="The shopper, or a session.")],
    shop: ShopName = None,
    campaign: Annotated[str | None, typer.Option(help="The campaign; the shop's first by default.")] = None,
    version: Annotated[str | None, typer.Option(help="Another version than the one that serves.")] = None,
    about: Annotated[str, typer.Option(help="The item that the campaign is asked about.")] = "",
    as_of: Annotated[datetime | None, typer.Option(help="As of this moment, UTC.")] = None,
    filter_text: Annotated[str, typer.Option("--filter", help="A filter expression.")] = "",
    without: Annotated[list[int] | None, typer.Option(help="An event of the history to leave out; repeat.")] = None,
    missing: Annotated[str, typer.Option("--not", help="Why is this item not there?")] = "",
    k: Annotated[int, typer.Option("-k", help="How many items.", min=1, max=100)] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what a shopper is answered and why: each reason is checked by answering again without it.

    Reads what the lake holds; events of the last seconds are known to the server's own inspector.
    """
    import msgspec

    from endcap.jobs.workspace import open_workspace
    from endcap.serving.filters import parse
    from endcap.serving.inspecting import inspect
    from endcap.serving.restriction import Restriction
    from endcap.serving.slate import Request
    from endcap.serving.why_not import why_not

    workspace = open_workspace(settings())
    snapshot = _snapshot(workspace, shop, campaign, version)
    restriction = Restriction("", parse(filter_text)) if filter_text else None
    now = workspace.clock.now()
    request = Request(k, user, about, restriction=restriction, asked=now)
    at = int(as_of.replace(tzinfo=as_of.tzinfo or UTC).timestamp() * 1e6) if as_of else 0
    if missing:
        verdict = why_not(snapshot, request, missing, at=at, without=without or ())
        if as_json:
            emit(msgspec.to_builtins(verdict))
        else:
            say(f"{verdict.verdict}: {verdict.said}")
        return
    found = inspect(snapshot, request, at=at, without=without or ())
    if as_json:
        emit(msgspec.to_builtins(found))
        return
    say(f"{found.recipe} {found.version}, {sum(event.used for event in found.history)} events. {found.cause}".strip())
    rows = [
        [
            str(each.place),
            each.item,
            each.reason,
            ", ".join(f"{part.name} {part.value:+.2f}" for part in each.parts[:3]),
        ]
        for each in found.items
    ]
    table(("place", "item", "reason", "parts of the score"), rows)
    for group in found.left_out:
        moved = [(e.item, e.before, e.after) for e in group.effects if e.after != e.before]
        if moved:
            item, before, after = max(moved, key=lambda each: (each[2] or found.deep + 1) - each[1])
            name = group.item or "the last visit"
            say(f"Without {name} ({len(group.places)} events) {item} goes from {before} to {after or 'further down'}.")


def _snapshot(workspace: Workspace, shop: str | None, campaign: str | None, version: str | None) -> Snapshot:
    from endcap.jobs.answering import open_snapshot
    from endcap.jobs.publishing import choose_campaign
    from endcap.registry.campaigns import CampaignConfig, Deployment
    from endcap.registry.variants import SLOTS, Variant

    key = workspace.shop(shop)
    variants = () if version is None else (Variant(version, workspace.versions.get(key, version).id, SLOTS),)
    if campaign is None and version is not None and not workspace.campaigns.list(key):
        return open_snapshot(workspace, Deployment(key, "inspector", 0, variants, CampaignConfig()))
    deployment = workspace.campaigns.current(key, choose_campaign(workspace, key, campaign))
    return open_snapshot(workspace, replace(deployment, variants=variants, slots=()) if variants else deployment)
