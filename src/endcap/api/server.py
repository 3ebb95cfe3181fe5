"""`serve(settings)`: one web process, threads pinned, on loopback only, stopped gracefully."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import msgspec
import uvicorn

from endcap.errors import EndcapError, InputError, UnavailableError
from endcap.jobs.running import forget_running, note_running
from endcap.settings import Settings

PINNED = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""One process answers on one core: threads of BLAS, OpenMP and numba would fight over it."""
DRAIN_SECONDS = 0.5
"""How long /readyz says 503 while requests are still taken, so that a balancer can look elsewhere."""
FINISH_SECONDS = 10
"""How long requests that are inside may take to finish."""
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048


def serve(settings: Settings) -> NoReturn:
    """Become the web process: this process is replaced by a fresh one, because thread counts are fixed at start.

    Raises `InputError` for a host that is not loopback, `UnavailableError` for a port in use.
    """
    open_socket(settings.host, settings.port).close()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command(settings), {**os.environ, **PINNED})  # noqa: S606


def command(settings: Settings) -> list[str]:
    """The command line of the web process; run it with `PINNED` in the environment."""
    fields = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(settings).items()}
    return [sys.executable, "-m", "endcap.api.server", msgspec.json.encode(fields).decode()]


def run(settings: Settings, announce: Callable[[str], object] = print) -> None:
    """Serve until told to stop. `announce` gets one line with the address, once models are loaded."""
    listener = open_socket(settings.host, settings.port)
    # Imported here: the parent only checks and execs, and must not load what it will throw away.
    from endcap.api.app import create_app  # noqa: PLC0415

    app = create_app(settings)
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    config = uvicorn.Config(
        app.door,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
        backlog=BACKLOG,
    )

    def announced() -> None:
        note_running(settings, address)
        announce(f"Serving on {address}")

    server = _Server(config, app.door, lambda: app.watch.status.polled, announced)
    app.watch.start()
    try:
        server.run(sockets=[listener])
    finally:
        forget_running(settings)
        app.close()
        gc.unfreeze()  # or extension modules call everything frozen a leak, at length


def open_socket(host: str, port: int) -> socket.socket:
    """A socket bound to a loopback address. Raises `InputError`, `UnavailableError`."""
    address = _loopback(host)
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise UnavailableError(
            f"Port {port} on {host} cannot be used: {error.strerror}.",
            fix="Stop what listens there, or set ENDCAP_PORT to another port.",
        ) from error
    return listener


def _loopback(host: str) -> str:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise InputError(
        f"The server listens on loopback only, and {host!r} is not: requests are not authenticated yet.",
        fix="Set ENDCAP_HOST to 127.0.0.1; other addresses will be taken once access keys exist.",
    )


class _Server(uvicorn.Server):
    """Uvicorn that says so before it stops: first not ready, then no new connections, then the last answers."""

    def __init__(
        self, config: uvicorn.Config, door: Any, is_loaded: Callable[[], bool], announce: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._door, self._is_loaded, self._announce = door, is_loaded, announce
        self._announced, self._stop_at = False, 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: leave at once."""
        if self._door.draining:
            super().handle_exit(signal.SIGINT, frame)
            self.should_exit = self.force_exit = True
        self._door.draining = True
        self._stop_at = self._stop_at or time.monotonic() + DRAIN_SECONDS

    async def on_tick(self, counter: int) -> bool:
        if not self._announced and self._is_loaded():
            self._announced = True
            self._announce()
        if self._door.draining and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """The web process. Errors end it with their exit code and one line on stderr."""
    fields = msgspec.json.decode(arguments[0])
    try:
        run(Settings(**{**fields, "home": Path(fields["home"])}), announce=_say)
    except EndcapError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
