"""A newcomer's shop: a CSV of their own, an empty home, and the command line."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.cli import output
from endcap.cli.app import run

DAY_SECONDS = 86_400


def write_shop(path: Path, users: int = 60, seed: int = 5) -> Path:
    """Purchases of two tribes, coffee and tea, who each come back for their own."""
    rng = np.random.Generator(np.random.PCG64(seed))
    lines = ["customer,product,date,event"]
    for user in range(users):
        tribe = "coffee" if user % 2 else "tea"
        for day in sorted(rng.choice(120, 14, replace=False)):
            item = f"{tribe}-{min(int(rng.geometric(0.25)), 12)}"
            lines.append(f"c{user},{item},{1_700_000_000 + int(day) * DAY_SECONDS + user},Purchase")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


class Shell:
    """Runs commands in this process and gives back what they printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        found = run(list(arguments))
        printed = self._capsys.readouterr()
        assert found == code, printed.out + printed.err
        return printed.out if code == 0 else printed.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the shop `mine` imported, once for all tests; each works on its own copy."""
    folder = tmp_path_factory.mktemp("built")
    orders = write_shop(folder / "orders.csv")
    environment = {**os.environ, "ENDCAP_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "endcap.cli", "import", str(orders), "--shop", "mine"]
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=folder)
    return folder / "home"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ENDCAP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    output.settings.cache_clear()
    output.console.cache_clear()
    yield tmp_path / "home"
    output.settings.cache_clear()
    output.console.cache_clear()


@pytest.fixture
def shell(home: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A command line with an empty home."""
    return Shell(capsys)


@pytest.fixture
def imported(built: Path, home: Path, shell: Shell) -> Shell:
    """A command line whose home holds the shop `mine`."""
    shutil.copytree(built, home)
    return shell


@pytest.fixture
def published(imported: Shell) -> Shell:
    """The same with item-item trained and published."""
    imported("train", "item-item")
    imported("publish")
    return imported


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "orders.csv")
