"""The log's write and flush calls, recorded and played back up to every point: what a power cut leaves.

SOAK=1 tries every point, otherwise a sample.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from endcap.storage.log import open_log
from endcap.testing.logs import record, whole

SOAK = bool(os.environ.get("SOAK"))
CUT_OFF = " <unfinished ...>"

WRITER = """
import sys, time
from endcap.errors import ResourceError
from endcap.storage.log import open_log, sqlite_file
from endcap.testing.logs import record
sqlite_file.CARRY_OVER_PAGES = 30
log = open_log(sys.argv[1])
for n in range(int(sys.argv[2])):
    try:
        log.append([record(f"r{n}", payload=b"x" * 3000)])
        sys.stdout.write(f"taken r{n}\\n")
    except ResourceError:
        sys.stdout.write(f"refused r{n}\\n")
        time.sleep(0.25)
    sys.stdout.flush()
log.close()
"""


def traced(folder: Path, rows: int, *options: str) -> tuple[list[list[str]], list[str], str]:
    """(what the writer said, its calls as strace wrote them down, its complaints)."""
    trace = folder.parent / f"{folder.name}.trace"
    calls = "trace=pwrite64,write,fdatasync,fsync,ftruncate,unlink"
    command = ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000", "-e", "signal=none", "-e", calls, "-o", str(trace)]
    command += [*options, sys.executable, "-c", WRITER, f"sqlite:///{folder}/log.db", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line.split() for line in done.stdout.splitlines()], joined(trace.read_text().splitlines()), done.stderr


def joined(lines: Sequence[str]) -> list[str]:
    """One line for each call, where it ended: strace cuts a call in two that another thread's came into."""
    begun, whole_ones = dict[str, str](), list[str]()
    for line in lines:
        thread = line.partition(" ")[0]
        if line.endswith(CUT_OFF):
            begun[thread] = line.removesuffix(CUT_OFF)
        elif rest := re.match(r"\d+ +<\.\.\. \w+ resumed>(.*)", line):
            whole_ones.append(begun.pop(thread) + rest[1])
        else:
            whole_ones.append(line)
    return whole_ones


def test_calls_that_were_cut_in_two_are_joined() -> None:
    cut = ['12 pwrite64(4<a>, "x", 1, 0 <unfinished ...>', "13 fsync(3<b>) = 0", "12 <... pwrite64 resumed>) = 1"]
    assert joined(cut) == ["13 fsync(3<b>) = 0", '12 pwrite64(4<a>, "x", 1, 0) = 1']


def traceable() -> bool:
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, check=False)
    return tried.returncode == 0


pytestmark = pytest.mark.skipif(not traceable(), reason="needs strace, and leave to trace")


@pytest.mark.parametrize("nth", [3, 6, *(range(7, 12) if SOAK else ())])
def test_a_flush_that_fails_is_not_repeated_and_costs_only_what_was_not_acknowledged(tmp_path: Path, nth: int) -> None:
    folder = tmp_path / "log"
    only = ("-P", str(folder / "log.db-wal"))
    said, calls, complaints = traced(folder, 12, *only, "-e", f"inject=fdatasync:error=EIO:when={nth}")
    assert [word for word, _ in said].count("refused") == 1, complaints
    log = open_log(f"sqlite:///{folder}/log.db")
    taken = {record(name).id for word, name in said if word == "taken"}
    assert len(taken) == 11 and {each.id for _, each in whole(log)} >= taken
    log.close()
    failed = next(place for place, line in enumerate(calls) if "EIO" in line)
    wal = [call for line in calls[failed + 1 :] if (call := parsed(line))]
    assert (wal[0].kind, wal[0].place, wal[1].kind) == ("write", 0, "flush"), "written anew before it is flushed again"
    assert len(wal[0].data) > 3000
    cut = next(place for place, call in enumerate(wal) if call.kind == "cut")
    assert all(call.kind == "flush" for call in wal[1:cut]), "nothing is appended before it was carried over"


@dataclass
class Call:
    """One call: `write` with place and data, `cut` with the length, `flush`, `gone`, or `said` with what it printed."""

    kind: str
    file: str = ""
    place: int = 0
    data: bytes = b""


def test_calls_cut_off_at_any_point_lose_no_acknowledged_record(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    said, lines, complaints = traced(folder, 30)
    assert [word for word, _ in said] == ["taken"] * 30, complaints
    calls = [call for line in lines if (call := parsed(line))]
    assert {call.file for call in calls if call.kind == "flush"} >= {"log.db", "log.db-wal"}
    rng = np.random.Generator(np.random.PCG64(3))
    points = range(len(calls) + 1) if SOAK else sorted({len(calls), *rng.integers(0, len(calls), 30).tolist()})
    for point in points:
        promised = [call.data.decode().split()[1] for call in calls[:point] if call.kind == "said"]
        for lost in ("nothing", "all unflushed", "some unflushed"):
            left = tmp_path / "left"
            left.mkdir()
            for name, content in after(calls[:point], lost, rng).items():
                (left / name).write_bytes(content)
            log = open_log(f"sqlite:///{left}/log.db")
            ids = [each.id for _, each in whole(log)]
            known = [record(f"r{n}").id for n in range(30)]
            assert ids == known[: len(ids)] and len(ids) >= len(promised), f"{lost} at call {point}"
            log.close()
            shutil.rmtree(left)


def parsed(line: str) -> Call | None:
    if gone := re.search(r'unlink\("([^"]*)"\) += 0$', line):
        return Call("gone", Path(ast.literal_eval(f'b"{gone[1]}"').decode()).name)
    match = re.search(r"(pwrite64|write|fdatasync|fsync|ftruncate)\(\d+<", line)
    if match is None or "= -1" in line:
        return None
    name, file = match[1], Path(path_of(line)).name
    if name == "write" and "taken" in (data := content_of(line)).decode("utf-8", "replace"):
        return Call("said", data=data)
    if not file.startswith("log.db") or file.endswith(("-shm", ".lock")):
        return None
    if name == "pwrite64":
        assert len(content_of(line)) == int(re.search(r"= (\d+)$", line)[1]), line  # type: ignore[index]
        return Call("write", file, int(re.search(r", (\d+)\) += \d+$", line)[1]), content_of(line))  # type: ignore[index]
    if name == "ftruncate":
        return Call("cut", file, int(re.search(r", (\d+)\) += 0$", line)[1]))  # type: ignore[index]
    return Call("flush", file)


def path_of(line: str) -> str:
    """The path of a call's file; strace writes it in hexadecimal too."""
    found = re.search(r"\(\d+<([^>]*)>", line)
    return str(ast.literal_eval(f'b"{found[1]}"').decode()) if found else ""


def content_of(line: str) -> bytes:
    found = re.search(r'>, "([^"]*)"', line)
    data: bytes = ast.literal_eval(f'b"{found[1]}"') if found else b""
    return data


def after(calls: list[Call], lost: str, rng: np.random.Generator) -> dict[str, bytes]:
    """Files as these calls leave them where the machine stops then; unflushed calls may be lost, in any selection."""
    flushed = {call.file: place for place, call in enumerate(calls) if call.kind == "flush"}
    files: dict[str, bytearray] = {}
    for place, call in enumerate(calls):
        if call.kind == "gone":  # the journal of the moment in which the log was made
            files.pop(call.file, None)
        if call.kind not in ("write", "cut"):
            continue
        if place > flushed.get(call.file, -1) and (
            lost == "all unflushed" or (lost == "some unflushed" and rng.random() < 0.5)
        ):
            continue
        held = files.setdefault(call.file, bytearray())
        if call.kind == "cut":
            del held[call.place :]
            continue
        held.extend(bytes(max(0, call.place - len(held))))
        held[call.place : call.place + len(call.data)] = call.data
    return {name: bytes(content) for name, content in files.items()}
