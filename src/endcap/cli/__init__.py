"""The command `endcap`: one file per command, each calls one room and prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a documented code (see `endcap.errors`)."""
    from endcap.cli.app import run
    from endcap.processes import without_pandas

    without_pandas()
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))
