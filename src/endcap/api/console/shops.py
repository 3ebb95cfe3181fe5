"""Which shops there are, and what is served of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Call, Operation, Shape
from endcap.jobs.demo import DEMO_SHOPS
from endcap.types import ShopKey


class ServedCampaign(Shape, frozen=True):
    """One campaign, and the recipe of its first variant."""

    name: str
    arn: str
    purpose: str
    recipe: str
    version: str


class ShopLine(Shape, frozen=True):
    """A shop in the list."""

    name: str
    title: str
    items: int
    users: int
    campaigns: tuple[ServedCampaign, ...]


class ShopList(Shape, frozen=True):
    """Every shop that the caller may see."""

    shops: tuple[ShopLine, ...]


class Shops:
    """`GET /shop/api/shops`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    def operations(self) -> Sequence[Operation]:
        """Its one row."""
        said = "The shops of this account, with what is served of each."
        return (Operation("listShops", "GET", "/shop/api/shops", said, self.list, None, ShopList, local=True),)

    def list(self, call: Call, asked: None) -> ShopList:
        """By name."""
        keys = [key for key in self._backstage.workspace.lake.shops() if key.account == call.account]
        return ShopList(shops=tuple(self._line(key) for key in sorted(keys, key=lambda key: key.group)))

    def _line(self, shop: ShopKey) -> ShopLine:
        served = self._backstage.served(shop)
        state = served[0].state if served else None
        demo = DEMO_SHOPS.get(shop.group)
        return ShopLine(
            name=shop.group,
            title=demo.title.partition(":")[0] if demo else shop.group,
            items=int(np.count_nonzero(state.listed)) if state else 0,
            users=len(state.histories.users) if state else 0,
            campaigns=tuple(
                ServedCampaign(
                    name=each.deployment.campaign,
                    arn=each.arn,
                    purpose=each.deployment.campaign.removeprefix(f"{shop.group}-"),
                    recipe=each.models[each.deployment.variants[0].version_id].recipe_name,
                    version=each.deployment.variants[0].version_id,
                )
                for each in served
            ),
        )
