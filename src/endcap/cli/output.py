"""What the commands print: words for people on a terminal, JSON for programs, progress on the error stream."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from endcap.errors import InputError
from endcap.seams import Tick
from endcap.settings import Settings, load_settings

WIDE = 160
LONG = 2.0
"""Seconds after which finished work without a terminal leaves a line behind."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]
ShopName = Annotated[str | None, typer.Option("--shop", "-s", help="The shop; the only one there is by default.")]
Settable = Annotated[
    list[str] | None, typer.Option("--set", help="A hyper-parameter, key=value or key=@FILE; may be repeated.")
]


@cache
def settings() -> Settings:
    """This process's settings, read once."""
    return load_settings()


@cache
def console() -> Console:
    """Where words go; a pipe or a file has no width to fit into."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)


def say(text: str = "") -> None:
    """One line for people."""
    console().print(text, markup=False)


def emit(value: Any) -> None:
    """One JSON document for programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def complain(message: str, fix: str, code: int) -> int:
    """An error on the error stream; returns the exit code."""
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    err.print(Text("error: ", style="bold red") + Text(message))
    if fix:
        err.print(Text("  try: ", style="bold") + Text(fix))
    return code


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """A table; every column but the first is aligned right when all its cells start with a digit."""
    drawn = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2)
    )
    for number, column in enumerate(columns):
        numeric = number > 0 and all(row[number][:1].isdigit() or row[number] in ("", "–") for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", no_wrap=number == 0)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console().print(drawn)


class _Rate(ProgressColumn):
    """Units done, of how many, and how many a second."""

    def render(self, task: Task) -> Text:
        unit = f" {task.fields['unit']}" if task.fields["unit"] else ""
        total = f"/{task.total:,.0f}" if task.total else ""
        speed = task.finished_speed or task.speed
        rate = f" · {speed:,.0f}{unit}/s" if speed and speed >= 1 else ""
        return Text(f"{task.completed:,.0f}{total}{unit}{rate}", style="dim")


class ScreenProgress:
    """Progress bars on a terminal; elsewhere one line for each piece of work that took long. Always on stderr."""

    def __init__(self) -> None:
        self._screen = Console(stderr=True, highlight=False)

    @contextmanager
    def __call__(self, label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        started, done = time.perf_counter(), 0
        if self._screen.is_terminal:
            columns = (
                TextColumn("{task.description:<28}"),
                BarColumn(24),
                _Rate(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=self._screen, transient=True) as bars:
                task = bars.add_task(label, total=total, unit=unit)

                def advance(n: int = 1) -> None:
                    nonlocal done
                    done += n
                    bars.advance(task, n)

                yield advance
        else:

            def count(n: int = 1) -> None:
                nonlocal done
                done += n

            yield count
        seconds = time.perf_counter() - started
        if seconds >= LONG:
            amount = f"{done:,} {unit} · {done / seconds:,.0f}/s · " if done else ""
            self._screen.print(f"  {label}: {amount}{seconds:.1f} s", style="dim", markup=False)


def assignments(values: Sequence[str] | None, option: str = "--set") -> dict[str, str]:
    """`["a=1", "b=2"]` as a dict. Raises `typer.BadParameter` for text without `=`."""
    pairs = {}
    for text in values or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not key=value", param_hint=option)
        pairs[name.strip()] = value.strip()
    return pairs


def recipe_settings(values: Sequence[str] | None) -> dict[str, str]:
    """`assignments` of hyper-parameters: for `@FILE`, and the path of a rule file, the text of the file.

    Raises `InputError` for a file that cannot be read.
    """
    pairs = assignments(values)
    for name, value in pairs.items():
        if value.startswith("@") or (name == "rules" and value and "[" not in value):
            path = Path(value.removeprefix("@"))
            try:
                pairs[name] = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"{name}={value}: the file cannot be read: {error}.", fix="Check its path.") from None
    return pairs
