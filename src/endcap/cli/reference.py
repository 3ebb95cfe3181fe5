"""Writes the pages of docs/reference from the code itself; `--check` fails when a page has drifted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from endcap import errors
from endcap.cli.app import INTERNAL_ERROR, INTERRUPTED, build
from endcap.features import page as features_page
from endcap.lake import data_model
from endcap.recipes import pages as recipe_pages
from endcap.settings import FILE, PREFIX, Settings
from endcap.stream.dialects import page as dialects_page

ROOT = Path(__file__).parents[3]
NOTE = "<!-- Written by `make docs`; change the code instead. -->\n"


def commands_page() -> str:
    """Every command with its arguments and options, and the exit codes."""
    group: Any = typer.main.get_command(build())
    parts = [
        "# Commands\n",
        "`endcap COMMAND --help` says the same. Shell completion: `endcap --install-completion`.\n",
    ]
    for name, command in group.commands.items():
        context = command.make_context(f"endcap {name}", [], resilient_parsing=True)
        parts.append(f"## endcap {name}\n\n{command.help}\n")
        parts.append(f"```\n{command.get_usage(context)}\n```\n")
        rows = [_parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
        parts.append("\n".join(["| | |", "|---|---|", *rows]) + "\n")
    return "\n".join([*parts, "## Exit codes\n", "\n".join(_exit_codes()), ""])


def settings_page() -> str:
    """Every setting: its key, its environment variable, its default."""
    rows = [
        f"| `{field.name}` | `{PREFIX}{field.name.upper()}` | `{field.default or '—'}` | {field.metadata['doc']} |"
        for field in fields(Settings)
    ]
    head = (
        f"# Settings\n\nThe environment goes before `{FILE}` in the current folder, which goes before the default. "
        "An unknown key is an error.\n"
    )
    return "\n".join([head, "| key | environment | default | what it is |", "|---|---|---|---|", *rows, ""])


def recipes_page() -> str:
    """Every recipe, with what was last measured of it."""
    return recipe_pages.render(json.loads((ROOT / "benchmarks" / "results.json").read_text("utf-8")))


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "data-model.md": data_model.render,
    "collect.md": dialects_page.render,
    "ranking-features.md": features_page.render,
    "recipes.md": recipes_page,
}
"""File in docs/reference → what writes it."""


def drifted(folder: Path) -> list[str]:
    """Pages whose file differs from what the code says."""
    return [name for name, page in PAGES.items() if not _same(folder / name, page())]


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that have drifted; the exit code."""
    folder = ROOT / "docs" / "reference"
    if "--check" in arguments:
        stale = drifted(folder)
        print(
            "\n".join(f"docs/reference/{name} has drifted: run make docs" for name in stale) or "docs: as the code says"
        )
        return 1 if stale else 0
    for name, page in PAGES.items():
        (folder / name).write_text(NOTE + page(), "utf-8")
    return 0


def _same(path: Path, page: str) -> bool:
    return path.exists() and path.read_text("utf-8") == NOTE + page


def _parameter(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{parameter.name}`"
    default = "" if parameter.default in (None, False, (), []) else f" Default: `{parameter.default}`."
    return f"| {names} | {(getattr(parameter, 'help', None) or '').replace('|', '∣')}{default} |"


def _exit_codes() -> Iterator[str]:
    yield from ("| code | meaning |", "|---|---|", "| 0 | done |")
    seen: dict[int, str] = {}
    for error in _tree(errors.EndcapError):
        seen.setdefault(error.exit_code, (error.__doc__ or "").splitlines()[0])
    for code, meaning in sorted(seen.items()):
        yield f"| {code} | {meaning} |"
    yield f"| {INTERNAL_ERROR} | a fault of ours; the details are in a file that the message names |"
    yield f"| {INTERRUPTED} | interrupted |"


def _tree(root: type[errors.EndcapError]) -> Iterator[type[errors.EndcapError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
