"""Every operation of our own API: the one list, from which routes, checks and the description come."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from endcap.api.console.backstage import Backstage, Group
from endcap.api.console.data import ShopData
from endcap.api.console.home import Home
from endcap.api.console.inspector import Inspector
from endcap.api.console.models import Models
from endcap.api.console.operation import Operation
from endcap.api.console.runs import Runs
from endcap.api.console.session import SignInDesk
from endcap.api.console.shops import Shops
from endcap.api.console.storefront import Storefront
from endcap.api.console.storefront.own_shop import OwnShops
from endcap.api.console.tables_of_rows import RowsBrowser
from endcap.api.console.uploads import FileImports

GROUPS: tuple[Callable[[Backstage], Group], ...] = (
    SignInDesk,
    Shops,
    Storefront,
    OwnShops,
    FileImports,
    ShopData,
    RowsBrowser,
    Models,
    Inspector,
    Home,
    Runs,
)


def operations(backstage: Backstage) -> tuple[Operation, ...]:
    """All of them, at work on one web process."""
    return tuple(each for make in GROUPS for each in make(backstage).operations())


def described() -> tuple[Operation, ...]:
    """All of them, for their declarations alone: none can be called."""
    return operations(cast("Backstage", None))
