"""Files of JSON lines through a function, a chunk at a time: constant memory, and resumable at the last durable chunk.

<folder>/plan.json    what is read and written, fixed when the job begins
<folder>/mark.json    how far it is: file, bytes read, bytes written
<folder>/in-N         a copy of input file N while it is worked on
<folder>/out-N        its answers so far; what lies beyond the mark is cut off when a killed job goes on
<folder>/done.json    the job is finished, and everything is where it belongs

Answers go to their destination when all are there, whole. A job that is finished is not done twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from endcap.errors import InputError
from endcap.jobs.batch import CHUNK, Totals
from endcap.seams import Disk, Progress, Tick
from endcap.storage.directories import disk_errors
from endcap.storage.objects import Location, Objects, Stored

LONGEST = 1 << 20
"""Bytes of a line; a longer one is reported in place like any other bad one."""
SHOWN = 200
"""Characters of a line that is no JSON, shown in its answer."""

_T = TypeVar("_T")
Answer = Callable[[Sequence[bytes]], Sequence[bytes]]
"""Answers, without line ends, to as many lines; which are bad is its own business. It is given at most `CHUNK`."""


def read_question(decoder: msgspec.json.Decoder[_T], line: bytes) -> _T:
    """What a line asks. Raises `InputError` in words for whoever wrote it."""
    if len(line) > LONGEST:
        raise InputError(f"The line is longer than {LONGEST:,} bytes.")
    try:
        if not line.isascii():  # the decoder itself lets through what is no UTF-8 in members that it passes over
            line.decode()
        return decoder.decode(line)
    except msgspec.ValidationError as error:
        raise InputError(f"The line cannot be used: {error}.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"The line is not valid JSON: {error}.") from None


class PlannedFile(msgspec.Struct, frozen=True):
    """One file to be read, as it was when the job began, and where its answers go."""

    source: str
    name: str
    size: int
    mark: str
    target: str


class Plan(msgspec.Struct, frozen=True):
    """What a job works on. `identity` tells jobs of the same name apart, `snapshot` names the data it asks."""

    identity: str
    snapshot: str
    files: tuple[PlannedFile, ...]


class LineJob:
    """One job's folder of work in progress."""

    def __init__(self, folder: Path, objects: Objects, disk: Disk | None = None, chunk: int = CHUNK) -> None:
        self._folder, self._objects, self._disk, self._chunk = folder, objects, disk or Disk(), chunk

    def plan(self, identity: str, source: str, target: str, snapshot: Callable[[], str]) -> Plan:
        """The plan made when the job began, or a new one. Raises `InputError` where there is nothing to read."""
        kept = self._load("plan.json", Plan)
        if kept is not None and kept.identity == identity:
            return kept
        self.forget()
        made = Plan(identity, snapshot(), planned(self._objects, source, target))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._save("plan.json", made)
        return made

    @property
    def finished(self) -> Totals | None:
        """What became of it, where it is done."""
        return self._load("done.json", Totals)

    def forget(self) -> None:
        """Remove everything; the next `plan` begins anew."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, plan: Plan, answer: Answer, progress: Progress) -> Totals:
        """Work from wherever it was left to the end. Raises `StateError` where an input changed before it was read."""
        if (done := self.finished) is not None:
            return done
        totals = self._load("mark.json", Totals) or Totals()
        with progress("answering", total=sum(file.size for file in plan.files), unit="bytes") as tick:
            tick(sum(file.size for file in plan.files[: totals.file]) + totals.read)
            for number in range(totals.file, len(plan.files)):
                with disk_errors(f"Answering {plan.files[number].source}"):
                    self._work(plan.files[number], number, totals, answer, tick)
        with progress("storing", total=len(plan.files), unit="files") as tick:
            for number, file in enumerate(plan.files):
                self._objects.upload(self._folder / f"out-{number}", file.target)
                tick(1)
        self._save("done.json", totals)
        for path in [*self._folder.glob("out-*"), *self._folder.glob("in-*")]:
            path.unlink()
        return totals

    def _work(self, file: PlannedFile, number: int, totals: Totals, answer: Answer, tick: Tick) -> None:
        copy, out = self._folder / f"in-{number}", self._folder / f"out-{number}"
        if not copy.exists():
            stored = Stored(Location.parse(file.source), file.name, file.size, file.mark)
            self._objects.fetch(stored, copy, self._disk)
        with copy.open("rb") as source, out.open("r+b" if out.exists() else "w+b") as target:
            source.seek(totals.read)
            target.truncate(totals.written)
            target.seek(totals.written)
            for lines in chunks(source, self._chunk):
                target.writelines(each + b"\n" for each in answer(lines))
                target.flush()
                self._disk.fsync(out)
                tick(source.tell() - totals.read)
                totals.read, totals.written, totals.lines = source.tell(), target.tell(), totals.lines + len(lines)
                self._save("mark.json", totals)
            self._disk.fsync(out)
        totals.file, totals.read, totals.written = number + 1, 0, 0
        self._disk.fsync(self._folder)
        self._save("mark.json", totals)
        copy.unlink()

    def _save(self, name: str, value: msgspec.Struct) -> None:
        waiting = self._folder / f".{name}"
        self._disk.write(waiting, msgspec.json.encode(value))
        self._disk.rename(waiting, self._folder / name)
        self._disk.fsync(self._folder)

    def _load(self, name: str, kind: type[_T]) -> _T | None:
        path = self._folder / name
        return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


def planned(objects: Objects, source: str, target: str) -> tuple[PlannedFile, ...]:
    """Each file of a location, and `<name>.out` in the folder that its answers go to; answers are no questions."""
    folder = Location.parse(target)
    found = [stored for stored in objects.files(source) if not _is_inside(stored.location, folder, source)]
    if not found:
        raise InputError(f"There is nothing to read at {source} but the output of jobs.", fix="Name another folder.")
    return tuple(
        PlannedFile(str(each.location), each.name, each.size, each.mark, str(folder / f"{each.name}.out"))
        for each in found
    )


def _is_inside(place: Location, folder: Location, source: str) -> bool:
    """Whether an input lies in the output's folder, which is itself within the input's."""
    asked = Location.parse(source)
    within = folder.key.startswith(f"{asked.key}/") or (not asked.key and bool(folder.key))
    is_answer = place.key.endswith(".out") and folder == asked
    return place.bucket == folder.bucket and (is_answer or (within and place.key.startswith(f"{folder.key}/")))


def chunks(file: IO[bytes], size: int) -> Iterator[list[bytes]]:
    """At most `size` lines at a time, without their ends; blank ones are left out, longer ones than `LONGEST` cut.

    Between two chunks the file stands where the next one begins.
    """
    at_start = file.tell() == 0
    found: list[bytes] = []
    while line := file.readline(LONGEST + 1):
        if len(line) > LONGEST and not line.endswith(b"\n"):
            _skip_line(file)
        if at_start:
            line, at_start = line.removeprefix(b"\xef\xbb\xbf"), False
        if stripped := line.strip():
            found.append(stripped)
        if len(found) == size:
            yield found
            found = []
    if found:
        yield found


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(LONGEST)) and not rest.endswith(b"\n"):
        pass


def failed(line: bytes, reason: str, output: bytes) -> bytes:
    """The answer to a bad line: the line itself where it is JSON, its beginning as text where it is none."""
    shown = line if is_json(line) else msgspec.json.encode(line[: 4 * SHOWN].decode("utf-8", "replace")[:SHOWN])
    told = msgspec.json.encode(f"User error: {reason}")
    return b'{"input":' + shown + b',"output":' + output + b',"error":' + told + b"}"


def is_json(line: bytes) -> bool:
    """Whether a line is one JSON value in valid UTF-8."""
    try:
        line.decode()
        msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return False
    return len(line) <= LONGEST
