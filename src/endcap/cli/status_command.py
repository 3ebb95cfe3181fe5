"""`endcap status`: what is there and what is served."""

from __future__ import annotations

from typing import Any

from endcap.cli.output import AsJson, emit, say, settings, table


def command(as_json: AsJson = False) -> None:
    """Shops, their newest data and models, and the campaigns that are served."""
    from endcap.jobs.status import status
    from endcap.jobs.workspace import open_workspace

    found = status(open_workspace(settings()))
    if as_json:
        emit(found)
        return
    if not found["shops"]:
        say("Nothing is here yet. Start with: endcap demo, or endcap import FILE --shop NAME")
        return
    table(("shop", "users", "items", "interactions", "snapshot"), [_shop(shop) for shop in found["shops"]])
    if found["campaigns"]:
        say()
        rows = [[c["name"], c["recipe"], c["version"], c["sampleUser"] or "–", c["arn"]] for c in found["campaigns"]]
        table(("campaign", "recipe", "version", "a shopper to try", "arn"), rows)
        say(f"\nServed at {found['endpoint']} while endcap serve runs.")


def _shop(shop: dict[str, Any]) -> list[str]:
    return [shop["name"], f"{shop['users']:,}", f"{shop['items']:,}", f"{shop['interactions']:,}", shop["snapshot"]]
