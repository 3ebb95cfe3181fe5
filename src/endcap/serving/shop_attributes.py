"""What filters and answers know of a shop's items and shoppers now: the state's columns, what was put laid over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from endcap.serving.filters.overlay import Attributes, GrowingIndex, Overlay
from endcap.serving.live_ordinals import LiveOrdinals
from endcap.serving.shop import About, ShopState
from endcap.stream.collect import PutKind
from endcap.stream.live import Live
from endcap.stream.records import Value


@dataclass(frozen=True)
class ShopAttributes:
    """`items` by ordinal (of actions, where the state is about actions), `users` by the row that `user_row` finds."""

    items: Attributes
    users: Attributes
    user_row: Callable[[str], int]

    @classmethod
    def fixed(cls, state: ShopState) -> ShopAttributes:
        """Of a state that nothing is streamed into."""
        return cls(Attributes(state.items), Attributes(state.users), state.histories.row)

    @classmethod
    def of(cls, state: ShopState, live: Live, places: LiveOrdinals, about: About) -> ShopAttributes:
        """Of a state and what is streamed into it."""
        users = GrowingIndex(state.histories.users)
        items = _overlay(live, "item" if about == "items" else "action")
        known = _overlay(live, "user")
        return cls(
            Attributes(state.items, items, places.ordinal, lambda: len(places)),
            Attributes(state.users, known, users.place, lambda: len(users)),
            users.find,
        )


def _overlay(live: Live, kind: PutKind) -> Overlay:
    def changed(since: int) -> Iterable[tuple[str, Mapping[str, Value]]]:
        return ((name, found) for name in live.changed(kind, since) if (found := live.put(kind, name)) is not None)

    return Overlay(lambda: live.revision(kind), changed)
