"""Acknowledged, spooled, or refused with the throttle that clients try again on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from endcap.api.acknowledging import acknowledged
from endcap.api.wire import Refusal
from endcap.errors import ResourceError
from endcap.storage.log import QueueFull, Record, SpooledLog, open_log
from endcap.testing.logs import record
from valkeys import Valkey


def take(log: SpooledLog, *names: str) -> None:
    records: list[Record] = [record(name) for name in names]
    asyncio.run(acknowledged(log, records))


def test_while_the_log_is_away_the_spool_takes_what_it_can_and_the_rest_is_throttled(
    own_valkey: Valkey, tmp_path: Path
) -> None:
    log = SpooledLog(open_log(own_valkey.url), tmp_path, most=3)
    take(log, "a")
    own_valkey.kill()
    take(log, "b", "c")
    with pytest.raises(Refusal) as caught:
        take(log, "d", "e")
    refusal = caught.value
    assert (refusal.status, refusal.kind) == (429, "ThrottlingException") and dict(refusal.headers)[b"retry-after"]
    take(log, "f")
    log.close()


class Full:
    """As much of a log as is asked."""

    away = ""

    def __init__(self, error: ResourceError) -> None:
        self.error = error

    def submit(self, records: object) -> object:
        from concurrent.futures import Future  # noqa: PLC0415

        refused: Future[object] = Future()
        refused.set_exception(self.error)
        return refused


def test_a_process_whose_own_disk_refuses_says_so_as_before() -> None:
    with pytest.raises(ResourceError, match="disk is full"):
        asyncio.run(acknowledged(Full(ResourceError("The disk is full.")), []))  # type: ignore[arg-type]


def test_a_queue_or_spool_that_is_full_throttles_also_while_the_log_is_there() -> None:
    with pytest.raises(Refusal) as caught:
        asyncio.run(acknowledged(Full(QueueFull("5 records wait.")), []))  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.kind) == (429, "ThrottlingException")
