"""A shop's past as Arrow tables: the columns of the lake's tables, in lower case, times in microseconds UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.seams import Progress, no_progress
from endcap.simulator import bots
from endcap.simulator.aftermath import history_rows
from endcap.simulator.browsing import PLACES, SEARCH, Cells, Pages, browse, draw_pages
from endcap.simulator.catalogue import catalogue_table
from endcap.simulator.events import CHANNELS, IMPRESSION, PURCHASE, RETURN, TYPES, VIEW, Rows
from endcap.simulator.people import people_table
from endcap.simulator.population import DEVICES
from endcap.simulator.sessions import draw_sessions
from endcap.simulator.shop import Shop
from endcap.simulator.staples import restock
from endcap.simulator.truth import Tally, tally
from endcap.types import Int64

BLOCK = 40_000
"""Visits of one block, about: what is held in memory at once."""
MOST = 1 << 20
"""Sessions and orders of a block at most; their numbers are those of their block and their place in it."""


@dataclass(frozen=True)
class History:
    """A shop's whole past. `dues` int64 [users, 4]: when each shopper's staples are due next."""

    interactions: pa.Table
    items: pa.Table
    users: pa.Table
    dues: Int64


@dataclass(frozen=True)
class Block:
    """The past of some shoppers: its rows, when their staples are due next, and what was to be expected."""

    interactions: pa.Table
    dues: Int64
    tally: Tally


def history(shop: Shop, *, impressions: bool = True, progress: Progress = no_progress) -> History:
    """The shop's past in memory. `impressions` adds a row for each list shown, with all its products."""
    tables, dues = [], []
    with progress("simulating", total=len(shop.population), unit="shoppers") as tick:
        for block in blocks(shop, impressions=impressions):
            tables.append(block.interactions)
            dues.append(block.dues)
            tick(len(block.dues))
    items = catalogue_table(shop.theme, shop.catalogue, shop.seed)
    return History(pa.concat_tables(tables), items, people_table(shop), np.concatenate(dues))


def blocks(shop: Shop, *, impressions: bool = True) -> Iterator[Block]:
    """One block of shoppers after the other: people sorted by time, then machines."""
    for number, (first, last) in enumerate(bounds(shop)):
        sessions = draw_sessions(shop, first, last)
        pages = draw_pages(shop, sessions, first)
        cells = browse(shop, pages, first)
        restocks, dues = restock(shop, sessions, first, last)
        found = history_rows(shop, sessions, pages, cells, restocks, first)
        if not impressions:
            found = found.take(found.type != IMPRESSION)
        table = interactions_table(shop, found, number, (pages, cells))
        machines = bots.table(shop, first, last, number)
        whole = pa.concat_tables([table, machines], promote_options="default")
        yield Block(whole, dues, tally(shop, sessions, pages, cells, restocks))


def bounds(shop: Shop) -> list[tuple[int, int]]:
    """Blocks of shoppers with about `BLOCK` visits each; the same for the same shop."""
    expected = np.cumsum(shop.population.visits * shop.days)
    cuts = np.searchsorted(expected, np.arange(BLOCK, expected[-1], BLOCK)) + 1
    edges = np.unique(np.concatenate(([0], cuts, [len(expected)])))
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def interactions_table(shop: Shop, found: Rows, block: int, shown: tuple[Pages, Cells]) -> pa.Table:
    """Rows as texts and numbers."""
    sessions = _names("S", found.session, block)
    known = found.shopper >= 0
    users = shop.population.ids.take(pa.array(np.where(known, found.shopper, 0)))
    users = pc.if_else(pa.array(known), users, _names("S", np.where(known, -1, -1 - found.shopper), block))
    price = shop.catalogue.price[found.item].astype(np.float64).round(2)
    paid = found.type == PURCHASE
    priced = paid | (found.type == RETURN)
    value = np.where(paid, price * np.where(paid, found.quantity, 0), np.nan).round(2)
    device, channel = _device(shop, found, shown[0])
    columns: dict[str, Any] = {
        "user_id": users,
        "item_id": shop.catalogue.ids.take(pa.array(found.item)),
        "timestamp": pa.array(found.time),
        "event_type": _words(TYPES, found.type),
        "event_value": _numbers(value),
        "impression": _impressions(shop, found, shown[1]),
        "session_id": sessions,
        "order_id": _names("O", found.order, block),
        "quantity": _numbers(found.quantity),
        "price": _numbers(np.where(priced, price, np.nan)),
        "channel": _words(CHANNELS, channel),
        "device": _words(DEVICES, device),
        "duration": _numbers(found.duration),
        "position": pa.array(found.position.astype(np.int32), mask=found.position < 0),
        "place": _words(PLACES, found.place),
        "rating": _numbers(found.rating),
        "search_query": _queries(shop, found, shown[0]),
    }
    return pa.table(columns)


def _names(letter: str, numbers: Int64, block: int) -> pa.Array:
    """`S` and a number; nothing where it is negative."""
    texts = pc.cast(pa.array(block * MOST + numbers), pa.string())
    named = pc.binary_join_element_wise(letter, texts, "")
    return pc.if_else(pa.array(numbers >= 0), named, pa.scalar(None, pa.string()))


def _words(words: tuple[str, ...], codes: Any) -> pa.Array:
    codes = np.asarray(codes)
    return pa.array(words).take(pa.array(np.where(codes < 0, 0, codes), mask=codes < 0))


def _numbers(values: Any) -> pa.Array:
    values = np.asarray(values, np.float64)
    return pa.array(values.round(2), mask=np.isnan(values))


def _device(shop: Shop, found: Rows, pages: Pages) -> tuple[Any, Any]:
    """Device and channel codes; a channel of -2 is that of the visit's device."""
    # A visit may have pages and no rows: nothing but lists, where lists are left out.
    visits = 1 + max(int(found.session.max(initial=0)), int(pages.session.max(initial=0)))
    owner = np.zeros(visits, np.int64)
    owner[pages.session] = pages.shopper
    device = np.where(found.channel == -2, shop.population.device[owner[np.maximum(found.session, 0)]], -1)
    return device, np.where(found.channel == -2, device, found.channel)


def _impressions(shop: Shop, found: Rows, cells: Cells) -> pa.Array:
    """The products of a list, joined by `|`, on the row of the list itself."""
    listed = np.flatnonzero(found.type == IMPRESSION)
    if not len(listed):
        return pa.nulls(len(found), pa.string())
    edges = np.searchsorted(cells.page, np.arange(int(cells.page[-1]) + 2)).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(edges), shop.catalogue.ids.take(pa.array(cells.item)))
    texts = pc.binary_join(lists, "|")
    wanted = found.type == IMPRESSION
    return texts.take(pa.array(np.where(wanted, found.page, 0), mask=~wanted))


def _queries(shop: Shop, found: Rows, pages: Pages) -> pa.Array:
    """What was typed into the search box, on the rows that came of it: the type, in lower case."""
    words = pa.array([kind.name.lower() for kind in shop.theme.types])
    typed = (found.place == SEARCH) & (found.page >= 0) & (found.type <= VIEW) & (found.type != IMPRESSION)
    goal = pages.goal[np.where(typed, found.page, 0)] if len(pages) else np.zeros(len(found), np.int64)
    return words.take(pa.array(goal, mask=~typed))
