from endcap.registry.imports import Imports
from endcap.seams import FrozenClock
from endcap.storage.db import Database
from endcap.types import AccountKey, Micros, ShopKey

SHOP = ShopKey(AccountKey(), "demo")


def test_reports_are_listed_newest_first_by_shop(database: Database) -> None:
    clock = FrozenClock(Micros(1))
    imports = Imports(database, clock=clock)
    first = imports.record(SHOP, "job-1", "interactions", {"rows": 10, "rejected": {"no user": 2}})
    clock.at = Micros(2)
    second = imports.record(SHOP, "job-2", "items", {"rows": 3})
    other = imports.record(ShopKey(AccountKey(), "other"), "job-1", "users", {})
    assert imports.list(SHOP) == [second, first]
    assert imports.list(other.shop) == [other]


def test_the_same_job_again_replaces_its_report(database: Database) -> None:
    imports = Imports(database, clock=FrozenClock(Micros(1)))
    imports.record(SHOP, "job", "items", {"rows": 1})
    again = imports.record(SHOP, "job", "items", {"rows": 2})
    assert imports.list(SHOP) == [again]
