"""What every process of Endcap's own does before anything else."""

from __future__ import annotations

import sys


def without_pandas() -> None:
    """Keep pandas out of this process.

    Where it is installed, pyarrow imports it at its first conversion, only to ask whether what it was given is a frame:
    a third of a second of CPU and tens of megabytes in every server, jobs process and child, which never have a frame.
    A program that imports Endcap is left alone.
    """
    # Python's own way of saying that a module is not there: who imports it is told so, who asks for it finds none.
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
