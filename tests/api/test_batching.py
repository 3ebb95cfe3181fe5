import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from endcap.api.batching import LARGEST, LATE, Batcher


class Asked:
    """As much of a slate as the batcher touches."""

    def __init__(self, number: int) -> None:
        self.number, self.answered, self.resets = number, 0, 0

    def reset(self) -> None:
        self.resets += 1


class Clock:
    step = 0.0
    now = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def run(step: float, count: int, bad: int = -1) -> tuple[list[Any], list[int], list[Asked]]:
    sizes: list[int] = []
    slates = [Asked(number) for number in range(count)]
    clock = Clock()
    clock.step = step

    def answer(given: Sequence[Any]) -> Sequence[Any]:
        for slate in given:
            if slate.number == bad:
                raise ValueError("bad slate")
            slate.answered += 1
        return given

    async def together() -> list[Any]:
        batcher = Batcher(answer, batched=sizes.append, tick=clock)
        await batcher.fill(Asked(-2))
        try:
            return await asyncio.gather(*(batcher.fill(slate) for slate in slates), return_exceptions=True)
        finally:
            batcher.close()

    return asyncio.run(together()), sizes, slates


@pytest.mark.parametrize("step", [0.0, 1.0], ids=["in the loop", "in the thread"])
def test_what_arrives_together_is_answered_together(step: float) -> None:
    answers, sizes, slates = run(step, LARGEST + 5)
    assert sizes == [1, LARGEST, 5]
    assert answers == slates and all(slate.answered == 1 for slate in slates)


@pytest.mark.parametrize("step", [0.0, 1.0], ids=["in the loop", "in the thread"])
def test_one_bad_slate_does_not_spoil_the_others(step: float) -> None:
    answers, _, slates = run(step, 4, bad=2)
    assert isinstance(answers[2], ValueError)
    assert [answer for answer in answers if isinstance(answer, Asked)] == [slates[0], slates[1], slates[3]]
    assert all(slate.resets == 1 for slate in slates)


def test_a_request_that_is_given_up_is_no_error() -> None:
    async def give_up() -> int:
        batcher = Batcher(lambda slates: slates, batched=lambda size: None)
        first = asyncio.ensure_future(batcher.fill(Asked(1)))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        first.cancel()
        second = await batcher.fill(Asked(2))  # type: ignore[arg-type]
        batcher.close()
        return second.number  # type: ignore[attr-defined]

    assert asyncio.run(give_up()) == 2


class Shared:
    """A log that others write too: `sync` takes what it is given, one after the other."""

    away = behind = ""

    def __init__(self, *known: bool) -> None:
        self.known, self.asked = list(known), 0

    def sync(self, seconds: float) -> bool:
        self.asked += 1
        time.sleep(0.005)
        return self.known.pop(0) if self.known else True


class Told(Asked):
    stale = ""


def behind(shared: Shared, count: int, arrive: int = 0) -> tuple[list[Told], list[int]]:
    slates, sizes = [Told(number) for number in range(count)], list[int]()

    async def together() -> None:
        batcher = Batcher(lambda given: given, batched=sizes.append, shared=shared)
        tasks = []
        for number, slate in enumerate(slates):
            if number == arrive and arrive:
                await asyncio.sleep(0.002)
            tasks.append(asyncio.ensure_future(batcher.fill(slate)))  # type: ignore[arg-type]
        await asyncio.gather(*tasks)
        assert batcher.stale == sum(bool(slate.stale) for slate in slates) and batcher.waiting == 0
        batcher.close()

    asyncio.run(together())
    return slates, sizes


def test_what_arrives_together_waits_for_one_barrier_and_what_comes_later_for_the_next() -> None:
    shared = Shared()
    slates, sizes = behind(shared, 5, arrive=3)
    assert shared.asked == 2 and sizes == [3, 2] and not any(slate.stale for slate in slates)
    shared = Shared()
    _, sizes = behind(shared, LARGEST + 5)
    assert shared.asked == 1 and sizes == [LARGEST, 5]


def test_who_waited_too_long_or_cannot_know_is_answered_and_says_so() -> None:
    slates, _ = behind(Shared(False, True), 4, arrive=2)
    assert [slate.stale for slate in slates] == [LATE, LATE, "", ""]
    away = Shared()
    away.away = away.behind = "nobody there"
    slates, _ = behind(away, 3)
    assert away.asked == 0 and [slate.stale for slate in slates] == ["nobody there"] * 3
    back = Shared()
    back.behind = "others have more"
    slates, _ = behind(back, 2)
    assert back.asked == 1 and [slate.stale for slate in slates] == ["others have more"] * 2


def test_a_barrier_that_raises_is_one_that_knows_nothing() -> None:
    shared = Shared()
    shared.sync = lambda seconds: 1 // 0  # type: ignore[method-assign,assignment]
    slates, _ = behind(shared, 1)
    assert slates[0].stale == LATE
