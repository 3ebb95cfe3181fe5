import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import EndcapError, UnknownName
from endcap.registry.dependencies import DELETION_ORDER, Dependencies, InUse, deletion_order
from endcap.registry.jobs import Jobs
from endcap.registry.quotas import QuotaExceeded, Quotas
from endcap.registry.resources import KINDS, OWN_KINDS, Exists, Resource, Resources, Stale
from endcap.storage.db import Database, open_database
from endcap.types import AccountKey, ShopKey

ACCOUNT = AccountKey("111111111111", "eu-west-1")
SHOP = ShopKey(ACCOUNT, "shop")
GROUP = Resource(ACCOUNT, "dataset-group", "shop", "shop")
SCHEMA = Resource(ACCOUNT, "schema", "s")
DATASET = Resource(ACCOUNT, "dataset", "shop/ITEMS", "shop", document={"schemaArn": SCHEMA.arn})
SOLUTION = Resource(ACCOUNT, "solution", "sol", "shop")
VERSION = Resource(ACCOUNT, "solution-version", "sol/01234567", "shop", "sol")
CAMPAIGN = Resource(ACCOUNT, "campaign", "home", "shop", "sol", document={"solutionVersionArn": VERSION.arn})
FILTER = Resource(ACCOUNT, "filter", "f", "shop")
BATCH = Resource(ACCOUNT, "batch-inference-job", "b", "shop", VERSION.id, document={"filterArn": FILTER.arn})
IMPORT = Resource(ACCOUNT, "dataset-import-job", "i", "shop", DATASET.id)
EVERYTHING = (GROUP, SCHEMA, DATASET, SOLUTION, VERSION, CAMPAIGN, FILTER, BATCH, IMPORT)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path_factory.mktemp('any') / 'metadata.db'}")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def dependencies(database: Database) -> Dependencies:
    made = Dependencies(database)
    for resource in EVERYTHING:
        made.create(resource, verb="")
    return made


def test_every_kind_has_its_place_in_the_order_of_deletion() -> None:
    assert sorted((*DELETION_ORDER, "schema")) == sorted((*KINDS, *OWN_KINDS))
    kinds = [resource.kind for resource in deletion_order(reversed(EVERYTHING))]
    assert kinds == [kind for kind in (*DELETION_ORDER, "schema") if kind in kinds]


def test_users_and_parts(dependencies: Dependencies, database: Database) -> None:
    used = {resource.id: [user.id for user in dependencies.users(resource)] for resource in EVERYTHING}
    assert used == {
        "shop": ["shop/ITEMS", "sol", "home", "f"],
        "s": ["shop/ITEMS"],
        "shop/ITEMS": [],
        "sol": ["home"],
        "sol/01234567": [],
        "home": [],
        "f": [],
        "b": [],
        "i": [],
    }
    assert [part.id for part in dependencies.parts(SOLUTION)] == ["sol/01234567", "b"]
    assert [part.id for part in dependencies.parts(DATASET)] == ["i"]
    assert dependencies.group(SHOP)[-1].id == "shop"
    assert [schema.id for schema in dependencies.schemas_of(SHOP)] == ["s"]
    assert dependencies.regions(AccountKey(ACCOUNT.account, "us-east-1"), "campaign", "home") == ["eu-west-1"]
    assert dependencies.regions(ACCOUNT, "campaign", "home") == []


def test_what_runs_uses_what_it_works_on(dependencies: Dependencies, database: Database) -> None:
    resources = Resources(database)
    for part in (BATCH, IMPORT, VERSION):
        resources.change(resources.find(part.arn), status="CREATE IN_PROGRESS")
    assert [user.id for user in dependencies.users(DATASET)] == ["i", "sol/01234567"]
    assert [user.id for user in dependencies.users(SOLUTION)] == ["home", "sol/01234567", "b"]
    assert [user.id for user in dependencies.users(FILTER)] == ["b"]
    with pytest.raises(InUse, match=r"filter/f is used by .*batch-inference-job/b \(CREATE IN_PROGRESS\)"):
        dependencies.delete(FILTER)


def test_deleting_marks_cancels_and_asks(dependencies: Dependencies, database: Database) -> None:
    made = dependencies.create(replace(CAMPAIGN, id="brief", status="CREATE PENDING"), [SOLUTION, VERSION])
    gone = dependencies.delete(made)
    assert gone.status == "DELETE PENDING"
    assert {job.verb: job.cancel for job in Jobs(database).on(made)} == {"create": True, "delete": False}
    with pytest.raises(InUse, match="is being deleted"):
        dependencies.delete(made)
    Resources(database).change(gone, status="DELETE FAILED")
    assert dependencies.delete(made).status == "DELETE PENDING"


def test_a_schema_goes_at_once(dependencies: Dependencies) -> None:
    other = dependencies.create(replace(SCHEMA, id="other"), verb="")
    dependencies.delete(other, at_once=True)
    with pytest.raises(UnknownName):
        dependencies.delete(other, at_once=True)


def test_nothing_is_made_without_what_it_needs(dependencies: Dependencies, database: Database) -> None:
    with pytest.raises(UnknownName):
        dependencies.create(replace(CAMPAIGN, id="a"), [replace(SOLUTION, id="none")])
    with pytest.raises(Exists):
        dependencies.create(CAMPAIGN, [SOLUTION])
    Resources(database).change(Resources(database).find(SOLUTION.arn), status="DELETE PENDING")
    with pytest.raises(InUse):
        dependencies.create(replace(CAMPAIGN, id="a"), [SOLUTION])
    assert Jobs(database).pending() == []


def test_an_update_is_based_on_what_was_read(dependencies: Dependencies, database: Database) -> None:
    campaign = Resources(database).find(CAMPAIGN.arn)
    dependencies.update(campaign, {"latestCampaignUpdate": {"status": "UPDATE PENDING"}}, [VERSION])
    assert [job.verb for job in Jobs(database).pending()] == ["update"]
    with pytest.raises(Stale):
        dependencies.update(campaign, {"latestCampaignUpdate": {}}, [VERSION])


def test_quotas(dependencies: Dependencies, database: Database) -> None:
    limited = Dependencies(database, quotas=Quotas({"schema": 1}, {"campaign": 2}, {"dataset-import-job": 1}))
    with pytest.raises(QuotaExceeded, match="has 1 schema resources"):
        limited.create(replace(SCHEMA, id="another"))
    with pytest.raises(Exists):  # a name that is taken is told first
        limited.create(SCHEMA)
    limited.create(replace(CAMPAIGN, id="second"))
    with pytest.raises(QuotaExceeded, match="Dataset group shop has 2 campaign"):
        limited.create(replace(CAMPAIGN, id="third"))
    limited.create(replace(CAMPAIGN, id="elsewhere", shop="other"))
    limited.create(replace(IMPORT, id="j", status="CREATE PENDING"))
    with pytest.raises(QuotaExceeded, match="More than 1 resources with PENDING or IN_PROGRESS status"):
        limited.create(replace(IMPORT, id="k", status="CREATE PENDING"))
    limited.create(replace(IMPORT, id="k", status="CREATE PENDING", account=AccountKey("222222222222", "eu-west-1")))


def test_a_race_of_making_and_deleting_leaves_no_orphan(database: Database) -> None:
    """Either the group goes and nothing is made in it, or something is made and the group stays."""
    dependencies = Dependencies(database)
    for n in range(12):
        group = dependencies.create(Resource(ACCOUNT, "dataset-group", f"g{n}", f"g{n}"), verb="")
        solution = Resource(ACCOUNT, "solution", f"s{n}", group.id)
        made, deleted = _together(
            lambda new=solution, within=group: dependencies.create(new, [within]),
            lambda old=group: dependencies.delete(old),
        )
        assert made != deleted


NEEDS = {
    "dataset-group": (),
    "schema": (),
    "dataset": ("dataset-group", "schema"),
    "solution": ("dataset-group",),
    "solution-version": ("solution", "dataset-group"),
    "campaign": ("solution", "solution-version"),
}
STEPS = st.tuples(st.sampled_from(["create", "delete", "settle"]), st.sampled_from(list(NEEDS)))
_accounts = count(10**11)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEPS, min_size=5, max_size=20))
def test_whatever_is_asked_for_in_whatever_order_nothing_is_left_dangling(
    steps: list[tuple[str, str]], sqlite: Database
) -> None:
    """One resource of each kind comes and goes; what it needs is there as long as it is."""
    account, dependencies = AccountKey(str(next(_accounts)), "eu-west-1"), Dependencies(sqlite)
    resources = Resources(sqlite)
    plan = {each.kind: replace(each, account=account) for each in (GROUP, SCHEMA, DATASET, SOLUTION, VERSION, CAMPAIGN)}
    plan["dataset"] = replace(plan["dataset"], document={"schemaArn": plan["schema"].arn})
    plan["campaign"] = replace(plan["campaign"], document={"solutionVersionArn": plan["solution-version"].arn})
    for verb, kind in (*[("create", kind) for kind in NEEDS], *steps):
        try:
            if verb == "create":
                dependencies.create(plan[kind], [plan[needed] for needed in NEEDS[kind]], verb="")
            elif verb == "delete" and kind != "solution-version":  # versions go with their solution
                dependencies.delete(plan[kind], at_once=kind == "schema")
        except EndcapError:
            pass
        if verb == "settle":
            for going in (each for each in _everything(resources, account) if each.status == "DELETE PENDING"):
                for part in (*dependencies.parts(going), going):
                    resources.delete(part)
        there = {each.kind for each in _everything(resources, account)}
        assert all(set(NEEDS[kind]) <= there for kind in there), there


def _everything(resources: Resources, account: AccountKey) -> list[Resource]:
    return [each for kind in NEEDS for each in resources.list(account, kind)]


def _together(*works: Callable[[], object]) -> list[bool]:
    """Whether each succeeded, all begun at once."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> bool:
        barrier.wait()
        try:
            work()
        except EndcapError:
            return False
        return True

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
