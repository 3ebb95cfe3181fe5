"""`endcap serve`: answer over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from endcap.cli.output import settings

Workers = Annotated[
    int | None,
    typer.Option("--workers", "-w", help="Web processes on the port; ENDCAP_WORKERS by default. Several need Redis."),
]


def command(workers: Workers = None) -> None:
    """Serve this home on http://ENDCAP_HOST:ENDCAP_PORT until stopped: the whole API, and the jobs behind it."""
    from endcap.api.server import serve

    serve(settings() if workers is None else replace(settings(), workers=workers))
