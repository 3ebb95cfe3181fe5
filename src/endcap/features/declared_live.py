"""Declared windows fed by the log: what a `Feed` keeps up beside live state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from endcap.features.declared import Declaration
from endcap.features.declared_events import CategoryOf, Events, events_of_records
from endcap.features.declared_state import DeclaredWindows
from endcap.seams import Clock
from endcap.stream.live import Records
from endcap.types import ShopKey


class Linking(Protocol):
    """What knows the user that a session became: `stream.live.Live`."""

    def linked_user(self, session_id: str) -> str | None: ...


class LiveWindows:
    """One shop's declared windows as the log's records come, in any order, any number of times.

    Feed it like `stream.live.Live`: `Feed.add(shop, windows)` replays the log first. An event of a session that is
    known to have become a user's is the user's. What is in the lake is taken by `prime`, before or after.
    """

    def __init__(
        self,
        shop: ShopKey,
        declarations: Sequence[Declaration],
        *,
        clock: Clock | None = None,
        category: CategoryOf | None = None,
        linking: Linking | None = None,
        listed: bool = False,
    ) -> None:
        """`category` gives the category of an item; without it, windows of categories stay empty. `listed` as in
        `DeclaredWindows`."""
        self.shop = shop
        self.windows = DeclaredWindows(declarations, clock=clock, listed=listed)
        self._category, self._linking = category, linking
        self.poisoned = 0
        """Records that could not be read, and were passed over."""

    def fold(self, records: Records) -> None:
        """Take the events among these that are of this shop."""
        mine = [each for each in records if each[1].shop == self.shop and each[1].kind == "event"]
        if not mine:
            return
        events, poisoned = events_of_records(mine, self._category, self._linked)
        self.poisoned += poisoned
        self.windows.fold(events)

    def prime(self, events: Events) -> None:
        """Take history, of the lake: what of it the log repeats is known by its event id."""
        self.windows.fold_history(events)

    def _linked(self, session_id: str) -> str:
        return (self._linking.linked_user(session_id) if self._linking and session_id else None) or ""
