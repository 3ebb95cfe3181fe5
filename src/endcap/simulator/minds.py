"""What a shopper carries from visit to visit: what was shown, what is owned, which staples are due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow.compute as pc

from endcap.seams import Progress, no_progress
from endcap.simulator.browsing import TIRING
from endcap.simulator.past import History, history
from endcap.simulator.population import STAPLES
from endcap.simulator.shop import Shop
from endcap.types import Float32, Int32, Int64

NEVER = np.iinfo(np.int64).max


@dataclass
class Mind:
    """One shopper's state; items are places in the catalogue, times microseconds UTC. `dues` int64 [4] by staple."""

    shopper: int
    shown: dict[int, list[int]] = field(default_factory=dict)
    owned: set[int] = field(default_factory=set)
    dues: Int64 = field(default_factory=lambda: np.full(STAPLES, NEVER, np.int64))

    def see(self, items: Sequence[int] | Int32, now: int) -> None:
        """Remember that these were shown."""
        for item in items:
            times = self.shown.setdefault(int(item), [])
            times.append(now)
            if times[0] < now - TIRING:
                self.shown[int(item)] = [time for time in times if time >= now - TIRING]

    def times_seen(self, items: Int32, now: int) -> Float32:
        """float32: how often each was shown in the seven days before."""
        since = now - TIRING
        return np.array([sum(time >= since for time in self.shown.get(int(item), ())) for item in items], np.float32)


@dataclass
class Minds:
    """The minds of all shoppers, made when they are first needed."""

    shop: Shop
    dues: Int64
    """int64 [users, 4]: when staples are due at the end of the shop's history."""
    owned: dict[int, set[int]]
    _minds: dict[int, Mind] = field(default_factory=dict)

    @classmethod
    def after(cls, shop: Shop, past: History | None = None, progress: Progress = no_progress) -> Minds:
        """As the shop's history left them; it is generated once more where it is not given."""
        known = past or history(shop, impressions=False, progress=progress)
        rows = known.interactions.filter(pc.equal(known.interactions["event_type"], "Purchase"))
        user = pc.index_in(rows["user_id"], value_set=shop.population.ids)
        item = pc.index_in(rows["item_id"], value_set=shop.catalogue.ids).to_numpy()
        shopper = pc.fill_null(user, -1).to_numpy()
        lasting = (shopper >= 0) & (shop.consumable[shop.catalogue.type[item]] == 0)
        owned: dict[int, set[int]] = {}
        for who, what in zip(shopper[lasting].tolist(), item[lasting].tolist(), strict=True):
            owned.setdefault(who, set()).add(what)
        return cls(shop, known.dues, owned)

    def of(self, shopper: int) -> Mind:
        """A shopper's mind, the same object each time."""
        if shopper not in self._minds:
            owned = set(self.owned.get(shopper, ()))
            self._minds[shopper] = Mind(shopper, owned=owned, dues=self.dues[shopper].copy())
        return self._minds[shopper]
