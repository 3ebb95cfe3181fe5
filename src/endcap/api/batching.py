"""Requests that arrive together are answered together; a request that arrives alone does not wait.

A slate joins those already pending, and the first one schedules the flush behind all that the event loop has ready. So
with one connection the batch is one, and under load whatever came in during the last answer shares the next pass over
the model. Work that takes long moves to a thread, so that health checks and new connections are never behind it.

Where several processes share the log, what another one acknowledged before a request came must be in its answer. So
requests pass a barrier first: one wait for all that came until it began, in a thread, while those before are answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from endcap.serving.slate import Slate

LARGEST = 16
SLOW_SECONDS = 0.05
"""A batch that takes longer sends the next ones to the thread …"""
QUICK_SECONDS = 0.02
"""… until one takes less than this."""

BARRIER_SECONDS = 0.05
"""How long an answer waits at most to learn what other processes acknowledged; then it is made of what is known."""
LATE = "behind the log"
"""Said of an answer that waited so long."""

Answer = Callable[[Sequence[Slate]], Sequence[Slate]]
_Batch = list[tuple[Slate, "asyncio.Future[None]"]]


class Shared(Protocol):
    """A log that other processes write too."""

    @property
    def away(self) -> str:
        """Why it cannot be reached; empty when it can."""

    @property
    def behind(self) -> str:
        """Why what others acknowledged may not be known here, whatever `sync` says; empty where it is."""

    def sync(self, seconds: float) -> bool:
        """Wait until what others had acknowledged before this call is known here; False where that takes longer."""


class Batcher:
    """Belongs to one event loop; `answer` fills slates in place. `shared` is the log where others write it too."""

    def __init__(
        self,
        answer: Answer,
        *,
        batched: Callable[[int], None],
        shared: Shared | None = None,
        tick: Callable[[], float] = time.perf_counter,
    ):
        self._answer, self._batched, self._tick = answer, batched, tick
        self._shared = shared
        self._outside: _Batch = []
        """Before the barrier."""
        self._pending: _Batch = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="answer")
        self._barrier = ThreadPoolExecutor(1, thread_name_prefix="barrier")
        self._slow = self._busy = self._scheduled = self._waits = False
        self.stale = 0
        """Answers that were made without knowing what others had acknowledged."""

    async def fill(self, slate: Slate) -> Slate:
        """The slate, answered. Raises what answering it raised."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if self._shared is None:
            self._pending.append((slate, done))
            self._again(loop)
        else:
            self._outside.append((slate, done))
            if not self._waits:
                self._waits = True
                loop.call_soon(self._approach, loop, self._shared)
        await done
        return slate

    @property
    def waiting(self) -> int:
        """Slates that no batch has taken yet."""
        return len(self._outside) + len(self._pending)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False)
        self._barrier.shutdown(wait=False)

    def _approach(self, loop: asyncio.AbstractEventLoop, log: Shared) -> None:
        """Wait for all that came until now; while the log is away nobody waits for it."""
        batch, self._outside = self._outside, []
        if log.away:
            self._waits = False
            self._pass(loop, batch, log.behind)
            return
        working = loop.run_in_executor(self._barrier, log.sync, BARRIER_SECONDS)
        working.add_done_callback(lambda done: self._passed(loop, batch, log, done))

    def _passed(self, loop: asyncio.AbstractEventLoop, batch: _Batch, log: Shared, done: asyncio.Future[bool]) -> None:
        knows = not done.cancelled() and done.exception() is None and done.result()
        self._waits = bool(self._outside)
        if self._waits:  # those who came meanwhile wait while these are answered
            self._approach(loop, log)
        self._pass(loop, batch, log.behind or ("" if knows else LATE))

    def _pass(self, loop: asyncio.AbstractEventLoop, batch: _Batch, stale: str) -> None:
        if stale:
            self.stale += len(batch)
            for slate, _ in batch:
                slate.stale = stale
        self._pending += batch
        self._again(loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        if self._busy or not self._pending:
            return
        batch, self._pending = self._pending[:LARGEST], self._pending[LARGEST:]
        if not self._slow:
            _settle(batch, self._work([slate for slate, _ in batch]))
            self._again(loop)
            return
        self._busy = True
        working = loop.run_in_executor(self._pool, self._work, [slate for slate, _ in batch])
        working.add_done_callback(lambda done: self._finish(loop, batch, done.result()))

    def _finish(self, loop: asyncio.AbstractEventLoop, batch: _Batch, errors: list[BaseException | None]) -> None:
        self._busy = False
        _settle(batch, errors)
        self._again(loop)

    def _again(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._pending and not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush, loop)

    def _work(self, slates: list[Slate]) -> list[BaseException | None]:
        """What went wrong with each slate. One bad slate must not spoil the answers of those it arrived with."""
        started = self._tick()
        self._batched(len(slates))
        errors: list[BaseException | None] = [None] * len(slates)
        try:
            self._answer(slates)
        except Exception as error:
            errors = [error] if len(slates) == 1 else [self._alone(slate) for slate in slates]
        seconds = self._tick() - started
        self._slow = seconds > (QUICK_SECONDS if self._slow else SLOW_SECONDS)
        return errors

    def _alone(self, slate: Slate) -> BaseException | None:
        try:
            slate.reset()
            self._answer([slate])
        except Exception as error:
            return error
        return None


def _settle(batch: _Batch, errors: list[BaseException | None]) -> None:
    for (_, done), error in zip(batch, errors, strict=True):
        if done.cancelled():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
