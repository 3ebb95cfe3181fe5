"""Feature groups as resources of an account."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from endcap.errors import InputError, UnknownName
from endcap.features.groups import Feature, FeatureGroup
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.quotas import QuotaExceeded, Quotas
from endcap.registry.resources import Exists, Resource, parse_arn
from endcap.seams import FrozenClock
from endcap.storage.db import open_database
from endcap.types import DAY, AccountKey, Micros

FEATURES = (
    *(Feature("id", "String"), Feature("at", "Fractional"), Feature("n", "Integral")),
    *(Feature("taste", "Fractional", "Vector", 3), Feature("seen", "String", "List")),
)
GROUP = FeatureGroup(AccountKey(), "items", "id", "at", FEATURES, ttl=3 * DAY)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(Micros(1_000_000))


@pytest.fixture
def groups(tmp_path: Path, clock: FrozenClock) -> Iterator[FeatureGroups]:
    database = open_database(f"sqlite:///{tmp_path / 'm.db'}")
    database.migrate()
    yield FeatureGroups(database, clock=clock, quotas=Quotas(account={"feature-group": 3}))
    database.close()


def test_what_was_made_is_got_and_belongs_to_its_account(groups: FeatureGroups) -> None:
    made = groups.create(GROUP)
    assert made == replace(GROUP, created=Micros(1_000_000)) == groups.get(GROUP.account, "items")
    assert groups.list(GROUP.account) == [made] and groups.everywhere() == [made]
    for account in (AccountKey("111122223333"), AccountKey(region="eu-west-1")):
        assert groups.list(account) == []
        with pytest.raises(UnknownName):
            groups.get(account, "items")
    with pytest.raises(Exists):
        groups.create(GROUP)
    with pytest.raises(InputError, match="EventTimeFeatureName"):
        groups.create(replace(GROUP, name="other", event_time="n"))


def test_a_group_is_known_by_its_key_until_another_has_its_name(groups: FeatureGroups, clock: FrozenClock) -> None:
    made = groups.create(GROUP)
    assert groups.by_key(GROUP.account, made.key) == made and groups.by_key(GROUP.account, "nobody.1") is None
    groups.delete(GROUP.account, "items")
    assert groups.by_key(GROUP.account, made.key) is None
    clock.at = Micros(2_000_000)
    again = groups.create(GROUP)
    assert again.key != made.key and groups.by_key(GROUP.account, made.key) is None
    with pytest.raises(UnknownName):
        groups.delete(GROUP.account, "nobody")


def test_groups_are_made_and_widened_as_needed(groups: FeatureGroups) -> None:
    made = groups.ensure(GROUP)
    assert groups.ensure(GROUP) == made
    wider = groups.ensure(GROUP.with_features([Feature("late", "Integral")]))
    assert [feature.name for feature in wider.features] == ["id", "at", "n", "taste", "seen", "late"]
    assert groups.ensure(GROUP) == wider, "nothing is taken away"
    with pytest.raises(InputError, match="n occurs twice"):
        groups.ensure(replace(GROUP, features=(*FEATURES[:2], Feature("n", "Fractional"))))


def test_there_is_a_quota(groups: FeatureGroups) -> None:
    for number in range(3):
        groups.create(replace(GROUP, name=f"g{number}"))
    with pytest.raises(QuotaExceeded, match="3 feature group"):
        groups.create(replace(GROUP, name="g3"))
    groups.create(replace(GROUP, account=AccountKey("111122223333")))


@pytest.mark.parametrize("kind", ["feature-group", "feature-window"])
def test_arns_are_sagemakers(kind: str) -> None:
    resource = Resource(AccountKey(), kind, "items")
    assert resource.arn == f"arn:aws:sagemaker:us-east-1:000000000000:{kind}/items"
    found = parse_arn(resource.arn)
    assert (found.account, found.kind, found.id) == (AccountKey(), kind, "items")
    for wrong in (
        resource.arn.replace("sagemaker", "personalize"),
        "arn:aws:sagemaker:us-east-1:000000000000:schema/a",
    ):
        with pytest.raises(InputError):
            parse_arn(wrong)
