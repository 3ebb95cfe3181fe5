"""`endcap log`: how the event log does, what lies in it, and what could not be read."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from endcap.cli.output import AsJson, ShopName, emit, say, settings, table

if TYPE_CHECKING:
    from endcap.jobs.workspace import Workspace

FIRST = "0:1"


def command(
    action: Annotated[
        Literal["status", "show", "poison", "replay"],
        typer.Argument(
            help="status; show lists records; poison lists those that could not be read; replay folds and sinks again."
        ),
    ] = "status",
    shop: ShopName = None,
    from_offset: Annotated[
        str, typer.Option("--from-offset", metavar="P:N", help="Where show and replay begin: partition and number.")
    ] = FIRST,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most records that are shown.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Tell how far the log goes and how far the lake and every web process have it; show, replay what lies in it."""
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    actions = {"status": _status, "poison": _poison}
    if action in actions:
        actions[action](workspace, as_json)
    elif action == "show":
        _show(workspace, shop, from_offset, limit)
    else:
        _replay(workspace, shop, from_offset, as_json)


def _status(workspace: Workspace, as_json: bool) -> None:
    from endcap.jobs.log_status import log_status

    found = log_status(workspace)
    if as_json:
        emit(found)
        return
    if not found["partitions"]:
        say("Nothing was written to the log yet.")
        return
    say(f"{found['records']:,} records · {found['rate']:,.0f} a second · {found['lag']:,} not in the lake yet")
    table(
        ("partition", "end", "in the lake", "lag"),
        [
            [f"{each['partition']}", *(f"{each[name]:,}" for name in ("end", "sunk", "lag"))]
            for each in found["partitions"]
        ],
    )
    if found["workers"]:
        say()
        rows = [
            [each["name"], f"{each['lag']:,}", f"{each['spooled']:,}", f"{each['poisoned']:,}", each["away"] or "–"]
            for each in found["workers"]
        ]
        table(("web process", "lag", "spooled", "poison", "log away"), rows)
    if found["spooled"]:
        say(f"\n{found['spooled']:,} records wait in spools on this machine.")
    for reason, count in found["poison"]["reasons"].items():
        say(f"\n{count:,} could not be read: {reason}. See: endcap log poison")


def _poison(workspace: Workspace, as_json: bool) -> None:
    from endcap.jobs.log_status import poisoned

    found = poisoned(workspace)
    if as_json:
        emit({"poison": [_named(each) for each in found]})
    elif not found:
        say("Every record could be read.")
    else:
        rows = [[f"{each.partition}:{each.n}", each.shop, each.kind, each.key, each.reason] for each in found]
        table(("offset", "shop", "kind", "key", "reason"), rows)


def _show(workspace: Workspace, shop: str | None, since: str, limit: int) -> None:
    from endcap.jobs.log_status import offset, records

    key = workspace.new_shop(shop) if shop else None
    for each in records(workspace, offset(since), key, limit):
        print(json.dumps(each, ensure_ascii=False))


def _replay(workspace: Workspace, shop: str | None, since: str, as_json: bool) -> None:
    from endcap.jobs.log_status import offset, replay_from

    done = replay_from(workspace, offset(since), workspace.shop(shop))
    if as_json:
        emit(asdict(done))
        return
    say(f"{done.read:,} records were folded again, {done.poisoned:,} of them could not be read.")
    for name, count in done.rows.items():
        say(f"  {count:,} that {name} lacked were put there")
    for name, why in done.failures.items():
        say(f"  {name} took none: {why}")
    if not done.rows and not done.failures:
        say("  Every table had all of them; nothing was written twice.")


def _named(each: Any) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__struct_fields__}
