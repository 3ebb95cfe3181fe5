"""The shop's rules: what was bought is not shown again, or not before it is due; what is sold out is not shown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from endcap.features.facts import INTERVAL
from endcap.serving.attributes import NumberColumn
from endcap.serving.filters import parse
from endcap.serving.filters.evaluation import FilterView, evaluate
from endcap.serving.histories import purchases
from endcap.serving.live_shop import plain
from endcap.serving.slate import Slate
from endcap.stream.histories import PURCHASES
from endcap.types import DAY, Int32, Int64

STOCK = "stock"
_IN_STOCK = parse("EXCLUDE ItemID WHERE Items.STOCK <= 0")
_LONG_AGO = -(2**62)


def rules(slate: Slate) -> None:
    """Bar what the campaign's rules leave out, from the answer, its promotions and its exploration alike."""
    barred = [part for _, parts in ruled_out(slate) for part in parts]
    if barred:
        slate.barred = np.concatenate((slate.barred, *barred))


def ruled_out(slate: Slate) -> Iterator[tuple[str, list[Int32]]]:
    """(why, int32 ordinals in parts) of each rule in force."""
    config = slate.snapshot.deployment.config
    if config.hide_bought == "always":
        yield "bought", purchases(slate)
    elif config.hide_bought == "until-due":
        yield "not-due", [not_due(slate)]
    if config.hide_out_of_stock and not slate.snapshot.is_about_actions:
        yield "sold-out", [out_of_stock(slate)]


def out_of_stock(slate: Slate) -> Int32:
    """int32 ordinals of items whose STOCK is 0 or less now, as imported or put since; unknown stock is not among them.

    The array is kept until the catalogue or an item changes.
    """
    snapshot = slate.snapshot
    if not isinstance(snapshot.attributes.items.table.columns.get(STOCK), NumberColumn):
        return np.zeros(0, np.int32)  # there is no such column, or it says something else than how many
    in_stock = evaluate(_IN_STOCK, FilterView(snapshot.attributes.items))
    held = snapshot.sold_out.get(STOCK)
    if held is None or held[0] is not in_stock:
        held = snapshot.sold_out[STOCK] = in_stock, np.flatnonzero(~in_stock).astype(np.int32)
    return held[1]


def not_due(slate: Slate) -> Int32:
    """int32 ordinals of what the shopper bought and does not need again yet: the item's usual interval between two
    purchases by one shopper has not passed since. What is never bought twice is never due."""
    bought = np.unique(np.concatenate(purchases(slate)))
    bought = bought[bought >= 0]
    features = slate.snapshot.features
    if features is None:
        return bought
    numbers = features.facts.numbers
    days = np.where(bought < len(numbers), numbers[np.minimum(bought, len(numbers) - 1), INTERVAL], np.nan)
    # What has no interval holds NaN: it compares as not due.
    return bought[~(slate.now - _last_bought(slate, bought) >= days * DAY)]


def _last_bought(slate: Slate, bought: Int32) -> Int64:
    """int64 [m] microseconds: when each was last bought; of purchases older than the history, when that begins."""
    times: Int64 = np.full(len(bought), _LONG_AGO, np.int64)
    histories = slate.snapshot.state.histories
    if slate.row >= 0:
        past = histories.past.slice(slate.row)
        if len(past.time):
            times[:] = past.time[0]
        kinds = np.array([not name or plain(name) in PURCHASES for name in histories.event_types], np.bool_)
        _newest(times, bought, past.item[kinds[past.event_type]], past.time[kinds[past.event_type]])
    if slate.fresh is not None:
        kept = [plain(name) in PURCHASES for name in slate.fresh.event_types]
        _newest(times, bought, slate.fresh.item[kept], slate.fresh.time[kept])
    return times


def _newest(times: Int64, bought: Int32, items: Int32, moments: Int64) -> None:
    """Raise `times`, in place, to the newest moment of each of the `bought` ordinals, which are sorted."""
    known = np.isin(items, bought)
    np.maximum.at(times, np.searchsorted(bought, items[known]), moments[known])
