"""What the storefront's pages ask: goods, shelves, search, events and the shopper's own account."""

from __future__ import annotations

from collections.abc import Sequence

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Operation
from endcap.api.console.storefront.account import Accounts
from endcap.api.console.storefront.affinities import Affinities
from endcap.api.console.storefront.catalogue import Catalogue
from endcap.api.console.storefront.crowd import CrowdDesk
from endcap.api.console.storefront.events import Told
from endcap.api.console.storefront.goods import Shelved
from endcap.api.console.storefront.search import Searching
from endcap.api.console.storefront.shelves import Shelves
from endcap.api.console.storefront.shoppers import Shoppers
from endcap.api.console.storefront.why import Explaining


class Storefront:
    """The pages' operations, over one store of aisles."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    def operations(self) -> Sequence[Operation]:
        """Each of them."""
        shelved = Shelved(self._backstage)
        parts = (Catalogue, Shelves, Searching, Told, Accounts, Explaining, Shoppers, Affinities, CrowdDesk)
        return tuple(each for part in parts for each in part(self._backstage, shelved).operations())
