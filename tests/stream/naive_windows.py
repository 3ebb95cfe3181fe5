"""Windows as one would write them first: a sorted list, loops, nothing kept."""

import math
from dataclasses import dataclass

from endcap.stream.windows import AHEAD, LATE, Window


@dataclass(frozen=True, order=True)
class Happened:
    """An event of a key."""

    time: int
    name: int
    key: int
    other: int
    kind: int


@dataclass
class Arrivals:
    """What was accepted of what came, by the watermark at its arrival; sorted and distinct in the end."""

    watermark: int = -(2**62)
    late: int = 0
    ahead: int = 0

    def __post_init__(self) -> None:
        self.accepted: set[Happened] = set()

    def add(self, events: list[Happened], now: int) -> None:
        self.watermark = max(self.watermark, now)
        for event in events:
            if event.time < self.watermark - LATE:
                self.late += 1
            elif event.time > self.watermark + AHEAD:
                self.ahead += 1
            else:
                self.accepted.add(event)

    def of(self, key: int) -> list[Happened]:
        return sorted(event for event in self.accepted if event.key == key)


def chains(window: Window, events: list[Happened]) -> list[tuple[int, int, list[Happened]]]:
    """(start, end, events) of stagger and session windows over sorted events."""
    found: list[tuple[int, int, list[Happened]]] = []
    for event in events:
        if found and event.time < found[-1][1]:
            start, end, held = found.pop()
            found.append((start, event.time + window.length if window.kind == "session" else end, [*held, event]))
        else:
            found.append((event.time, event.time + window.length, [event]))
    return found


def inside(window: Window, events: list[Happened], now: int) -> list[Happened]:
    """The events of the window that is open at `now`."""
    events = [event for event in events if event.time <= now]
    if window.kind in ("stagger", "session"):
        return next((held for start, end, held in chains(window, events) if start <= now < end), [])
    if window.kind == "tumbling":
        return [event for event in events if event.time // window.length == now // window.length]
    if window.step:
        return [
            event for event in events if event.time // window.step > now // window.step - window.length // window.step
        ]
    return [event for event in events if event.time > now - window.length]


def ended(window: Window, events: list[Happened], upto: int) -> list[tuple[int, int, list[Happened]]]:
    """(start, end, events) of windows that ended until then."""
    if window.kind in ("stagger", "session"):
        return [each for each in chains(window, events) if each[1] <= upto]
    step = window.length if window.kind == "tumbling" else window.step
    ends = {
        end for event in events for end in range((event.time // step + 1) * step, event.time + window.length + 1, step)
    }
    return [
        (end - window.length, end, [event for event in events if end - window.length <= event.time < end])
        for end in sorted(ends)
        if end <= upto
    ]


def amount(
    aggregate: str, events: list[Happened], now: int, weights: list[float], per: list[float], prior: tuple[float, float]
) -> float:
    """What these events amount to."""
    if aggregate == "count":
        return float(len(events))
    if aggregate == "sum":
        return sum(weights[event.kind] for event in events)
    if aggregate == "rate":
        below = sum(per[event.kind] for event in events) + prior[1]
        return (sum(weights[event.kind] for event in events) + prior[0]) / below if below else math.nan
    if aggregate == "distinct":
        return float(len({event.other for event in events} - {0}))
    return (now - events[-1].time) / 1e6 if events else math.nan
