"""What some features mean, told once more without any array: slow, and obviously right."""

from __future__ import annotations

from dataclasses import dataclass

from endcap.features.kinds import CART, CLICK, LIKE, NO_INTEREST, PURCHASE, SAVE, VIEW, WISH, kind_of
from endcap.types import DAY, HOUR, MINUTE, SECOND

ACTIVITY = {LIKE: 1.0, WISH: 1.0, CART: 2.0, SAVE: 2.0}


@dataclass(frozen=True, order=True)
class Happened:
    """An event of a shopper (or of anyone), `category` being its item's."""

    time: int
    item: int
    event_type: str
    weight: float
    category: int

    @property
    def kind(self) -> int:
        return kind_of(self.event_type)


def session(events: list[Happened], now: int) -> list[Happened]:
    """Those of the session that goes on: no pause of 30 minutes up to now."""
    found: list[Happened] = []
    last = now
    for event in sorted(events, reverse=True):
        if event.time > now:
            continue
        if last - event.time >= 30 * MINUTE:
            break
        found.append(event)
        last = event.time
    return found


def activity(events: list[Happened], now: int) -> float:
    """Of one key: windows of two minutes follow each other, each opened by an event; the one open now counts."""
    weighed = sorted(event for event in events if event.kind in ACTIVITY and event.time <= now)
    opened, total = None, 0.0
    for event in weighed:
        if opened is None or event.time >= opened + 2 * MINUTE:
            opened, total = event.time, 0.0
        total += ACTIVITY[event.kind]
    return total if opened is not None and now < opened + 2 * MINUTE else 0.0


def of_shopper(events: list[Happened], now: int, item: int, category: int) -> dict[str, float]:
    """Some of what is told of one candidate and a shopper."""
    current = session(events, now)
    before = [event for event in events if event.time <= now and event not in current]
    bought = {event.time for event in events if event.item == item and event.kind == PURCHASE and event.time <= now}
    nan = float("nan")
    share = sum(event.weight for event in before if event.category == category)
    visits = 0
    for earlier, later in zip([None, *sorted(before)], sorted(before), strict=False):
        visits += earlier is None or later.time - earlier.time >= 30 * MINUTE
    first = min((event.time for event in before), default=now)
    return {
        "viewed_in_session": sum(event.item == item and event.kind in {VIEW, CLICK} for event in current),
        "activity_2min": activity([event for event in events if event.item == item], now),
        "category_activity_2min": activity([event for event in events if event.category == category], now),
        "category_share_in_session": (
            sum(event.category == category for event in current) / len(current) if current else nan
        ),
        "category_share": share / sum(event.weight for event in before) if before else nan,
        "session_events": len(current),
        "session_carts": sum(event.kind == CART for event in current),
        "seconds_since_last": (now - max(event.time for event in current)) / SECOND if current else nan,
        "history_length": len(before),
        "days_since_last": (now - max(event.time for event in before)) / DAY if before else nan,
        "visits_per_week": visits / max((now - first) / (7 * DAY), 1) if before else nan,
        "had_times": len(bought),
        "days_since_had": (now - max(bought)) / DAY if bought else nan,
        "met_before": any(event.item == item for event in before),
    }


def of_shop(events: list[Happened], now: int, item: int) -> dict[str, float]:
    """Some of what is told of an item: up to the last whole minute that is over for ten seconds."""
    end = (now - 10 * SECOND) // MINUTE * MINUTE
    past = [event for event in events if event.item == item and event.time < end]

    def interest(length: int) -> float:
        return sum(e.weight for e in past if e.time >= end - length and e.kind not in NO_INTEREST)

    return {
        "popular_1h": interest(HOUR),
        "popular_1d": interest(DAY),
        "popular_7d": interest(7 * DAY),
        "popular_28d": interest(28 * DAY),
        "popular_ever": interest(10**18),
        "bought_28d": sum(e.kind == PURCHASE and e.time >= end - 28 * DAY for e in past),
    }
