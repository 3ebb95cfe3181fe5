"""Machines among the visitors: many views of anything, in bursts, and nothing bought. Only the truth says who."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from endcap.simulator.events import TYPES, VIEW
from endcap.simulator.shop import Shop
from endcap.simulator.streams import BROWSING, stream
from endcap.types import DAY, SECOND

BURSTS = 0.5
"""Bursts a day."""
VIEWS = 60
"""Views of a burst, on average."""


def table(shop: Shop, first: int, last: int, block: int) -> pa.Table:
    """The views of the machines among shoppers `first` to `last`; columns that they leave empty are not there."""
    random = stream(shop.seed, BROWSING, first, 2)
    machines = first + np.flatnonzero(shop.population.bot[first:last])
    bursts = np.repeat(machines, random.poisson(BURSTS * shop.days, len(machines)))
    begin = shop.start + random.integers(0, shop.days * DAY, len(bursts)) // SECOND * SECOND
    views = random.poisson(VIEWS, len(bursts))
    burst = np.repeat(np.arange(len(bursts)), views)
    nth = np.arange(len(burst)) - (np.cumsum(views) - views)[burst]
    time = begin[burst] + nth * SECOND
    item = random.integers(0, len(shop.catalogue), len(burst))
    there = (shop.catalogue.created[item] <= time) & (time < shop.end)
    burst, time, item = burst[there], time[there], item[there]
    session = [f"B{block}-{number}" for number in range(len(bursts))]
    return pa.table(
        {
            "user_id": shop.population.ids.take(pa.array(bursts[burst])),
            "item_id": shop.catalogue.ids.take(pa.array(item)),
            "timestamp": pa.array(time),
            "event_type": pa.array([TYPES[VIEW]]).take(pa.array(np.zeros(len(burst), np.int64))),
            "session_id": pa.array(session, pa.string()).take(pa.array(burst)),
            "device": pa.array(["desktop"]).take(pa.array(np.zeros(len(burst), np.int64))),
        }
    )
