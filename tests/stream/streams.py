"""Streams of records for tests: what shoppers do, in any order, some of it twice."""

from hypothesis import strategies as st

from endcap.storage.log import Record
from endcap.stream.collect import PutKind, action_record, decision_record, event_record, put_record
from endcap.stream.live import Live
from endcap.stream.records import ActionEvent, Decision, Event, Put, Shown
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "corner-shop")
OTHER = ShopKey(AccountKey(), "other-shop")
USERS = ["", "u1", "u2"]
SESSIONS = ["", "s1", "s2"]
ITEMS = ["i1", "i2", "i3"]

who = st.tuples(st.sampled_from(USERS), st.sampled_from(SESSIONS)).filter(any)
times = st.integers(1, 12)


def _event(number: int, who: tuple[str, str], time: int, item: str, kind: str, told: bool) -> Record:
    event = Event(
        event_id=f"e{number}",
        event_type=kind,
        time=time,
        item_id=item,
        user_id=who[0],
        session_id=who[1],
        value=float(number) if number % 2 else None,
        recommendation_id="RID-1" if told else "",
        impression=(item, "x") if told and number % 2 and item else (),
    )
    return event_record(SHOP, event)


def _action(number: int, who: tuple[str, str], time: int, kind: str) -> Record:
    event = ActionEvent(
        event_id=f"a{number}", event_type=kind, time=time, action_id=f"a{number % 3}", user_id=who[0], session_id=who[1]
    )
    return action_record(SHOP, event)


def _put(kind: str, name: str, time: int, properties: dict[str, int]) -> Record:
    return put_record(SHOP, kind, Put(id=name, time=time, properties=properties))  # type: ignore[arg-type]


def _decision(number: int, time: int) -> Record:
    shown = tuple(Shown(item, place + 1, 0.5, 1.0, "model", "") for place, item in enumerate(ITEMS))
    decision = Decision(
        id=f"RID-{number}", time=time, operation="recommendations", target="t", generation=1, variant="v", version="x",
        recipe="r", shown=shown,
    )  # fmt: skip
    return decision_record(SHOP, decision)


records = st.one_of(
    st.builds(
        _event,
        st.integers(0, 30),
        who,
        times,
        st.sampled_from(["", *ITEMS]),
        st.sampled_from(["View", "Purchase"]),
        st.booleans(),
    ),
    st.builds(_action, st.integers(0, 30), who, times, st.sampled_from(["TAKEN", "VIEWED"])),
    st.builds(
        _put,
        st.sampled_from(["item", "user", "action"]),
        st.sampled_from(["x", "y"]),
        times,
        st.dictionaries(st.sampled_from(["price", "brand"]), st.integers(0, 9), max_size=2),
    ),
    st.builds(_decision, st.integers(1, 3), times),
)
streams = st.lists(records, max_size=25).map(lambda found: list({each.id: each for each in found}.values()))
"""Each id once, as the log gives them."""


def seen(live: Live) -> dict[str, object]:
    """All that readers can learn from a live state."""
    found: dict[str, object] = {}
    for key in (*USERS[1:], *SESSIONS[1:]):
        for kind, recent in (("event", live.recent(key)), ("action", live.actions_of(key))):
            told = recent.numbers
            values = None if told is None else [str(getattr(told, name)) for name in ("value", "duration", "rating")]
            found[f"{kind} {key}"] = (recent.items, recent.times.tolist(), recent.event_types, values)
        found[f"linked {key}"] = live.linked_user(key)
    kinds: tuple[PutKind, ...] = ("item", "user", "action")
    for kind in kinds:
        found[kind] = {name: live.put(kind, name) for name in sorted(live.changed(kind))}
    found["impressed"] = [live.impressed(f"RID-{number}") for number in range(1, 4)]
    return found
