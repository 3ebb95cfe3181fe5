"""`serve(settings)`: web processes, threads pinned, with one jobs process beside them, stopped gracefully."""

from __future__ import annotations

import gc
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

from endcap.api.auth.listening import may_listen
from endcap.api.connection import Connection
from endcap.api.workers import LOOK_SECONDS, SLOT, Slot, Workers, die_with, may_share
from endcap.errors import EndcapError, InputError, UnavailableError
from endcap.jobs.running import forget_running, note_running
from endcap.jobs.supervisor import JobsProcess
from endcap.processes import without_pandas
from endcap.settings import Settings

PINNED = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""One process answers on one core: threads of BLAS, OpenMP and numba would fight over it."""
COMMAND = [sys.executable, "-m", "endcap.api.server"]
"""The web process itself; see `environment`."""
HANDED_OVER = "SERVE_SETTINGS"
DRAIN_SECONDS = 0.5
"""How long /readyz says 503 while requests are still taken, so that a balancer can look elsewhere."""
SWITCH_SECONDS = 0.0005
"""How long the threads that write the log may keep the interpreter from the one that answers; 5 ms by default."""
FINISH_SECONDS = 10
"""How long requests that are inside may take to finish."""
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048


def serve(settings: Settings) -> NoReturn:
    """Become the web process, or the parent of several: this process is replaced by a fresh one, because thread counts
    are fixed at start.

    Raises `InputError` for a host that would be served without authentication and for several processes that have
    nothing to share, `StateError` where no key exists off loopback, `UnavailableError` for a port in use.
    """
    may_share(settings)
    may_listen(settings)
    open_socket(settings.host, settings.port).close()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, COMMAND, environment(settings))  # noqa: S606


def environment(settings: Settings) -> dict[str, str]:
    """What the web process (`COMMAND`) is run in: threads pinned, and settings where no other user can read them."""
    fields = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(settings).items()}
    return {**os.environ, **PINNED, HANDED_OVER: msgspec.json.encode(fields).decode()}


def run(settings: Settings, announce: Callable[[str], object] = print) -> int:
    """Serve until told to stop; the exit code. `announce` gets one line with the address, once models are loaded."""
    may_share(settings)
    may_listen(settings)
    listener = open_socket(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def announced() -> None:
        note_running(settings, address)
        announce(f"Serving on {address}")

    jobs = JobsProcess(settings)
    try:
        if settings.workers == 1:
            answer(settings, listener, announced, jobs.start)
            return 0
        listener.listen(BACKLOG)
        jobs.start()
        return Workers(settings, listener, COMMAND, environment(settings)).run(announced)
    finally:
        forget_running(settings)
        jobs.stop()


def answer(
    settings: Settings,
    listener: socket.socket,
    announced: Callable[[], object],
    begun: Callable[[], object] = lambda: None,
    slot: Slot | None = None,
) -> None:
    """Answer on a socket until told to stop. `begun` is called once models are being loaded, `announced` when they are.

    One of several processes takes nothing before it has loaded, as long as another answers.
    """
    # Imported here: the parent only checks and execs, and must not load what it will throw away.
    from endcap.api.app import create_app  # noqa: PLC0415

    app = create_app(settings, slot=slot)
    try:
        server = _Server(_config(app.door), app.door, lambda: app.watch.status.polled, announced)
        sys.setswitchinterval(SWITCH_SECONDS)
        app.start()
        begun()
        if slot is not None and not slot.alone:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            while not app.watch.status.polled:
                time.sleep(LOOK_SECONDS)
        server.run(sockets=[listener])
    finally:
        app.close()
        gc.unfreeze()  # or extension modules call everything frozen a leak, at length


def _config(door: Any) -> uvicorn.Config:
    return uvicorn.Config(
        door,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
        backlog=BACKLOG,
    )


def open_socket(host: str, port: int) -> socket.socket:
    """A socket bound to an address. Raises `InputError` for what is none, `UnavailableError` for one in use."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        fix = "Set ENDCAP_HOST to an address of this machine."
        raise InputError(f"{host!r} is no address to listen on: {error.strerror}.", fix=fix) from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise UnavailableError(
            f"Port {port} on {host} cannot be used: {error.strerror}.",
            fix="Stop what listens there, or set ENDCAP_PORT to another port.",
        ) from error
    return listener


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


def main() -> int:
    """A web process, or the parent of several. Errors end it with their exit code and one line on stderr."""
    without_pandas()
    fields, slot = msgspec.json.decode(os.environ[HANDED_OVER]), os.environ.pop(SLOT, "")
    settings = Settings(**{**fields, "home": Path(fields["home"])})
    os.environ.pop(HANDED_OVER)
    try:
        if not slot:
            return run(settings, announce=_say)
        mine = msgspec.json.decode(slot, type=Slot)
        die_with(mine.parent)
        answer(settings, socket.socket(fileno=mine.listener), mine.tell_ready, slot=mine)
    except EndcapError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
