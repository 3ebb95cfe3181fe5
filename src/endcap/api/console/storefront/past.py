"""What one shopper did, newest first, as the engine holds it: the past of the snapshot and what was streamed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from endcap.lake.event_types import against, is_left_out, plain
from endcap.serving.snapshot import Snapshot
from endcap.stream.histories import PURCHASES

LOOKED = frozenset({"view", "click", "viewitem", "selectitem", "detailpageview"})
"""Event types by which an item was looked at; compared without case and punctuation."""


@dataclass(frozen=True)
class Deed:
    """One event of a shopper: `time` in microseconds, 0 where it is not known."""

    item: str
    event_type: str
    time: int
    is_live: bool

    @property
    def is_look(self) -> bool:
        """Whether the item was looked at."""
        return plain(self.event_type) in LOOKED

    @property
    def is_purchase(self) -> bool:
        """Whether the item was bought."""
        return plain(self.event_type) in PURCHASES or not self.event_type

    @property
    def is_interest(self) -> bool:
        """Whether it says interest."""
        return not is_left_out(self.event_type)


@dataclass(frozen=True)
class Deeds:
    """A shopper's events, newest first."""

    found: tuple[Deed, ...]

    @classmethod
    def of(cls, snapshot: Snapshot, key: str) -> Deeds:
        """Of a user or session; nothing for one who is unknown or was forgotten."""
        live = snapshot.live
        if not key or (live is not None and key in live.forgotten):
            return cls(())
        return cls((*_live(snapshot, key), *_before(snapshot, key)))

    @property
    def is_known(self) -> bool:
        """Whether there is anything to go by."""
        return any(deed.is_interest for deed in self.found)

    def unwanted(self) -> list[str]:
        """Items that were refused with nothing taken up again after that, the newest first."""
        newest: dict[str, Deed] = {}
        for deed in self.found:
            if against(deed.event_type) >= 1 or deed.is_interest:
                newest.setdefault(deed.item, deed)
        return [deed.item for deed in newest.values() if against(deed.event_type) >= 1]

    def looked_at(self, *, besides: Sequence[str] = ()) -> list[str]:
        """Items that were looked at, each once, the newest first; without those refused."""
        left_out = {*besides, *self.unwanted()}
        return list(dict.fromkeys(deed.item for deed in self.found if deed.is_look and deed.item not in left_out))


def _live(snapshot: Snapshot, key: str) -> Iterator[Deed]:
    if snapshot.live is None:
        return
    recent = snapshot.live.live.recent(key)
    for item, kind, time in zip(
        reversed(recent.items), reversed(recent.event_types), reversed(recent.times.tolist()), strict=True
    ):
        yield Deed(item, kind, int(time), True)


def _before(snapshot: Snapshot, key: str) -> Iterator[Deed]:
    histories = snapshot.state.histories
    row = (snapshot.live or histories).row(key)
    if row < 0:
        return
    past = histories.past.slice(row)
    names = snapshot.state.catalogue.names(past.item)
    for at in range(len(names) - 1, -1, -1):
        yield Deed(names[at], histories.event_types[past.event_type[at]], int(past.time[at]), False)
