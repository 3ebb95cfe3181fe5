"""Several web processes on one port: the parent opens the socket, keeps them alive, and stops them.

Each inherits the one listening socket, so a process that is not there takes nothing: whoever is left accepts what it
would have, and what nobody has accepted yet waits in the socket until somebody does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

from endcap.errors import InputError
from endcap.settings import Settings

SLOT = "SERVE_SLOT"
"""What a web process finds in its environment when it is one of several."""
MOST_WORKERS = 64
LOOK_SECONDS = 0.05
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before a process that died is started again: doubled each time it dies young."""
GROWN_UP = 30.0
"""Seconds after which a death counts as the first one again."""
STOP_SECONDS = 15.0
"""How long they may take to finish what is inside; longer than each gives its own requests."""
_PR_SET_PDEATHSIG = 1
_SHARED = ("redis", "rediss")


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One web process's place among several, kept when it is started again.

    `listener` and `ready` are file descriptors: the port, and a pipe that takes one byte once models are loaded.
    `alone` tells that nobody else serves now, so that even an answer of "still loading" is better than none.
    """

    number: int
    server: str
    """Names this start of the server, so that leases of different ones do not meet."""
    parent: int = 0
    """Its process id."""
    listener: int = -1
    ready: int = -1
    alone: bool = True

    @property
    def identity(self) -> str:
        """Its name in the registry, at most 36 characters."""
        return f"{self.server}-{self.number}"

    def tell_ready(self) -> None:
        """Models are loaded."""
        with suppress(OSError):
            os.write(self.ready, b"1")


def may_share(settings: Settings) -> None:
    """Whether what processes share can be shared. Raises `InputError` that names the settings to change."""
    if settings.workers not in range(1, MOST_WORKERS + 1):
        raise InputError(
            f"{settings.workers} web processes are not possible, expected 1 to {MOST_WORKERS}.",
            fix="Set ENDCAP_WORKERS, or say --workers 2.",
        )
    if settings.workers == 1:
        return
    own = [
        what
        for what, url in (("event log", settings.log_url), ("online state", settings.state_url))
        if urlsplit(url).scheme not in _SHARED
    ]
    if own:
        raise InputError(
            f"{settings.workers} web processes cannot share the {' and the '.join(own)} of one process.",
            fix="Set ENDCAP_LOG_URL=redis://HOST:6379/0 and ENDCAP_STATE_URL=redis://HOST:6379/1; for several machines "
            "also ENDCAP_DATABASE_URL=postgresql://USER@HOST/NAME. Or leave it at one process.",
        )


class _Worker:
    """One slot: its process, whether that has loaded, and when the next one may be started."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.pipe = -1
        self.is_ready = False
        self.born = self.due = 0.0
        self.pause = FIRST_PAUSE

    def start(self, command: Sequence[str], environ: Mapping[str, str], slot: Slot, now: float) -> None:
        """Start its process, in a group of its own: a terminal's Ctrl-C is the parent's to pass on."""
        self.pipe, told = os.pipe()
        os.set_blocking(self.pipe, False)
        handed = msgspec.structs.replace(slot, ready=told)
        self.process = subprocess.Popen(
            command,
            env={**environ, SLOT: msgspec.json.encode(handed).decode()},
            stdin=subprocess.DEVNULL,
            pass_fds=(slot.listener, told),
            process_group=0,
        )
        os.close(told)
        self.born, self.is_ready = now, False

    def look(self) -> int | None:
        """How its process ended, None where it lives."""
        if self.process is None:
            return None
        if not self.is_ready:
            with suppress(BlockingIOError):
                self.is_ready = os.read(self.pipe, 1) == b"1"
        return self.process.poll()

    def bury(self, now: float) -> None:
        """Its process is gone; the next one waits longer the younger this one was."""
        self.pause = FIRST_PAUSE if now - self.born >= GROWN_UP else min(self.pause * 2, LONGEST_PAUSE)
        self.process, self.is_ready, self.due = None, False, now + self.pause
        os.close(self.pipe)

    def send(self, signal_number: int) -> None:
        """Pass a signal on; nothing happens where nobody is there."""
        if self.process is not None:
            self.process.send_signal(signal_number)


class Workers:
    """The processes of one server. Belongs to the main thread: on Linux a child dies with the thread that made it."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        listener.set_inheritable(True)
        self._listener, self._command, self._environ, self._tick = listener, command, environ, tick
        self._server = uuid.uuid4().hex
        self._workers = [_Worker(number) for number in range(settings.workers)]
        self._wake = threading.Event()
        self._signals = 0
        self._announced = False

    def run(self, announce: Callable[[], object]) -> int:
        """Serve until told to stop; the exit code. `announce` is called once all have loaded.

        Where none ever came up, the first that gave up says why, and its exit code is this one's.
        """
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._told)
        code: int | None = None
        while code is None and not self._signals:
            code = self._turn(announce)
            self._wake.wait(LOOK_SECONDS)
        self._stop()
        return code or 0

    def _told(self, signal_number: int, frame: object) -> None:
        self._signals += 1
        self._wake.set()

    def _turn(self, announce: Callable[[], object]) -> int | None:
        """One look at all; the exit code of one that gave up before any was there."""
        now = self._tick()
        for worker in self._workers:
            ended = worker.look()
            if ended is not None:
                if ended > 0 and not self._announced and not any(each.is_ready for each in self._workers):
                    return ended
                _say(f"Web process {worker.number} ended with {ended}; starting it again.")
                worker.bury(now)
            if worker.process is None and now >= worker.due:
                others = any(each.is_ready or (each.process and not self._announced) for each in self._workers)
                worker.start(self._command, self._environ, self._slot(worker.number, alone=not others), now)
        if not self._announced and all(worker.is_ready for worker in self._workers):
            self._announced = True
            announce()
        return None

    def _slot(self, number: int, *, alone: bool) -> Slot:
        return Slot(
            number=number, server=self._server, parent=os.getpid(), listener=self._listener.fileno(), alone=alone
        )

    def _stop(self) -> None:
        """Let all drain at once; a second signal, or patience that ends, cuts it short."""
        self._all(signal.SIGTERM)
        passed, deadline = self._signals, self._tick() + STOP_SECONDS
        while any(worker.process is not None and worker.look() is None for worker in self._workers):
            if self._signals > max(passed, 1):
                passed = self._signals
                self._all(signal.SIGTERM)
            if self._tick() > deadline:
                self._all(signal.SIGKILL)
            self._wake.clear()
            self._wake.wait(LOOK_SECONDS)

    def _all(self, signal_number: int) -> None:
        for worker in self._workers:
            worker.send(signal_number)


def die_with(parent: int) -> None:
    """Let the system kill this process when its parent is gone (Linux), so that its port is free at once."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before we asked
            os._exit(0)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
