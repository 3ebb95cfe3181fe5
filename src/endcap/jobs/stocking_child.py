"""The child process that trains what a shop of one's own is opened with: versions that nobody serves yet."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from endcap.jobs.children import serve
from endcap.jobs.stocking import Request, train_all
from endcap.jobs.workspace import open_workspace
from endcap.seams import Progress
from endcap.settings import Settings
from endcap.types import AccountKey, ShopKey


def work(line: bytes, progress: Progress) -> Any:
    """One request."""
    asked = msgspec.json.decode(line, type=Request)
    settings = Settings(**{**asked.settings, "home": Path(asked.settings["home"])})
    shop = ShopKey(AccountKey(asked.account, asked.region), asked.group)
    return msgspec.to_builtins(train_all(open_workspace(settings), shop, progress))


if __name__ == "__main__":
    code = serve(work)
    sys.stderr.flush()
    os._exit(code)
