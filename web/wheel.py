"""Puts the built pages into a wheel, and refuses to make a release without them (an editable install needs none)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PagesHook(BuildHookInterface):
    """Named in pyproject.toml."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raises `FileNotFoundError` for a standard wheel without pages."""
        del build_data
        if version != "standard":
            return
        folder = Path(self.root) / "src" / "endcap" / "web"
        missing = [name for name in ("shop.html", "console.html", "built.txt") if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(f"src/endcap/web lacks {', '.join(missing)}. Build the pages first: make web")
