"""Keeps one jobs process running beside a server: started, watched, started again when it dies, stopped with it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time

from endcap.jobs.worker import request
from endcap.settings import Settings

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds before a jobs process that died is started again: doubled each time it dies young."""
GROWN_UP = 60.0
"""Seconds after which a death counts as the first one again."""
PATIENCE = 5.0
"""Seconds that the process may take to stop."""


class JobsProcess:
    """The jobs process of a home. It ends with this process, however this one ends."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.restarts = 0

    @property
    def alive(self) -> bool:
        """Whether the process runs now."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child is not None and self.alive else None

    def start(self) -> None:
        """Start it, and from now on again whenever it dies. Returns at once."""
        if self._thread is None:
            self._stopping.clear()
            # One thread starts every child: on Linux a child dies with the thread that started it.
            self._thread = threading.Thread(target=self._keep, daemon=True, name="jobs-supervisor")
            self._thread.start()

    def stop(self) -> None:
        """Let it end; what it was doing goes on with the next start. Killed when it takes too long."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(PATIENCE + 1)
            self._thread = None

    def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            born = time.monotonic()
            self._child = self._spawn()
            while self._child.poll() is None and not self._stopping.wait(0.05):
                pass
            if self._stopping.is_set():
                break
            self.restarts += 1
            pause = FIRST_PAUSE if time.monotonic() - born >= GROWN_UP else min(pause * 2, LONGEST_PAUSE)
            sys.stderr.write(f"The jobs process ended with {self._child.returncode}; starting it again.\n")
            self._stopping.wait(pause)
        self._end()

    def _spawn(self) -> subprocess.Popen[bytes]:
        """Its stdin stays open: the end of it is the end of this process. What it complains of goes where ours does."""
        command = [sys.executable, "-P", "-m", "endcap.jobs.worker"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=_environment())
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(request(self._settings))
            child.stdin.flush()
        return child

    def _end(self) -> None:
        child = self._child
        if child is None:
            return
        child.terminate()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin is not None:
            child.stdin.close()


def _environment() -> dict[str, str]:
    """Ours, without the web process's pinning of threads: training may use every core."""
    pinned = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {name: value for name, value in os.environ.items() if name not in pinned}
