"""One row of a quality benchmark, as one JSON line: what `run.py` collects and `quality_page.py` shows."""

from __future__ import annotations

import json
from typing import Any

from endcap.evaluation.compare import Estimate


def row(
    name: str,
    measured: Estimate,
    must: float | None = None,
    aim: float | None = None,
    *,
    better: str = "higher",
    seed: int = 0,
    **detail: Any,
) -> None:
    """Print one result with its 95 % interval; `detail` tells protocol, settings and floors."""
    line = {"row": name, "must": must, "aim": aim, "better": better, "measured": measured.value, "low": measured.low}
    print(json.dumps({**line, "high": measured.high, "seed": seed, "detail": detail}), flush=True)
