import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from endcap.api.batching import LARGEST, Batcher


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
