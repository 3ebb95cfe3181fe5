"""Live windows know whose a session is: whatever came first, its events are the user's once somebody signed in."""

from itertools import permutations

import pyarrow as pa
import pytest

from endcap.features.declared import Declaration
from endcap.features.declared_events import events_of_table
from endcap.features.declared_live import LiveWindows
from endcap.seams import FrozenClock
from endcap.storage.log import Offset, Record
from endcap.stream.records import Event, encode
from endcap.types import MINUTE, SECOND, AccountKey, Micros, ShopKey

SHOP = ShopKey(AccountKey("1", "here"), "shop")
AT = 1_790_000_000 * SECOND
WINDOWS = [
    Declaration.parse("activity", key="user", kind="stagger", length="2m", aggregate="sum", weights="like=1"),
    Declaration.parse("seen", key="item", kind="sliding", length="100m", step="1m", aggregate="count"),
    Declaration.parse("own", key="pair", kind="sliding", length="100m", aggregate="count"),
    Declaration.parse("visit", key="session", kind="session", gap="5m", aggregate="count"),
    Declaration.parse("newest", key="user", kind="sliding", length="1h", aggregate="last", of="item", n="2"),
]


def _record(n: int, session: str = "s", user: str = "", **members: object) -> tuple[Offset, Record]:
    event = Event(event_id=f"e{n}", event_type="Like", time=AT + n * SECOND, item_id="i1", user_id=user,
                  session_id=session, **members)  # type: ignore[arg-type]  # fmt: skip
    return Offset(0, n + 1), Record(SHOP, "event", user or session, event.event_id, event.time, encode(event))


def _windows() -> LiveWindows:
    return LiveWindows(SHOP, WINDOWS, clock=FrozenClock(Micros(AT + MINUTE)))


def _told(live: LiveWindows, user: str = "u") -> list[object]:
    asked = {"activity": user, "seen": "i1", "own": f"{user}|i1", "visit": "s", "newest": user}
    return [live.windows.amounts(name, [key])[0] for name, key in asked.items()]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_what_a_session_did_is_the_users_in_whatever_order_it_comes(order: tuple[int, ...]) -> None:
    records = [_record(0), _record(1), _record(2, user="u"), _record(3)]
    live = _windows()
    for place in (*order, 1, 2):
        live.fold([records[place]])
    assert _told(live) == [4, 4, 4, 4, "i1|i1"]


def test_one_block_is_as_good_as_many() -> None:
    live = _windows()
    live.fold([_record(0), _record(1), _record(2, user="u"), _record(3), _record(9, session="t")])
    assert _told(live) == [4, 5, 4, 4, "i1|i1"]


def test_what_the_lake_has_of_a_session_is_the_users_too() -> None:
    both = {"user_id": ["s", "s"], "session_id": ["s", "s"], "item_id": ["i1", "i1"], "event_type": ["Like", "Like"]}
    rows = pa.table({**both, "timestamp": [AT, AT + SECOND], "event_id": ["e0", "e1"]})
    signing_in = _record(2, user="u")
    first, later, known = _windows(), _windows(), _windows()
    first.prime(events_of_table(rows))
    first.fold([signing_in])
    later.fold([signing_in, _record(1)])
    later.prime(events_of_table(rows))
    assert _told(first)[:4] == _told(later)[:4] == [3, 3, 3, 3]
    known.prime(events_of_table(rows), {"s": "u"})
    known.fold([_record(3)])
    assert _told(known)[:4] == [3, 3, 3, 3]


def test_bots_sign_nobody_in() -> None:
    live = _windows()
    live.fold([_record(0), _record(1, user="u", traffic="bot")])
    assert _told(live)[:2] == [0, 1]


def test_what_nobody_signs_in_for_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endcap.features.declared_live.WAITING", 3)
    live = _windows()
    for n in range(6):
        live.fold([_record(n, session=f"s{n}")])
    live.fold([_record(6, session="s0", user="u0"), _record(7, session="s5", user="u5")])
    assert [_told(live, user)[0] for user in ("u0", "u5")] == [1, 2]
