"""A crowd of simulated shoppers in a process of its own, which ends with this one, and what it says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

KEPT = 240
"""Lines that are kept: two minutes."""
COMMAND = (sys.executable, "-P", "-m", "endcap.cli", "simulate", "--live", "--lines")
PATIENCE = 5.0


class CrowdProcess:
    """One crowd. `options` are those of `endcap simulate`; `each` is called with every line, in this one's thread."""

    def __init__(
        self, options: Sequence[str], environment: Mapping[str, str], each: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self.options, self.started = tuple(options), time.monotonic()
        self.lines: deque[tuple[float, Mapping[str, Any]]] = deque(maxlen=KEPT)
        self.error = ""
        self._each, self._stopped = each, threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        # One thread starts the child and reads it: what it says goes nowhere else.
        self._thread = threading.Thread(target=self._run, args=(dict(environment),), daemon=True, name="crowd")
        self._thread.start()

    @property
    def runs(self) -> bool:
        """Whether it is on its way."""
        return self._thread.is_alive()

    @property
    def last(self) -> Mapping[str, Any]:
        """The newest numbers."""
        return self.lines[-1][1] if self.lines else {}

    def stop(self) -> None:
        """Let everybody go home."""
        self._stopped.set()
        child = self._child
        if child is not None and child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()  # the child ends with it
        self._thread.join(PATIENCE)
        if child is not None and child.poll() is None:
            child.kill()

    def _run(self, environment: Mapping[str, str]) -> None:
        with subprocess.Popen(
            [*COMMAND, *self.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment, "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        ) as child:
            self._child = child
            assert child.stdout is not None and child.stderr is not None
            for line in child.stdout:
                if self._stopped.is_set():
                    break
                with suppress(ValueError):
                    told = json.loads(line)
                    self.lines.append((time.monotonic() - self.started, told))
                    self._each(told)
            said = child.stderr.read().decode("utf-8", "replace").strip().splitlines()
            if child.wait() and not self._stopped.is_set():
                self.error = said[-1][:300] if said else f"It ended with status {child.returncode}."
