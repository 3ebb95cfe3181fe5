"""`endcap collect`: write keys for pages, the script that they load, and what was refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from endcap.cli.output import AsJson, emit, say, settings, table


def command(
    action: Annotated[Literal["create", "list", "revoke", "rejected"], typer.Argument(help="What to do.")],
    identity: Annotated[str | None, typer.Argument(metavar="KEY", help="The key to revoke.")] = None,
    shop: Annotated[str, typer.Option("--shop", "-s", help="The shop.")] = "",
    origin: Annotated[list[str] | None, typer.Option(help="Origin of its pages, or '*'; several are allowed.")] = None,
    internal: Annotated[
        list[str] | None, typer.Option(help="Network whose events are flagged, 203.0.113.0/24.")
    ] = None,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make write keys for a shop's pages, list and revoke them, and read the events that were refused."""
    from endcap.jobs.workspace import open_workspace
    from endcap.registry.write_keys import WriteKeys
    from endcap.storage.set_aside import refused_events

    workspace = open_workspace(settings())
    keys = WriteKeys(workspace.resources, clock=workspace.clock)
    if action == "revoke":
        if identity is None:
            raise typer.BadParameter("endcap collect revoke takes the key", param_hint="KEY")
        gone = keys.revoke(identity)
        emit(_document(gone)) if as_json else say(f"{gone.text} is revoked; servers refuse it within a second.")
        return
    owner = workspace.new_shop(shop)
    if action == "rejected":
        kept = refused_events(workspace.settings.home).read(owner)
        say(kept.decode("utf-8", "replace").rstrip() if kept else f"Nothing that was sent to {shop} was refused.")
    elif action == "create":
        made = keys.create(owner, origin or (), internal=internal or (), label=label)
        emit(_document(made)) if as_json else _say_created(made.text, made.origins)
    else:
        found = keys.list(owner)
        if as_json:
            emit({"keys": [_document(key) for key in found]})
        else:
            rows = [[key.text, ", ".join(key.origins), ", ".join(key.internal), key.label] for key in found]
            table(("write key", "origins", "internal networks", "label"), rows)


def _say_created(text: str, origins: tuple[str, ...]) -> None:
    from endcap.jobs.running import endpoint

    address = endpoint(settings())
    say(f"Pages of {', '.join(origins)} may send events with it, and nothing else:\n\n  {text}\n")
    say(f'  <script src="{address}/collect.js" data-key="{text}" async></script>\n')
    say("  endcap('track', 'View', 'ITEM-ID')        endcap('identify', 'USER-ID')        endcap('consent', true)")


def _document(key: Any) -> dict[str, Any]:
    return {
        "key": key.text,
        "shop": key.shop.group,
        "origins": list(key.origins),
        "internal": list(key.internal),
        "label": key.label,
        "created": key.created,
    }
