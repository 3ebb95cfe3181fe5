"""The table of commands, and what happens when one fails."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from endcap.cli.output import complain, settings
from endcap.errors import EndcapError, ResourceError

COMMANDS: tuple[tuple[str, str], ...] = (
    ("demo", "Start here"),
    ("simulate", "Start here"),
    ("import", "Data"),
    ("migrate", "Data"),
    ("check", "Data"),
    ("log", "Data"),
    ("features", "Data"),
    ("rules", "Models"),
    ("train", "Models"),
    ("tune", "Models"),
    ("evaluate", "Models"),
    ("report", "Models"),
    ("publish", "Models"),
    ("rollback", "Models"),
    ("recommend", "Answers"),
    ("why", "Answers"),
    ("similar", "Answers"),
    ("search", "Answers"),
    ("predict", "Answers"),
    ("serve", "Answers"),
    ("console", "Answers"),
    ("status", "Answers"),
    ("capacity", "Answers"),
    ("jobs", "Jobs"),
    ("shop", "Jobs"),
    ("env", "Access"),
    ("keys", "Access"),
    ("collect", "Access"),
)
"""Each command's name and the heading it stands under; its function `command` is in `cli/<name>_command.py`."""

INTERNAL_ERROR = 70
INTERRUPTED = 130


def build() -> typer.Typer:
    """The typer application with every command of the table."""
    app = typer.Typer(
        name="endcap",
        help="The open recommendation engine for online shops.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, heading in COMMANDS:
        app.command(name, rich_help_panel=heading)(_function(name))
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code is 0, an `EndcapError`'s, 70 for a fault of ours or 130 when interrupted."""
    try:
        code = typer.main.get_command(build()).main(
            list(arguments) or ["--help"], prog_name="endcap", standalone_mode=False
        )
    except BrokenPipeError:
        return 0
    except Exception as error:
        return _explain(error)
    except KeyboardInterrupt:
        return complain("Stopped.", "", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    if isinstance(error, EndcapError):
        return complain(error.message, error.fix, error.exit_code)
    if isinstance(error, TyperException):
        return complain(error.format_message(), "See endcap --help.", 2)
    if isinstance(error, typer.Abort):
        return complain("Stopped.", "", INTERRUPTED)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return complain(
            "The disk is full; nothing was changed.", "Make room, then run it again.", ResourceError.exit_code
        )
    return _fault(error)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"endcap {metadata.version('endcap')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and exit.")
    ] = False,
) -> None:
    del version


def _function(name: str) -> Callable[..., Any]:
    return import_module(f"endcap.cli.{name}_command").command  # type: ignore[no-any-return]


def _fault(error: Exception) -> int:
    """A fault of ours: one line on the screen, the details in a file."""
    place = Path("endcap-fault.txt")
    try:
        place = settings().home / "fault.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(traceback.format_exception(error)), "utf-8")
        hint = f"This should not happen. The details are in {place}; please report them."
    except (OSError, EndcapError):
        hint = "This should not happen; please report it."
    return complain(f"{type(error).__name__}: {error}", hint, INTERNAL_ERROR)
