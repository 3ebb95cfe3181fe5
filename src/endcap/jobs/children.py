"""Heavy work in a process of its own: spawned, never forked; gone when its parent is; stopped when someone says so.

One request goes to the child's stdin, answers come back as JSON lines: progress, and at the end a report or an error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any

from endcap import errors
from endcap.errors import DataError, EndcapError, InputError, ResourceError, StateError, UnknownName
from endcap.processes import without_pandas
from endcap.seams import Progress, Tick

POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


class Stopped(StateError):
    """The work was stopped because someone asked for it; nothing was published."""


def run_child(
    module: str,
    request: bytes,
    *,
    doing: str,
    progress: Progress,
    cancelled: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    fix: str = "If memory ran out, give it more; then try again.",
) -> dict[str, Any]:
    """What `python -m module` reports about a request (one line of JSON).

    Raises what the child raised, `Stopped` soon after `cancelled()` is true, `ResourceError` with `fix` where the child
    died.
    """
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, **(environment or {})},
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        watch = _Watch(child, cancelled)
        try:
            # The pipe stays open on purpose: its end tells the child that this process is gone.
            child.stdin.write(request + b"\n")
            child.stdin.flush()
            answer = _relay(child.stdout, progress)
        except BrokenPipeError:
            answer = None
        except BaseException:
            child.kill()
            raise
        finally:
            watch.end()
        with suppress(BrokenPipeError):  # what a child that died did not read is still to be flushed
            child.stdin.close()
        status = child.wait()
        if watch.stopped and answer is None:
            raise Stopped(f"{doing} was stopped.")
        if answer is None:
            raise _ended(doing, status, _last_line(complaints), fix)
    if "error" in answer:
        raise as_error(answer["error"])
    report: dict[str, Any] = answer["report"]
    return report


def serve(work: Callable[[bytes, Progress], Any]) -> int:
    """The child's side: `work(request, progress)`, whose JSON-able result is reported; 0 where an answer was given."""
    without_pandas()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints does not belong into the answer
    line = sys.stdin.buffer.readline()
    if not line:
        return 1
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()

    def send(message: Mapping[str, Any]) -> None:
        out.write(json.dumps(message).encode() + b"\n")

    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        send({"start": label, "total": total, "unit": unit})
        yield lambda n=1: send({"tick": n})
        send({"end": label})

    try:
        send({"report": work(line, progress)})
    except EndcapError as error:
        send({"error": told(error)})
    except MemoryError:
        send({"error": told(ResourceError("There was too little memory.", fix="Give the machine more of it."))})
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    out.close()
    return 0


def told(error: EndcapError) -> dict[str, Any]:
    """An error as JSON-able data: `as_error` makes one of it again."""
    row, column = (error.row, error.column) if isinstance(error, DataError) else (None, None)
    return {"type": type(error).__name__, "message": error.message, "fix": error.fix, "row": row, "column": column}


def as_error(data: Mapping[str, Any]) -> EndcapError:
    """The error that was told."""
    kind: type[EndcapError] = getattr(errors, data["type"], EndcapError)
    if issubclass(kind, DataError):
        return kind(data["message"], fix=data["fix"], row=data["row"], column=data["column"])
    if issubclass(kind, UnknownName):  # its message is made already, so it is not built from its parts again
        kind = InputError
    return kind(data["message"], fix=data["fix"])


class _Watch:
    """Kills the child when the work is no longer wanted."""

    def __init__(self, child: subprocess.Popen[bytes], cancelled: Callable[[], bool]) -> None:
        self.stopped = False
        self._child, self._cancelled, self._ended = child, cancelled, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            if self._is_cancelled():
                self.stopped = True
                self._child.kill()
                return

    def _is_cancelled(self) -> bool:
        try:
            return self._cancelled()
        except EndcapError:  # whoever knows does not answer now: asked again soon
            return False


def _end_with(stdin: IO[bytes]) -> None:
    """Where the parent died before we asked to die with it, and on other systems: the end of stdin is ours."""
    while stdin.read(1):
        pass
    os._exit(3)


def _relay(lines: IO[bytes], progress: Progress) -> dict[str, Any] | None:
    """Show the child's progress until it answers; None where it ends without an answer."""
    with ExitStack() as stack:
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:  # the last line of a child that was killed while writing it
                return None
            if "start" in message:
                stack.close()
                tick: Tick = stack.enter_context(progress(message["start"], message["total"], message["unit"]))
            elif "tick" in message:
                tick(message["tick"])
            elif "end" in message:
                stack.close()
            else:
                return dict(message)
    return None


def _ended(doing: str, status: int, said: str, fix: str) -> EndcapError:
    how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    return ResourceError(
        f"{doing} was ended {how} before it finished." + (f" It said: {said}." if said else ""),
        fix=fix,
    )


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
