"""What filters and answers know of a shop's items and shoppers now: the state's columns, what was put laid over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from endcap.serving.filters.overlay import Attributes, GrowingIndex, Overlay
from endcap.serving.shop import ShopState
from endcap.stream.records import Value

if TYPE_CHECKING:
    from endcap.serving.live_shop import LiveShop


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
    def of(cls, shop: LiveShop) -> ShopAttributes:
        """Of a state and what is streamed into it."""
        live, state, users = shop.live, shop.state, GrowingIndex(shop.state.histories.users)
        is_items = shop.about == "items"
        items = Overlay(
            (lambda: live.items_revision) if is_items else (lambda: live.actions_revision),
            lambda: _told(live.items() if is_items else live.actions(), live.item if is_items else live.action),
        )
        known = Overlay(lambda: live.users_revision, lambda: _told(live.users(), live.user))
        return cls(
            Attributes(state.items, items, shop.ordinal, lambda: shop.size),
            Attributes(state.users, known, users.place, lambda: len(users)),
            users.find,
        )


def _told(
    names: Iterable[str], properties: Callable[[str], Mapping[str, Value] | None]
) -> Iterable[tuple[str, Mapping[str, Value]]]:
    return ((name, found) for name in names if (found := properties(name)))
