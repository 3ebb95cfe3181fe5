"""The token that opens the console on the machine that serves it: in a file that only its owner reads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex, token_urlsafe

from endcap.errors import ResourceError
from endcap.seams import Disk
from endcap.settings import Settings

FILE = "console-token"
MODE = 0o600


def first_run_token(settings: Settings) -> str:
    """The home's token, the same at every call; made where there is none.

    Raises `ResourceError` where the file cannot be read or written.
    """
    path = settings.home / FILE
    try:
        if not path.exists():
            _make(path)
        return path.read_text("ascii").strip()
    except OSError as error:
        what = error.strerror or str(error)
        raise ResourceError(f"{path} cannot be used: {what}.", fix="Mend that, then start again.") from error


def _make(path: Path) -> None:
    """There whole or not at all; of several who make it at once the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f".{FILE}-{token_hex(8)}")
    try:
        with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w") as file:
            file.write(token_urlsafe(24))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(waiting, path)
    finally:
        waiting.unlink(missing_ok=True)
    Disk().fsync(path.parent)
