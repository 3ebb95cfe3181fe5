"""`endcap serve`: answer over HTTP."""

from __future__ import annotations

from endcap.cli.output import settings


def command() -> None:
    """Serve this home on http://ENDCAP_HOST:ENDCAP_PORT until stopped: the whole API, and the jobs behind it."""
    from endcap.api.server import serve

    serve(settings())
