"""What would be answered if the shopper's history were another: the same snapshot, over histories with events left out.

Nothing is imitated: what is supposed has the form in which a state holds a history, and what was streamed since, so the
steps of an answer read it like any other. What is not a shopper's history (models, catalogue, what others did) stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import pyarrow as pa

from endcap.lake.event_types import is_left_out
from endcap.serving.live_shop import Fresh, LiveShop, Tally
from endcap.serving.slate import Slate
from endcap.serving.snapshot import Snapshot
from endcap.stream.histories import CAP, LOOK_BACK, Histories, Past, Seen, is_purchase
from endcap.stream.ids import IdIndex
from endcap.types import Bool, Float32, Int32, Int64


@dataclass(frozen=True)
class Events:
    """What a shopper did: what the state holds, oldest first, then what was streamed since, in equally long columns.

    `item` int32 ordinals (-1: not known), `time` int64, `weight` float32, `interest` bool, `event_types`.
    """

    item: Int32
    time: Int64
    weight: Float32
    interest: Bool
    event_types: tuple[str, ...]
    held: int
    """So many of the first are the state's."""

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True)
class Supposed:
    """One history: a row of the supposed snapshot's histories, and what was streamed since."""

    row: int
    fresh: Fresh | None


class Aside(LiveShop):
    """A live shop that is asked what it knows, and told nothing: what is shown to an inspector was shown to nobody."""

    def __init__(self, of: LiveShop) -> None:
        self.__dict__.update(of.__dict__)
        self.shown = _Told(of.shown)


class _Told(Tally):
    """A tally that is read, and not added to."""

    def __init__(self, of: Tally) -> None:
        self._of = of

    def add(self, ordinal: int, times: float = 1) -> None:
        del ordinal, times

    def of(self, ordinals: Int32) -> Any:
        return self._of.of(ordinals)


class Supposing:
    """The history of one user (or session), and answers without some of it."""

    def __init__(self, snapshot: Snapshot, user_id: str) -> None:
        self._snapshot, live = snapshot, snapshot.live
        if live is not None and user_id in live.forgotten:
            user_id = ""
        self._row = (live or snapshot.state.histories).row(user_id) if user_id else -1
        self._fresh = live.fresh(user_id, self._row) if live is not None and user_id else None

    @property
    def owner(self) -> int:
        """The shopper's row in the state, -1 where it has none."""
        return self._row

    @cached_property
    def events(self) -> Events:
        """All that is known of what they did."""
        past, names, fresh = self._past, self._snapshot.state.histories.event_types, self._fresh
        known = tuple(names[code] if 0 <= code < len(names) else "" for code in past.event_type.tolist())
        if fresh is None:
            return Events(past.item, past.time, past.weight, np.ones(len(known), np.bool_), known, len(known))
        return Events(
            np.concatenate((past.item, fresh.item)),
            np.concatenate((past.time, fresh.time)),
            np.concatenate((past.weight, fresh.weight)),
            np.concatenate((np.ones(len(known), np.bool_), fresh.interest)),
            (*known, *fresh.event_types),
            len(known),
        )

    def suppose(self, kept: Sequence[Bool], *, until: int | None = None) -> tuple[Snapshot, list[Supposed]]:
        """A snapshot and, for each mask bool [events], what to ask it with. `until` is the moment (microseconds) up to
        which all masks keep: what has no time of its own is then left out, too."""
        events, rows = self.events, dict[bytes, int]()
        masks: list[Bool] = []
        supposed = []
        for mask in kept:
            held, streamed = mask[: events.held], mask[events.held :]
            row = rows.setdefault(held.tobytes(), len(masks))
            if row == len(masks):
                masks.append(held)
            supposed.append(Supposed(row if self._row >= 0 else -1, self._streamed(streamed)))
        made = self._snapshot
        state = replace(made.state, histories=self._histories(masks, until)) if self._row >= 0 else made.state
        found = replace(made, state=state, live=None if made.live is None else Aside(made.live))
        # What was made of the state stays: it does not depend on histories.
        state.__dict__.setdefault("features", made.state.features) if made.live is None else None
        found.__dict__["attributes"] = made.attributes
        return found, supposed

    @property
    def _past(self) -> Past:
        past = self._snapshot.state.histories.past
        return past.slice(self._row) if self._row >= 0 else past.take(np.full(1, -1, np.int32))

    def _streamed(self, mask: Bool) -> Fresh | None:
        fresh = self._fresh
        if fresh is None or not mask.any():
            return None
        places = np.flatnonzero(mask)
        return Fresh(
            fresh.item[places],
            fresh.time[places],
            fresh.event_type[places],
            fresh.weight[places],
            fresh.interest[places],
            tuple(fresh.event_types[place] for place in places.tolist()),
        )

    def _histories(self, masks: Sequence[Bool], until: int | None) -> Histories:
        """One row for each mask over the state's events of the shopper."""
        before, past = self._snapshot.state.histories, self._past
        places = [np.flatnonzero(mask) for mask in masks]
        bought = [self._bought(mask, until) for mask in masks]
        seen = [self._seen(mask, until) for mask in masks]
        all_places = np.concatenate(places)
        columns: list[np.ndarray] = [past.item, past.time, past.event_type, past.weight, past.order]
        return replace(
            before,
            users=IdIndex.of(pa.array([str(row) for row in range(len(masks))])),
            past=Past(_ends(places), *(column[all_places] for column in columns)),
            bought_indptr=_ends(bought),
            bought=np.concatenate(bought),
            seen=Seen(
                _ends([each.item for each in seen]),
                np.concatenate([each.item for each in seen]),
                np.concatenate([each.event_type for each in seen]),
                np.concatenate([each.against for each in seen]),
            ),
        )

    def _bought(self, mask: Bool, until: int | None) -> Int32:
        """int32 ordinals, ascending: all but what was bought only in events that are left out."""
        histories, past = self._snapshot.state.histories, self._past
        told = histories.purchases(self._row)
        is_bought = is_purchase(histories.event_types)[past.event_type]
        lost = past.item[is_bought & ~mask]
        still = past.item[is_bought & mask]
        # A history that is full may have begun with purchases of the same items: those stay, unless time says no.
        is_full = len(past.item) >= CAP and until is None
        gone = np.zeros(0, np.int32) if is_full else np.setdiff1d(lost, still)
        kept: Int32 = told[~np.isin(told, gone)]
        return kept

    def _seen(self, mask: Bool, until: int | None) -> Seen:
        """What filters look back on, without what is left out; an older event of the type moves up."""
        histories, past = self._snapshot.state.histories, self._past
        seen, low = histories.seen, int(histories.seen.indptr[self._row])
        high = int(seen.indptr[self._row + 1])
        items, types, against = seen.item[low:high], seen.event_type[low:high], seen.against[low:high]
        if mask.all() and until is None:
            return Seen(np.zeros(0, np.int64), items, types, against)
        most = LOOK_BACK["action_interactions" if self._snapshot.is_about_actions else "interactions"]
        aside = np.array([is_left_out(name) for name in histories.event_types], np.bool_)
        kept = [np.flatnonzero(aside[types] & (until is None))]
        again = [np.zeros(0, np.int64)]
        for code in np.flatnonzero(~aside).tolist():
            mine, told = np.flatnonzero(types == code), past.event_type == code
            # What is older than the history goes on being looked back on.
            older = mine[: max(len(mine) - int(told.sum()), 0)]
            newer = np.flatnonzero(told & mask)[-most:]
            kept.append(older[max(len(older) + len(newer) - most, 0) :])
            again.append(newer)
        places, rows = np.concatenate(kept), np.sort(np.concatenate(again))
        return Seen(
            np.zeros(0, np.int64),
            np.concatenate((items[places], past.item[rows])),
            np.concatenate((types[places], past.event_type[rows])),
            np.concatenate((against[places], np.zeros(len(rows), np.float32))),
        )


@dataclass
class Imagined(Slate):
    """A slate whose shopper has a supposed history, at a supposed moment; `deep` is how many items are found at least,
    so that it can be told where an item falls to."""

    supposed: Supposed | None = None
    owned_by: int = -1
    at: int = 0
    deep: int = 0

    @property
    def reach(self) -> int:
        own = cast(int, Slate.reach.fget(self))  # type: ignore[attr-defined]
        return max(own, self.deep) if self.wanted else own

    def assume(self) -> None:
        """After `resolve`: the supposed history and moment take the place of those that were found."""
        if self.supposed is not None:
            self.row, self.fresh, self.owner = self.supposed.row, self.supposed.fresh, self.owned_by
        if self.at:
            self.now = self.at


def _ends(parts: Sequence[np.ndarray]) -> Int64:
    return np.concatenate(([0], np.cumsum([len(each) for each in parts]))).astype(np.int64)
