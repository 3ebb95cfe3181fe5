"""The token that opens the console on the machine that serves it: in a file that only its owner reads."""

from __future__ import annotations

import os
from secrets import token_urlsafe

from endcap.errors import ResourceError
from endcap.settings import Settings

FILE = "console-token"
MODE = 0o600


def first_run_token(settings: Settings) -> str:
    """The home's token, the same at every call; made where there is none.

    Raises `ResourceError` where the file cannot be read or written.
    """
    path = settings.home / FILE
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w") as file:
                file.write(token_urlsafe(24))
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            pass
        return path.read_text("ascii").strip()
    except OSError as error:
        what = error.strerror or str(error)
        raise ResourceError(f"{path} cannot be used: {what}.", fix="Mend that, then start again.") from error
