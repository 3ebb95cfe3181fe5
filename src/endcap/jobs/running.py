"""Which address a home is served at: a note the server leaves in the home while it runs."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from endcap.settings import Settings


class _Note(msgspec.Struct, frozen=True):
    address: str
    process: int


def note_running(settings: Settings, address: str) -> None:
    """Leave the note; a server that cannot write it serves all the same."""
    try:
        _place(settings).write_bytes(msgspec.json.encode(_Note(address, os.getpid())))
    except OSError:
        return


def forget_running(settings: Settings) -> None:
    """Take this process's own note away."""
    note = _read(settings)
    if note is not None and note.process == os.getpid():
        _place(settings).unlink(missing_ok=True)


def endpoint(settings: Settings) -> str:
    """Where this home is served now, or would be by `endcap serve`."""
    note = _read(settings)
    if note is not None and is_alive(note.process):
        return note.address
    host = settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def is_served_by(settings: Settings, process: int) -> bool:
    """Whether this process has left the note, which a server does once its models are loaded."""
    note = _read(settings)
    return note is not None and note.process == process


def is_alive(process: int) -> bool:
    """Whether there is such a process, whoever's it is."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _place(settings: Settings) -> Path:
    return settings.home / "server.json"


def _read(settings: Settings) -> _Note | None:
    try:
        return msgspec.json.decode(_place(settings).read_bytes(), type=_Note)
    except (OSError, msgspec.MsgspecError):
        return None
