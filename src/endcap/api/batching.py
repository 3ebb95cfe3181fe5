"""Requests that arrive together are answered together; a request that arrives alone does not wait.

A slate joins those already pending, and the first one schedules the flush behind all that the event loop has ready. So
with one connection the batch is one, and under load whatever came in during the last answer shares the next pass over
the model. Work that takes long moves to a thread, so that health checks and new connections are never behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from endcap.serving.slate import Slate

LARGEST = 16
SLOW_SECONDS = 0.05
"""A batch that takes longer sends the next ones to the thread …"""
QUICK_SECONDS = 0.02
"""… until one takes less than this."""

Answer = Callable[[Sequence[Slate]], Sequence[Slate]]


class Batcher:
    """Belongs to one event loop; `answer` fills slates in place."""

    def __init__(
        self, answer: Answer, *, batched: Callable[[int], None], tick: Callable[[], float] = time.perf_counter
    ):
        self._answer, self._batched, self._tick = answer, batched, tick
        self._pending: list[tuple[Slate, asyncio.Future[None]]] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="answer")
        self._slow = self._busy = self._scheduled = False

    async def fill(self, slate: Slate) -> Slate:
        """The slate, answered. Raises what answering it raised."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._pending.append((slate, done))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush, loop)
        await done
        return slate

    @property
    def waiting(self) -> int:
        """Slates that no batch has taken yet."""
        return len(self._pending)

    def close(self) -> None:
        """Let the thread end."""
        self._pool.shutdown(wait=False)

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


_Batch = list[tuple[Slate, "asyncio.Future[None]"]]


def _settle(batch: _Batch, errors: list[BaseException | None]) -> None:
    for (_, done), error in zip(batch, errors, strict=True):
        if done.cancelled():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
