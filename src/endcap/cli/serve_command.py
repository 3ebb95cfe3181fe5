"""`endcap serve`: answer over HTTP."""

from __future__ import annotations

from endcap.cli.output import say, settings


def command() -> None:
    """Serve every campaign of this home on http://ENDCAP_HOST:ENDCAP_PORT until stopped."""
    from endcap.api.server import serve
    from endcap.jobs.workspace import open_workspace

    if not open_workspace(settings()).campaigns.list():
        say("Nothing is published yet, so there is nothing to answer with. Start with endcap demo, or endcap import.")
    serve(settings())
