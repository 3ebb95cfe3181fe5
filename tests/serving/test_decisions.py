"""Answers are written down, and nothing about that can hurt an answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from shops import SHOP, Registry

from endcap.errors import ResourceError
from endcap.recipes import create
from endcap.serving.decisions import Answered, Decisions, decision
from endcap.serving.filters import parse
from endcap.serving.recommend import Request, recommend
from endcap.serving.restriction import Restriction
from endcap.serving.slate import Promotion
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import Record, open_log
from endcap.stream.records import Decision, decode
from endcap.testing.datasets import random_shop
from endcap.types import Micros


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return Registry(tmp_path_factory.mktemp("home"), random_shop(1)).snapshot(create("als", {"factors": 8}))


def answered(snapshot: Snapshot, number: int = 0, request: Request | None = None) -> Answered:
    slate = recommend(snapshot, request or Request(4, "u3"), f"{number:016x}")
    return Answered(slate, "recommendations", Micros(1_000_000), 250)


def test_what_was_answered_is_in_the_log(snapshot: Snapshot, tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    decisions = Decisions(log)
    given = [answered(snapshot, number) for number in range(300)]
    for each in given:
        decisions.note(each)
    decisions.close()
    found = [decode(record.payload, Decision) for _, record in log.read(0)]
    log.close()
    assert {each.id for each in found} == {each.slate.recommendation_id for each in given}
    assert decisions.noted == 300 and decisions.dropped == decisions.failed == 0
    first = next(each for each in found if each.id == given[0].slate.recommendation_id)
    assert [each.item_id for each in first.shown] == given[0].slate.items
    assert [each.score for each in first.shown] == given[0].slate.scores
    assert first.counts["shown"] == 4 and first.counts["candidates"] == len(first.considered) >= 4
    assert (first.target, first.micros, first.time) == (SHOP.arn("campaign", "home"), 250, 1_000_000)
    decisions.note(given[0])
    assert decisions.dropped == 1, "closed"


def test_rankings_and_ladders_are_told_too(snapshot: Snapshot) -> None:
    ranked = decision(answered(snapshot, 1, Request(3, "u3", candidates=("i1", "??", "i2"))))
    assert [each.item_id for each in ranked.shown][-1] == "??" and ranked.shown[-1].score is None
    nobody = decision(answered(snapshot, 2, Request(3, "nobody")))
    assert [each.source for each in nobody.shown] == ["trending"] * 3 and len(nobody.considered) == 0


def test_the_same_rules_have_the_same_hash(snapshot: Snapshot) -> None:
    def told(text: str = "", name: str = "f", share: int = 0, **more: Any) -> str:
        restriction = Restriction(name, parse(text)) if text else None
        promotion = Promotion("p", share, Restriction(name, parse(KIND))) if share else None
        request = Request(4, "u3", restriction=restriction, promotion=promotion, **more)
        return decision(answered(snapshot, 1, request)).rules

    hashes = [told(), told(KIND), told(OTHER), told(share=10), told(share=20), told(exclude_purchased=True)]
    assert len({*hashes}) == len(hashes) and all(len(each) == 16 for each in hashes)
    assert told(KIND, "another name") == told(KIND)


KIND, OTHER = (f'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("{kind}")' for kind in ("a", "b"))


class Stuck:
    """A log that takes nothing until it is told."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.fails = False

    def submit(self, records: Sequence[Record]) -> Future[tuple[None, ...]]:
        self.go.wait(20)
        done: Future[tuple[None, ...]] = Future()
        if self.fails:
            done.set_exception(ResourceError("The disk is full."))
        else:
            done.set_result((None,) * len(records))
        return done


@pytest.mark.parametrize("fails", [False, True])
def test_a_full_queue_and_a_log_that_refuses_are_counted(snapshot: Snapshot, fails: bool) -> None:
    log = Stuck()
    log.fails = fails
    decisions = Decisions(log, size=10)  # type: ignore[arg-type]
    given = answered(snapshot)
    for _ in range(500):
        decisions.note(given)
    assert decisions.dropped >= 500 - 10 - 200 and decisions.waiting <= 10
    log.go.set()
    decisions.close()
    assert decisions.noted + decisions.failed + decisions.dropped == 500
    assert (decisions.failed > 0) == fails and (decisions.noted > 0) != fails
