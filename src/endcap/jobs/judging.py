"""Judge recipes on a shop's own history, keep the report, and read it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from endcap.errors import StateError
from endcap.jobs.workspace import Workspace
from endcap.types import ShopKey


def report_paths(workspace: Workspace, shop: ShopKey) -> tuple[Path, Path]:
    """Where the shop's last evaluation is kept: (JSON, HTML)."""
    folder = workspace.reports / shop.group
    return folder / "evaluation.json", folder / "evaluation.html"


def last_report(workspace: Workspace, shop: ShopKey) -> dict[str, Any]:
    """The numbers of the last evaluation. Raises `StateError` when there was none."""
    path, _ = report_paths(workspace, shop)
    if not path.exists():
        raise StateError(f"{shop.group} has not been evaluated yet.", fix=f"endcap evaluate --shop {shop.group}")
    return json.loads(path.read_text("utf-8"))  # type: ignore[no-any-return]
