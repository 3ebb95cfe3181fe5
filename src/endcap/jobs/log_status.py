"""How the event log of a home does, and what lies in it: for operators."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from endcap.errors import InputError
from endcap.jobs.following import Note, Notes
from endcap.jobs.sinking import set_aside, sink_all
from endcap.jobs.workspace import Workspace
from endcap.storage.log import LogReader, Offset, Record, open_log_reader
from endcap.stream.live import Live
from endcap.stream.poison import Poison
from endcap.types import ShopKey

PART = 1_000


@dataclass(frozen=True)
class Replayed:
    """What came of records that were read again: how many, how many of them could not be folded, and what tables
    took of them because they lacked it."""

    read: int
    poisoned: int
    rows: dict[str, int]
    failures: dict[str, str]


def log_status(workspace: Workspace, seconds: float = 1.0, pause: Callable[[float], object] = time.sleep) -> Any:
    """A JSON-able document: each partition's newest offset, how much of it is not in the lake yet, records a second
    (looked at for so long), how far each web process follows, what waits in spools, and what was set aside."""
    with closing(open_log_reader(workspace.settings.log)) as log:
        before, started = log.ends(), time.monotonic()
        pause(seconds)
        ends = log.ends()
        rate = (sum(ends) - sum(before)) / max(time.monotonic() - started, 1e-9)
        sunk = workspace.lake.places.sunk(log.identity) if log.identity else {}
        poison = poisoned(workspace, log)
        identity = log.identity
    partitions = [
        {"partition": number, "end": end, "sunk": sunk.get(number, 0), "lag": max(0, end - sunk.get(number, 0))}
        for number, end in enumerate(ends)
    ]
    living = Notes(workspace.settings.home).living(workspace.clock.now())
    return {
        "identity": identity,
        "partitions": partitions,
        "records": sum(ends),
        "rate": round(rate, 1),
        "lag": sum(each["lag"] for each in partitions),
        "workers": [_process(note) for note in living],
        "spooled": sum(waiting for _, waiting in spools(workspace)),
        "poison": {
            "count": len(poison),
            "reasons": dict(Counter(each.reason for each in poison).most_common()),
            "file": str(set_aside(workspace).path(identity)) if poison else None,
        },
    }


def poisoned(workspace: Workspace, log: LogReader | None = None) -> list[Poison]:
    """Records that were set aside, oldest first."""
    if log is not None:
        return set_aside(workspace).read(log.identity) if log.identity else []
    with closing(open_log_reader(workspace.settings.log)) as opened:
        return poisoned(workspace, opened)


def spools(workspace: Workspace) -> list[tuple[str, int]]:
    """(file, records that wait in it) of each spool of this machine."""
    found = []
    for path in sorted((workspace.settings.home / "spool").glob("spool-*.db")):
        with closing(open_log_reader(f"sqlite:///{path.absolute()}")) as spool:
            first, ends = spool.read(0, 0, 1) if spool.partitions else [], spool.ends()
            found.append((path.name, ends[0] - first[0][0].n + 1 if first else 0))
    return found


def offset(text: str) -> Offset:
    """`P:N` as an offset. Raises `InputError`."""
    partition, colon, n = text.partition(":")
    if not (colon and partition.isdecimal() and n.isdecimal()):
        raise InputError(
            f"{text!r} is no offset.", fix="Write PARTITION:NUMBER, for example 0:1; numbers count from 1."
        )
    return Offset(int(partition), int(n))


def records(workspace: Workspace, since: Offset, shop: ShopKey | None, limit: int) -> Iterator[dict[str, Any]]:
    """What lies in a partition from an offset on, as JSON-able data; payloads that cannot be read in base64."""
    with closing(open_log_reader(workspace.settings.log)) as log:
        for at, record in islice(_from(log, since, shop), limit):
            yield _document(at, record)


def replay_from(workspace: Workspace, since: Offset, shop: ShopKey) -> Replayed:
    """Fold a shop's records again from an offset on, into a state of nobody's, and sink them again.

    Nothing is written twice, because every table knows how far it has the log: what it lacks is put there.
    """
    live, count = Live(shop, clock=workspace.clock), 0
    with closing(open_log_reader(workspace.settings.log)) as log:
        for row in _from(log, since, shop):
            live.fold([row])
            count += 1
    report = sink_all(workspace, shop, since={since.partition: since.n - 1})
    rows = {str(table): number for table, number in report.rows.items() if number}
    return Replayed(count, live.poisoned, rows, {each.group: why for each, why in report.failures.items()})


def _from(log: LogReader, since: Offset, shop: ShopKey | None) -> Iterator[tuple[Offset, Record]]:
    if since.partition not in range(log.partitions):
        raise InputError(f"The log has no partition {since.partition}, only {log.partitions} from 0 on.")
    after = since.n - 1
    while rows := log.read(since.partition, after, PART):
        yield from (row for row in rows if shop is None or row[1].shop == shop)
        after = rows[-1][0].n


def _document(at: Offset, record: Record) -> dict[str, Any]:
    try:
        payload = msgspec.to_builtins(msgspec.msgpack.decode(record.payload))
    except (msgspec.DecodeError, UnicodeError):
        payload = {"base64": base64.b64encode(record.payload).decode("ascii")}
    account, region, group = record.shop.parts()
    return {
        "offset": f"{at.partition}:{at.n}",
        "account": account,
        "region": region,
        "shop": group,
        "kind": record.kind,
        "key": record.key,
        "id": record.id.hex(),
        "time": record.time,
        "payload": payload,
    }


def _process(note: Note) -> dict[str, Any]:
    return {
        "name": note.name,
        "process": note.process,
        "lag": sum(note.lag),
        "away": note.away,
        "spooled": note.spooled,
        "poisoned": note.poisoned,
        "durability": note.durability,
    }
