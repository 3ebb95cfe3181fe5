"""What is true of a simulated shop, and what a visit of each persona truly brings, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from endcap.simulator.browsing import Cells, Pages
from endcap.simulator.choice import bought, carted, clicked, examined
from endcap.simulator.sessions import Sessions
from endcap.simulator.shop import Shop
from endcap.simulator.staples import SHAPE, Restocks
from endcap.types import Float64

FORMAT = 1
MEASURES = ("visits", "shown", "clicks", "carts", "purchases", "restocks")


@dataclass
class Tally:
    """float64 [personas, 6], MEASURES: visits, products shown, clicks, carts and purchases expected of what was shown,
    repeat purchases made."""

    table: Float64

    @classmethod
    def empty(cls, shop: Shop) -> Tally:
        return cls(np.zeros((len(shop.theme.personas), len(MEASURES))))

    def add(self, other: Tally) -> None:
        """Count another in."""
        self.table += other.table


def tally(shop: Shop, sessions: Sessions, pages: Pages, cells: Cells, restocks: Restocks) -> Tally:
    """Expected, not drawn: what the formulas say of each product shown. Second purchases count as first ones."""
    persona, kinds = shop.population.persona, len(shop.theme.personas)
    click = examined(shop.behaviour, cells.slot) * clicked(shop.behaviour, cells.facts)
    cart = click * carted(shop.behaviour, cells.facts)
    paid = cart * bought(shop.behaviour, cells.facts)
    whose = persona[pages.shopper[cells.page]]
    shown = [np.bincount(whose, weight, kinds) for weight in (np.ones(len(whose)), click, cart, paid)]
    visits = np.bincount(persona[sessions.shopper], minlength=kinds)
    return Tally(np.stack([visits, *shown, np.bincount(persona[restocks.shopper], minlength=kinds)], axis=1))


def truth(shop: Shop, counted: Tally, rows: dict[str, int]) -> dict[str, Any]:
    """Everything that the data was made with."""
    people, theme = shop.population, shop.theme
    bots = people.ids.filter(people.bot).to_pylist()
    return {
        "format": FORMAT,
        "shop": {
            "theme": theme.name,
            "seed": shop.seed,
            "users": len(people),
            "items": len(shop.catalogue),
            "days": shop.days,
            "start": shop.start,
            "until": shop.end,
            "visits": shop.visits,
        },
        "rows": rows,
        "behaviour": shop.behaviour.json(),
        "popularity": {"law": "1/(rank + shift)^exponent", "exponent": theme.exponent, "shift": theme.shift},
        "personas": [_persona(shop, number, counted.table[number]) for number in range(len(theme.personas))],
        "types": [
            {
                "department": kind.department,
                "category": kind.category,
                "name": kind.name,
                "every_days": kind.every,
                "season": {"peak_month": kind.peak + 1, "amplitude": kind.amplitude},
                "goes_with": [theme.types[other].name for other in shop.complements[number]],
            }
            for number, kind in enumerate(theme.types)
        ],
        "repeat": {"between_shoppers_sigma": 0.25, "between_purchases_cv": SHAPE**-0.5},
        "bots": bots,
    }


def _persona(shop: Shop, number: int, counted: Float64) -> dict[str, Any]:
    each = shop.theme.personas[number]
    visits, shown, clicks, carts, purchases, restocks = counted.tolist()
    return {
        "name": each.name,
        "departments": dict(each.departments),
        "styles": list(each.styles),
        "price_sensitivity": each.sensitivity,
        "liked_price": each.liked_price,
        "rhythm": each.rhythm,
        "shoppers": int((shop.population.persona == number).sum()),
        "visits": int(visits),
        "clicks_of_shown": _share(clicks, shown),
        "carts_of_clicks": _share(carts, clicks),
        "purchases_of_carts": _share(purchases, carts),
        "purchases_a_visit": _share(purchases, visits),
        "restocks_a_visit": _share(restocks, visits),
    }


def _share(part: float, whole: float) -> float:
    return round(part / whole, 5) if whole else 0.0
