"""When an answer has to say that it may be stale: as long as another process may know what this one cannot."""

from dataclasses import dataclass

import pytest

from endcap.api.tail import SETTLE_SECONDS, Tail
from endcap.jobs.following import Note
from endcap.types import SECOND, Micros


@dataclass
class Reached:
    """As much of a log as is asked: whether it can be reached."""

    away: str = ""


class Watched:
    """A tail at a time of its own; `start` stands for any moment of the clock."""

    start = 1_000_000 * SECOND

    def __init__(self) -> None:
        self.seconds, self.log = 50.0, Reached()
        self.tail = Tail(self.log, None, tick=lambda: self.seconds)  # type: ignore[arg-type]

    def at(self, seconds: float) -> Micros:
        return Micros(self.start + int(seconds * SECOND))

    def hear(self, *others: Note) -> None:
        self.tail.listen(others, self.at(self.seconds))

    def note(self, seconds: float, *, owed: int = 0, away: str = "") -> Note:
        return Note(name="other", process=1, at=self.at(seconds), owed=owed, spooled=owed + 9, away=away)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_with_all_at_the_log_nothing_is_said(watched: Watched) -> None:
    watched.hear(watched.note(49.5))
    assert watched.tail.behind == "", "decisions that wait were promised to nobody"


def test_while_the_log_is_away_and_until_everybody_said_since_that_nothing_is_owed(watched: Watched) -> None:
    watched.log.away = "no answer"
    assert watched.tail.behind == "no answer"
    watched.log.away, watched.seconds = "", 60.0
    watched.hear(watched.note(49.9))
    assert "has not said yet" in watched.tail.behind, "what it said before the return may be out of date"
    watched.hear(watched.note(59.9, away="no answer"))
    assert "has not said yet" in watched.tail.behind
    watched.hear(watched.note(60, owed=3_000))
    assert watched.tail.behind.startswith("3,000 records wait")
    watched.hear(watched.note(60))
    assert watched.tail.behind == ""


def test_for_a_moment_after_the_return_other_machines_may_owe_something(watched: Watched) -> None:
    watched.log.away = "no answer"
    assert watched.tail.behind
    watched.log.away = ""
    watched.seconds += SETTLE_SECONDS * 0.9
    watched.hear(watched.note(watched.seconds))
    assert "since a moment" in watched.tail.behind
    watched.seconds += SETTLE_SECONDS * 0.2
    assert watched.tail.behind == ""


def test_one_that_lost_the_log_alone_is_heard_of(watched: Watched) -> None:
    watched.hear(watched.note(50, owed=7), watched.note(50))
    assert watched.tail.behind.startswith("7 records wait")
    watched.hear(watched.note(50))
    assert watched.tail.behind == "" and (watched.tail.spooled, watched.tail.owed) == (0, 0)
