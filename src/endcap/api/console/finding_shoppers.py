"""Shoppers and items of a shop by part of their names, from what serving holds in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endcap.api.console.inspector_shapes import InspectableShopper
from endcap.jobs.answering import TITLE_COLUMNS
from endcap.serving.attributes import TextColumn
from endcap.serving.snapshot import Snapshot

SAMPLE = (1.0, 0.99, 0.95, 0.9, 0.75, 0.5, 0.25)
"""Places, by number of events, of shoppers to begin with."""


def typical(snapshot: Snapshot) -> Sequence[InspectableShopper]:
    """Shoppers with many events and with few."""
    histories = snapshot.state.histories
    if not len(histories):
        return ()
    order = np.argsort(np.diff(histories.past.indptr), kind="stable")
    places = [int(order[round(each * (len(order) - 1))]) for each in SAMPLE]
    return _lines(snapshot, [histories.users.name(row) for row in dict.fromkeys(places)])


def find_shoppers(snapshot: Snapshot, text: str, most: int) -> Sequence[InspectableShopper]:
    """An exact match first, those who were streamed only among them; without a text those to begin with."""
    if not text:
        return typical(snapshot)
    users = snapshot.state.histories.users
    names = users.names(np.array(users.containing(text, most), np.int64))
    found = [line for line in _lines(snapshot, [text]) if line.events or text in names]
    return [*found, *_lines(snapshot, [name for name in names if name != text])][:most]


def find_items(snapshot: Snapshot, text: str, most: int) -> Sequence[str]:
    """Ids of items by part of their id or name (any case), best sellers first."""
    if not text:
        return ()
    state, found = snapshot.state, dict[int, None]()
    exact = snapshot.ordinal(text)
    if exact >= 0:
        found[exact] = None
    for spelled in dict.fromkeys((text, text.capitalize(), text.upper(), text.lower(), text.title())):
        for column in TITLE_COLUMNS[:4]:
            held = state.items.columns.get(column)
            if isinstance(held, TextColumn):
                words = held.words.containing(spelled, 5 * most)
                rows = held.rows[np.isin(held.codes, words)] if words else ()
                found |= dict.fromkeys(int(row) for row in rows)
    found |= dict.fromkeys(state.catalogue.containing(text, most))
    listed = [ordinal for ordinal in found if ordinal < len(state.listed) and state.listed[ordinal]]
    listed.sort(key=lambda ordinal: (ordinal != exact, -float(state.counts[ordinal])))
    names = snapshot.names(listed[:most])
    return names if exact < len(state.listed) else [text, *names][:most]


def _lines(snapshot: Snapshot, users: Sequence[str]) -> list[InspectableShopper]:
    """One for each who is not being forgotten just now."""
    gone = snapshot.live.forgotten if snapshot.live is not None else ()
    return [_line(snapshot, user) for user in users if user not in gone]


def _line(snapshot: Snapshot, user: str) -> InspectableShopper:
    live, histories = snapshot.live, snapshot.state.histories
    row = (live or histories).row(user)
    times = histories.past.slice(row).time if row >= 0 else np.zeros(0, np.int64)
    fresh = live.fresh(user, row) if live is not None else None
    count, last = len(times), int(times[-1]) if len(times) else 0
    if fresh is not None and len(fresh.time):
        count, last = count + len(fresh.time), max(last, int(fresh.time.max()))
    return InspectableShopper(user=user, events=count, last=last // 1000)
