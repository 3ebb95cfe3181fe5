"""`endcap console`: the links to the pages, one of which signs in."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap.cli.output import AsJson, emit, say, settings
from endcap.errors import StateError


def links() -> dict[str, str]:
    """The storefront and the console of this home. The console's carries the token that signs in, behind a `#` that
    browsers keep to themselves.

    Raises `StateError` off loopback, where an access key signs in.
    """
    from endcap.jobs.running import endpoint
    from endcap.registry.development import is_loopback
    from endcap.registry.first_run import first_run_token

    chosen = settings()
    address = endpoint(chosen)
    if not is_loopback(chosen.host):
        raise StateError(
            f"A server on {chosen.host} has no token that signs in.",
            fix=f"Open {address}/console and sign in with an access key, as ID:SECRET.",
        )
    return {"storefront": f"{address}/shop", "console": f"{address}/console#token={first_run_token(chosen)}"}


def command(
    open_it: Annotated[bool, typer.Option("--open", help="Open the console in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the links to the storefront and to the console; the console's signs you in."""
    found = links()
    if as_json:
        emit(found)
    else:
        say(f"Storefront  {found['storefront']}\nConsole     {found['console']}")
    if open_it:
        import webbrowser

        webbrowser.open(found["console"])
