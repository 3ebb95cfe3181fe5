"""The jobs process: `python -m endcap.jobs.worker`. One per home; it alone launches DBOS.

It may be killed at any moment. The next one takes the lock, which dies with its holder, and goes on with every job at
the step it was in.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import msgspec

from endcap.errors import EndcapError, ResourceError, StateError, UnavailableError
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.processes import without_pandas
from endcap.settings import Settings

POLL, CALM_POLL = 0.05, 0.1
"""Seconds between looks at the rows that ask for work, while there is some and while there is none."""
BACK_OFF = 1.0
READY = "Jobs are taken."
_PR_SET_PDEATHSIG = 1


class Request(msgspec.Struct, kw_only=True, frozen=True):
    """What the parent says on stdin: the settings, and whether to wait for another jobs process to end."""

    settings: dict[str, Any]
    wait: bool = True


def request(settings: Settings, *, wait: bool = True) -> bytes:
    """One line for the process's stdin."""
    fields = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(settings).items()}
    return msgspec.json.encode(Request(settings=fields, wait=wait)) + b"\n"


@contextmanager
def sole(home: Path, *, wait: bool) -> Iterator[None]:
    """Hold the home's lock on doing jobs. Raises `StateError` where another process does, unless it is waited for."""
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "jobs.lock", "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                f"Another process does the jobs of {home} already.", fix="Leave it to that one, or stop it first."
            ) from None
        yield


def work(settings: Settings, stop: threading.Event, announce: Callable[[str], object] = print) -> None:
    """Do jobs until told to stop. Call it in the main thread of a process of its own, with the lock held."""
    # Imported here: what only asks for the lock must not load DBOS.
    from dbos import DBOS  # noqa: PLC0415

    from endcap.jobs.dispatch import Dispatch, config  # noqa: PLC0415
    from endcap.jobs.schedules import Schedules  # noqa: PLC0415
    from endcap.jobs.workflows import register  # noqa: PLC0415

    workspace = open_workspace(settings)
    executor = str(uuid.uuid4())
    use_wal(settings.jobs_database)
    DBOS(config=config(workspace, executor))
    job = register(workspace)
    DBOS.launch()
    dispatch = Dispatch(workspace, executor, job)
    dispatch.register_queues()
    dispatch.recover()
    schedules = Schedules(workspace)
    threading.Thread(target=schedules.run, args=(stop,), daemon=True, name="schedules").start()
    threading.Thread(target=_record_closes, args=(workspace, stop), daemon=True, name="closes").start()
    announce(READY)
    _loop(workspace, dispatch.turn, stop)


def _record_closes(workspace: Workspace, stop: threading.Event) -> None:
    """What does it is loaded when it is first due: it brings kernels along, a third of what starting costs."""
    if not stop.wait(workspace.settings.sink_seconds):
        from endcap.jobs.feature_closes import Closing  # noqa: PLC0415

        Closing(workspace).run(stop)


def _loop(workspace: Workspace, turn: Callable[[], bool], stop: threading.Event) -> None:
    """A database that is away is asked again; nothing that is being done is given up for it."""
    while not stop.is_set():
        try:
            stop.wait(POLL if turn() else CALM_POLL)
        except (UnavailableError, ResourceError) as error:
            sys.stderr.write(f"{error}\n")
            stop.wait(BACK_OFF)
    workspace.database.close()


def use_wal(url: str) -> None:
    """DBOS leaves SQLite with its rollback journal, where a reader and a writer shut each other out."""
    if url.startswith("sqlite"):
        path = Path(url.split("///", 1)[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=10)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()


def _watch(stdin: IO[bytes], stop: threading.Event) -> None:
    """The end of stdin is the end of the parent, where the system does not say so itself."""
    while stdin.read(1):
        pass
    stop.set()
    time.sleep(1.0)
    os._exit(0)


def main() -> int:
    """Work for the parent at the other end of stdin; errors end it with their exit code and one line on stderr."""
    without_pandas()
    _die_with_parent()
    line = sys.stdin.buffer.readline()
    if not line:
        return 1
    asked = msgspec.json.decode(line, type=Request)
    settings = Settings(**{**asked.settings, "home": Path(asked.settings["home"])})
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    threading.Thread(target=_watch, args=(sys.stdin.buffer, stop), daemon=True).start()
    try:
        with sole(settings.home, wait=asked.wait):
            work(settings, stop, announce=_say)
            sys.stdout.flush()
            os._exit(0)  # at once: what is being done goes on at its step when the next process starts
    except EndcapError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def _die_with_parent() -> None:
    """Let the system kill this process when its parent is gone (Linux; elsewhere the end of stdin says it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # at once: a thread still reads stdin
