"""Declared windows fed by the log: what a `Feed` keeps up beside live state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import msgspec
import numpy as np

from endcap.features.declared import Declaration, Key
from endcap.features.declared_events import CategoryOf, Events, events_of_records
from endcap.features.declared_state import DeclaredWindows
from endcap.seams import Clock
from endcap.stream.links import Links
from endcap.stream.live import Records
from endcap.stream.records import Event, decode
from endcap.stream.windows import ENTRIES
from endcap.stream.windows_keys import key_of
from endcap.types import ShopKey

WAITING = 500_000
"""Events of nobody that are kept, to be given to whoever signs in; those of the sessions that were heard of last."""
_THEIRS: tuple[Key, ...] = ("user", "pair")
"""Keys that somebody's signing in changes."""
_BEFORE = -(2**63)


class Linking(Protocol):
    """What knows the user that a session became: `stream.live.Live`."""

    def linked_user(self, session_id: str) -> str | None: ...


class LiveWindows:
    """One shop's declared windows as the log's records come, in any order, any number of times.

    Feed it like `stream.live.Live`: `Feed.add(shop, windows)` replays the log first. What a session did that becomes a
    user's is the user's, what it did before somebody signed in among it. What is in the lake is taken by `prime`,
    before or after.
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
        """`category` gives the category of an item; without it, windows of categories stay empty. `linking` knows what
        sessions became beside what the records tell. `listed` as in `DeclaredWindows`."""
        self.shop = shop
        self.windows = DeclaredWindows(declarations, clock=clock, listed=listed)
        self._category, self._linking = category, linking
        self._links = Links()
        self._users: dict[int, str] = {}
        """By session, who it is."""
        self._waiting: dict[int, list[Events]] = {}
        """By session, what was done before it was known whose it is, and how much that is."""
        self._held = 0
        self.poisoned = 0
        """Records that could not be read, and were passed over."""

    def fold(self, records: Records) -> None:
        """Take the events among these that are of this shop."""
        mine = [each for each in records if each[1].shop == self.shop and each[1].kind == "event"]
        if not mine:
            return
        signed_in = self._link(record.payload for _, record in mine)
        events, poisoned = events_of_records(mine, self._category, self._linked)
        self.poisoned += poisoned
        self.windows.fold(events)
        for session, user in signed_in.items():
            for earlier in self._waiting.get(session, ()):
                self.windows.fold(_given(earlier, user), of=_THEIRS)
        self._wait(events)

    def prime(self, events: Events, links: Mapping[str, str] | None = None) -> None:
        """Take history, of the lake, and the users that it knows sessions became: what of it the log repeats is known
        by its event id."""
        for session, user in (links or {}).items():
            self._links.fold(session, user, _BEFORE, "")
            self._users[key_of(session)] = user
        self.windows.fold_history(events)
        for whose, part in self._wait(events).items():
            if whose in self._users:
                self.windows.fold_history(_given(part, self._users[whose]), of=_THEIRS)

    def _link(self, payloads: Iterable[bytes]) -> dict[int, str]:
        """Note who sessions are; by session, the user of each that is another than before."""
        found: dict[int, str] = {}
        for payload in payloads:
            try:
                event: Event = decode(payload, Event)
            except (msgspec.DecodeError, UnicodeError):
                continue  # counted where events are read
            if event.traffic or not (event.session_id and event.user_id):
                continue
            before = self._links.user(event.session_id)
            self._links.fold(event.session_id, event.user_id, event.time, event.event_id)
            now = self._links.user(event.session_id)
            if now is not None and now != before:
                session = key_of(event.session_id)
                found[session] = self._users[session] = now
        return found

    def _wait(self, events: Events) -> dict[int, Events]:
        """Keep what nobody did, by session, for whoever it turns out to be; what was kept of these."""
        rows = np.flatnonzero((events.session != 0) & (events.user == events.session))
        rows = rows[np.argsort(events.session[rows], kind="stable")]
        starts = np.flatnonzero(np.diff(events.session[rows], prepend=0))
        kept: dict[int, Events] = {}
        for part in np.split(rows, starts[1:]) if len(rows) else ():
            session = int(events.session[part[0]])
            kept[session] = events.take(part[-ENTRIES:])
            self._waiting[session] = [*self._waiting.pop(session, ()), kept[session]]
            self._held += len(kept[session])
        while self._held > WAITING:
            gone = self._waiting.pop(next(iter(self._waiting)))
            self._held -= sum(map(len, gone))
        return kept

    def _linked(self, session_id: str) -> str:
        if not session_id:
            return ""
        return self._links.user(session_id) or (self._linking.linked_user(session_id) if self._linking else None) or ""


def _given(events: Events, user: str) -> Events:
    """The same, as this user's."""
    key = key_of(user)
    return replace(events, user=np.full(len(events), key, np.int64), texts=lambda: {**events.texts(), key: user})
