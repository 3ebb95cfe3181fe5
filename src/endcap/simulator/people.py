"""What a shop knows of its shoppers, as a table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from endcap.simulator.population import LOCATIONS
from endcap.simulator.shop import Shop
from endcap.simulator.streams import POPULATION, stream

BANDS = (
    (0, "under 18"),
    (18, "18-24"),
    (25, "25-34"),
    (35, "35-44"),
    (45, "45-54"),
    (55, "55-64"),
    (65, "65 and over"),
)
"""Youngest age of each band."""
TOLD = 0.4
"""Share of shoppers who told the shop what they like."""


def people_table(shop: Shop) -> pa.Table:
    """The users in the shop's columns, in lower case; times in microseconds UTC."""
    random = stream(shop.seed, POPULATION, 1)
    people, personas = shop.population, shop.theme.personas
    count = len(people)
    low = np.array([each.ages[0] for each in personas])[people.persona]
    high = np.array([each.ages[1] for each in personas])[people.persona]
    age = low + (random.beta(2, 2, count) * (high - low + 1)).astype(np.int64)
    women = random.random(count) < np.array([each.women for each in personas])[people.persona]
    starts = np.array([start for start, _ in BANDS])
    band = np.searchsorted(starts, age, side="right") - 1
    places = random.dirichlet(np.full(len(LOCATIONS), 3.0))
    location = random.choice(len(LOCATIONS), count, p=places)
    favourite = np.array([each.department for each in shop.theme.types])[people.tastes[:, 0]]
    told = random.random(count) < TOLD
    member = (people.visits * 30 > 4) & (random.random(count) < 0.5)
    return pa.table(
        {
            "user_id": people.ids,
            "age": pa.array(age.astype(np.int32)),
            "age_group": pa.array([name for _, name in BANDS]).take(pa.array(band)),
            "gender": pa.array(["female", "male"]).take(pa.array((~women).astype(np.int64))),
            "location": pa.array(LOCATIONS).take(pa.array(location)),
            "favourite_categories": pa.array(favourite.tolist(), mask=~told),
            "membership_status": pa.array(["guest", "member"]).take(pa.array(member.astype(np.int64))),
            "creation_timestamp": pa.array(people.joined),
        }
    )
