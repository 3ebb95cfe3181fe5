"""What a shop has declared of its events' numbers, kept beside its tables."""

from __future__ import annotations

from pathlib import Path

from endcap.errors import ArtefactError
from endcap.lake.signals import Signals
from endcap.seams import Disk

FILE = "signals.json"


def declared(directory: Path) -> Signals:
    """As declared in a shop's directory, else the default. Raises `ArtefactError` for a damaged file."""
    try:
        return Signals.parse((directory / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return Signals()
    except (ValueError, KeyError, TypeError) as error:
        fix = "Delete the file; the next import writes it again."
        raise ArtefactError(f"{directory / FILE} is damaged: {error}.", fix=fix) from error


def declare(directory: Path, signals: Signals, disk: Disk) -> None:
    """Keep it, for who reads the shop from now on; nothing is written where it is kept already."""
    if declared(directory).text == signals.text:
        return
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / f"{FILE}.new"
    disk.write(fresh, signals.text.encode())
    disk.rename(fresh, directory / FILE)
    disk.fsync(directory)
