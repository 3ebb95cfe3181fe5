import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from test_versions import LINEAGE, OTHER, SHOP

from endcap.errors import ArtefactError, InputError, StateError, UnknownName
from endcap.recipes.popularity import Popularity
from endcap.registry.campaigns import CampaignConfig, Campaigns, Deployment
from endcap.registry.resources import Resources
from endcap.registry.variants import Variant
from endcap.registry.versions import Version, Versions
from endcap.seams import FrozenClock
from endcap.storage.db import Database, open_database
from endcap.storage.schema import deployments
from endcap.testing.datasets import checkerboard
from endcap.types import AccountKey, Micros, ShopKey

KEYS = [f"u{number}" for number in range(2000)]


@pytest.fixture
def campaigns(database: Database) -> Campaigns:
    return Campaigns(database, clock=FrozenClock(Micros(20)))


@pytest.fixture
def made(database: Database, tmp_path: Path) -> list[Version]:
    return publish_some(database, tmp_path)


def publish_some(database: Database, folder: Path, shop: ShopKey = SHOP, solution: str = "popular") -> list[Version]:
    data = checkerboard()
    recipe = Popularity().fit(data)
    ids = iter([f"{solution[:1].encode().hex()}00000{n}" for n in range(1, 5)])
    versions = Versions(database, folder / "models", ids=lambda: next(ids))
    return [versions.publish(shop, solution, recipe, data, LINEAGE) for _ in range(4)]


def shares(deployment: Deployment) -> dict[str, int]:
    return {variant.version_id: variant.weight for variant in deployment.variants}


def test_the_first_deployment_serves_everyone(campaigns: Campaigns, made: list[Version]) -> None:
    first = campaigns.deploy(SHOP, "main", made[0], reason="first")
    assert (first.generation, shares(first), first.created, first.reason) == (1, {made[0].id: 100}, 20, "first")
    assert first.variants == (Variant(f"popular-{made[0].id}", made[0].id, 100),)
    assert first.arn == "arn:aws:personalize:us-east-1:000000000000:campaign/main"
    assert campaigns.current(SHOP, "main") == campaigns.find(first.arn) == first
    assert campaigns.list(SHOP) == campaigns.list() == [first]


def test_a_share_scales_the_others(campaigns: Campaigns, made: list[Version]) -> None:
    campaigns.deploy(SHOP, "main", made[0])
    assert shares(campaigns.deploy(SHOP, "main", made[1], 10)) == {made[0].id: 90, made[1].id: 10}
    assert shares(campaigns.deploy(SHOP, "main", made[2], 50)) == {made[0].id: 45, made[1].id: 5, made[2].id: 50}
    assert shares(campaigns.deploy(SHOP, "main", made[1], 60)) == {made[0].id: 19, made[1].id: 60, made[2].id: 21}
    assert shares(campaigns.deploy(SHOP, "main", made[3])) == {made[3].id: 100}


def test_a_growing_variant_keeps_its_shoppers(campaigns: Campaigns, made: list[Version]) -> None:
    campaigns.deploy(SHOP, "main", made[0])
    seen: set[str] = set()
    for weight in (1, 10, 25, 60):
        deployment = campaigns.deploy(SHOP, "main", made[1], weight)
        now = {key for key in KEYS if campaigns.variant_for(deployment, key).version_id == made[1].id}
        assert seen <= now and abs(len(now) / len(KEYS) - weight / 100) < 0.04
        seen = now


def test_rollback_serves_again_what_served_before(campaigns: Campaigns, made: list[Version]) -> None:
    config = CampaignConfig(exclude_seen=True)
    campaigns.deploy(SHOP, "main", made[0])
    two = campaigns.deploy(SHOP, "main", made[1], 30, config=config)
    campaigns.deploy(SHOP, "main", made[2])
    back = campaigns.rollback(SHOP, "main", reason="worse")
    assert (back.generation, back.restores, back.reason) == (4, 2, "worse")
    assert (back.variants, back.config, back.slots) == (two.variants, config, two.slots)
    assert campaigns.current(SHOP, "main") == back
    assert shares(campaigns.rollback(SHOP, "main")) == {made[0].id: 100}
    with pytest.raises(StateError, match="no earlier generation"):
        campaigns.rollback(SHOP, "main")
    campaigns.deploy(SHOP, "main", made[3])
    assert shares(campaigns.rollback(SHOP, "main")) == {made[0].id: 100}
    assert [each.generation for each in campaigns.history(SHOP, "main")] == [7, 6, 5, 4, 3, 2, 1]


class Model:
    """What rollback means: a stack of what served."""

    def __init__(self) -> None:
        self.stack: list[int] = []

    def deploy(self, number: int) -> None:
        self.stack.append(number)

    def rollback(self) -> bool:
        if len(self.stack) < 2:
            return False
        self.stack.pop()
        return True


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0, 1, 2, 3, None]), max_size=12))
def test_rollbacks_undo_deployments(tmp_path_factory: pytest.TempPathFactory, steps: list[int | None]) -> None:
    folder = tmp_path_factory.mktemp("undo")
    database = open_database(f"sqlite:///{folder / 'm.db'}")
    database.migrate()
    campaigns, made, model = Campaigns(database), publish_some(database, folder), Model()
    campaigns.deploy(SHOP, "main", made[0])
    model.deploy(0)
    for step in steps:
        if step is not None:
            campaigns.deploy(SHOP, "main", made[step])
            model.deploy(step)
        elif model.rollback():
            campaigns.rollback(SHOP, "main")
        else:
            with pytest.raises(StateError):
                campaigns.rollback(SHOP, "main")
        assert shares(campaigns.current(SHOP, "main")) == {made[model.stack[-1]].id: 100}
    database.close()


def test_a_rejected_version_neither_deploys_nor_comes_back(
    campaigns: Campaigns, made: list[Version], database: Database, tmp_path: Path
) -> None:
    for version in made[:3]:
        campaigns.deploy(SHOP, "main", version)
    Versions(database, tmp_path).reject(made[1], "worse")
    with pytest.raises(StateError, match="rejected"):
        campaigns.deploy(SHOP, "main", made[1], 10)
    assert shares(campaigns.rollback(SHOP, "main")) == {made[0].id: 100}


def test_configuration_is_a_generation_too(campaigns: Campaigns, made: list[Version]) -> None:
    campaigns.deploy(SHOP, "main", made[0])
    changed = campaigns.configure(SHOP, "main", CampaignConfig.of({"exclude_seen": True}))
    assert (changed.generation, changed.config.exclude_seen, shares(changed)) == (2, True, {made[0].id: 100})
    assert campaigns.deploy(SHOP, "main", made[1], 10).config.exclude_seen, "stays as it was"
    with pytest.raises(UnknownName, match="exclude_seen"):
        CampaignConfig.of({"exclude": True})
    with pytest.raises(InputError, match="cannot be used"):
        CampaignConfig.of({"exclude_seen": "yes"})


def test_what_cannot_be_deployed(campaigns: Campaigns, made: list[Version], database: Database, tmp_path: Path) -> None:
    theirs = publish_some(database, tmp_path, OTHER, "theirs")[0]
    with pytest.raises(StateError, match="serves nothing"):
        campaigns.deploy(SHOP, "main", made[0], 10)
    for weight in (0, 101, -1):
        with pytest.raises(InputError, match="Weight"):
            campaigns.deploy(SHOP, "main", made[0], weight)
    with pytest.raises(UnknownName, match=theirs.id):
        campaigns.deploy(SHOP, "main", theirs)
    with pytest.raises(InputError, match="campaign name"):
        campaigns.deploy(SHOP, "a b", made[0])
    assert campaigns.list() == []
    campaigns.deploy(SHOP, "main", made[0])
    with pytest.raises(InputError, match="belongs to shop 'demo'"):
        campaigns.deploy(OTHER, "main", theirs)
    with pytest.raises(UnknownName, match="Known: none yet"):
        campaigns.current(OTHER, "main")
    with pytest.raises(UnknownName, match="Known: main"):
        campaigns.rollback(SHOP, "other")


def test_the_same_name_in_another_account_is_another_campaign(
    campaigns: Campaigns, made: list[Version], database: Database, tmp_path: Path
) -> None:
    elsewhere = ShopKey(AccountKey("111111111111", "eu-west-1"), "demo")
    theirs = publish_some(database, tmp_path, elsewhere, "theirs")[0]
    one, two = campaigns.deploy(SHOP, "main", made[0]), campaigns.deploy(elsewhere, "main", theirs)
    assert campaigns.find(one.arn) == one and campaigns.find(two.arn) == two
    assert campaigns.list(SHOP) == [one] and campaigns.list() == [one, two]


@pytest.mark.parametrize("arn", ["", "main", "arn:aws:personalize:us-east-1:000000000000:solution/main"])
def test_what_is_no_campaign_arn(campaigns: Campaigns, arn: str) -> None:
    with pytest.raises(InputError, match=r"is no .*ARN"):
        campaigns.find(arn)
    with pytest.raises(UnknownName):
        campaigns.find("arn:aws:personalize:us-east-1:000000000000:campaign/none")


def test_a_generation_that_cannot_be_read_is_named(
    campaigns: Campaigns, made: list[Version], database: Database
) -> None:
    campaigns.deploy(SHOP, "main", made[0])
    with database.begin() as connection:
        connection.execute(update(deployments).values(variants={"variants": []}))
    with pytest.raises(ArtefactError, match="Generation 1 of campaign main"):
        campaigns.current(SHOP, "main")


DEPLOYING = """
import sys
from pathlib import Path
from endcap.registry.campaigns import Campaigns
from endcap.registry.versions import Versions
from endcap.storage.db import open_database
database = open_database(sys.argv[1])
version, campaigns = Versions(database, Path()).find(sys.argv[2]), Campaigns(database)
print("ready", flush=True)
sys.stdin.readline()
for round in range(15):
    campaigns.deploy(version.shop, "main", version, 30, reason=f"{version.id} {round}")
"""


def test_of_deployments_at_once_none_is_lost(campaigns: Campaigns, made: list[Version], database_url: str) -> None:
    campaigns.deploy(SHOP, "main", made[0])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", DEPLOYING, database_url, version.id], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for version in made[1:3]
    ]
    for process in running:
        assert process.stdout and process.stdout.readline() == b"ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=60)
        assert process.returncode == 0
    history = campaigns.history(SHOP, "main")
    assert [each.generation for each in history] == list(range(31, 0, -1))
    wanted = {f"{version.id} {number}" for version in made[1:3] for number in range(15)}
    assert {each.reason for each in history[:-1]} == wanted
    assert all(shares(each)[each.reason.split()[0]] == 30 for each in history[:-1])


def test_the_record_names_what_most_shoppers_get(campaigns: Campaigns, made: list[Version], database: Database) -> None:
    def recorded() -> str:
        record = Resources(database).get(SHOP.account, "campaign", "main")
        return str(record.document["solutionVersionArn"])

    campaigns.deploy(SHOP, "main", made[0])
    campaigns.deploy(SHOP, "main", made[1], 60, record=True)
    assert recorded() == made[1].arn
    campaigns.deploy(SHOP, "main", made[2], 20, record=True)
    assert recorded() == made[1].arn
    campaigns.deploy(SHOP, "main", made[3])
    assert recorded() == made[1].arn, "a job says so itself when it is done"
    campaigns.rollback(SHOP, "main")
    campaigns.rollback(SHOP, "main")
    campaigns.rollback(SHOP, "main")
    assert recorded() == made[0].arn
