import errno
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from breaking_disk import Breaking
from endcap.errors import ArtefactError, InputError, ResourceError, UnknownName
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.registry.artefacts import FILES, MANIFEST
from endcap.registry.campaigns import Campaigns
from endcap.registry.lineage import Lineage, SourceFile
from endcap.registry.resources import Resource, Resources
from endcap.registry.versions import Version, Versions
from endcap.seams import Disk, FrozenClock, rng
from endcap.storage.db import Database, open_database
from endcap.storage.directories import TEMPORARY
from endcap.storage.schema import versions as table
from endcap.testing.datasets import checkerboard
from endcap.types import AccountKey, Micros, ShopKey

SHOP = ShopKey(AccountKey(), "demo")
OTHER = ShopKey(AccountKey(), "other")
LINEAGE = Lineage(
    sources=(SourceFile("orders.csv", 12, "a" * 64),),
    snapshot="interactions@3",
    recipe="popularity",
    settings={"window_days": 28.0},
    seed=7,
    metrics={"ndcg@20": {"value": 0.3, "low": float("nan"), "high": 0.4}},
    trained_until=5,
    seconds=0.5,
)


@pytest.fixture(scope="session")
def shop() -> Dataset:
    return checkerboard()


@pytest.fixture(scope="session")
def recipe(shop: Dataset) -> Popularity:
    return Popularity().fit(shop)


def registry(database: Database, root: Path, disk: Disk | None = None) -> Versions:
    return Versions(database, root / "models", disk=disk, clock=FrozenClock(Micros(10)))


def publish(versions: Versions, recipe: Popularity, shop: Dataset, solution: str = "popular") -> Version:
    return versions.publish(SHOP, solution, recipe, shop, LINEAGE)


def test_a_published_version_loads_as_it_was(
    database: Database, tmp_path: Path, shop: Dataset, recipe: Popularity
) -> None:
    ordinals = np.arange(40, 40 + shop.n_items, dtype=np.int32)
    given = Dataset(shop.users, Vocabulary(shop.items.ids, ordinals), shop.interactions, ("Purchase", "Ü"), "order")
    versions = registry(database, tmp_path)
    version = publish(versions, recipe, given)
    model = versions.load(version.id)
    assert model.version == version == versions.get(SHOP, version.id) == versions.find(version.id)
    assert model.items.ids.equals(shop.items.ids) and model.items.ordinals.tolist() == ordinals.tolist()
    assert (model.event_types, model.time_kind) == (("Purchase", "Ü"), "order")
    queries = Queries.histories(shop)
    np.testing.assert_array_equal(model.recipe.recommend(queries, 5).items, recipe.recommend(queries, 5).items)
    assert version.arn == f"arn:aws:personalize:us-east-1:000000000000:solution/popular/{version.id}"
    assert len(version.id) == 8 and int(version.id, 16) >= 0
    assert (version.status, version.created, version.recipe) == ("pending", 10, "popularity")


def test_lineage_says_where_it_comes_from(
    database: Database, tmp_path: Path, shop: Dataset, recipe: Popularity
) -> None:
    found = registry(database, tmp_path).get(SHOP, publish(registry(database, tmp_path), recipe, shop).id).lineage
    assert found.sources == LINEAGE.sources and found.settings == LINEAGE.settings and found.seed == 7
    assert found.metrics == {"ndcg@20": {"value": 0.3, "low": None, "high": 0.4}}
    assert found.code_version and found.libraries["numpy"] == np.__version__


def test_versions_are_listed_newest_first_by_shop_and_solution(
    database: Database, tmp_path: Path, shop: Dataset, recipe: Popularity
) -> None:
    clock = FrozenClock(Micros(1))
    versions = Versions(database, tmp_path, clock=clock)
    made = []
    for solution in ("a", "b", "a"):
        clock.at = Micros(clock.at + 1)
        made.append(publish(versions, recipe, shop, solution))
    theirs = versions.publish(OTHER, "c", recipe, shop, LINEAGE)
    assert versions.list(SHOP) == made[::-1] and versions.list(SHOP, "a") == [made[2], made[0]]
    with pytest.raises(UnknownName, match=made[0].id):
        versions.get(SHOP, theirs.id)
    with pytest.raises(UnknownName, match="no version"):
        versions.find("ffffffff")


def test_the_gate_decides(database: Database, tmp_path: Path, shop: Dataset, recipe: Popularity) -> None:
    versions = registry(database, tmp_path)
    version = publish(versions, recipe, shop)
    assert versions.approve(version).status == "approved" == versions.find(version.id).status
    rejected = versions.reject(version, "worse than popularity")
    assert rejected == versions.find(version.id) and rejected.reason == "worse than popularity"


def test_a_solution_name_belongs_to_one_shop_of_an_account(
    database: Database, tmp_path: Path, shop: Dataset, recipe: Popularity
) -> None:
    versions = registry(database, tmp_path)
    publish(versions, recipe, shop)
    with pytest.raises(InputError, match="belongs to shop 'demo'"):
        versions.publish(OTHER, "popular", recipe, shop, LINEAGE)
    elsewhere = ShopKey(AccountKey("111111111111", "eu-west-1"), "other")
    assert versions.publish(elsewhere, "popular", recipe, shop, LINEAGE).shop == elsewhere


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "-a", "x" * 64, "é"])
def test_impossible_names_are_refused_before_anything_is_written(
    tmp_path: Path, shop: Dataset, recipe: Popularity, name: str
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'm.db'}")
    database.migrate()
    with pytest.raises(InputError, match="solution name"):
        publish(registry(database, tmp_path), recipe, shop, name)
    assert not (tmp_path / "models").exists()


def test_an_id_that_is_taken_is_drawn_again(
    database: Database, tmp_path: Path, shop: Dataset, recipe: Popularity
) -> None:
    ids = iter(["00000001", "00000001", "00000001", "00000002"])
    versions = Versions(database, tmp_path, ids=lambda: next(ids))
    assert [publish(versions, recipe, shop).id for _ in range(2)] == ["00000001", "00000002"]


@pytest.fixture
def published(tmp_path: Path, shop: Dataset, recipe: Popularity) -> tuple[Versions, Version, Path]:
    database = open_database(f"sqlite:///{tmp_path / 'm.db'}")
    database.migrate()
    versions = registry(database, tmp_path)
    version = publish(versions, recipe, shop)
    return versions, version, tmp_path / "models" / version.path


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("damage", ["cut", "longer", "flipped", "empty", "gone", "directory"])
def test_a_damaged_file_is_named(published: tuple[Versions, Version, Path], name: str, damage: str) -> None:
    versions, version, folder = published
    data = bytearray((folder / name).read_bytes())
    (folder / name).unlink()
    if damage == "cut":
        (folder / name).write_bytes(data[:-1])
    elif damage == "longer":
        (folder / name).write_bytes(data + b"\0")
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
    elif damage == "empty":
        (folder / name).write_bytes(b"")
    elif damage == "directory":
        (folder / name).mkdir()
    with pytest.raises(ArtefactError, match=name) as caught:
        versions.load(version)
    assert caught.value.fix


def test_a_huge_file_in_its_place_is_not_read(published: tuple[Versions, Version, Path]) -> None:
    versions, version, folder = published
    with open(folder / "items.arrow", "r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(ArtefactError, match=r"items\.arrow has 1099511627776 bytes, expected"):
        versions.load(version)


def test_the_files_of_another_version_are_refused(
    published: tuple[Versions, Version, Path], shop: Dataset, recipe: Popularity
) -> None:
    versions, version, folder = published
    other = publish(versions, recipe, shop)
    for file in folder.iterdir():
        file.write_bytes((folder.parent / other.id / file.name).read_bytes())
    with pytest.raises(ArtefactError, match=r"manifest\.json"):
        versions.load(version)


def test_failing_at_any_disk_call_changes_nothing(tmp_path: Path, shop: Dataset, recipe: Popularity) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'm.db'}")
    database.migrate()
    publish(registry(database, tmp_path), recipe, shop)
    counting = Breaking()
    old = publish(registry(database, tmp_path, counting), recipe, shop, "old")
    before = registry(database, tmp_path).list(SHOP)
    campaigns = Campaigns(database)
    campaigns.deploy(SHOP, "main", old)
    for at in range(1, len(counting.calls) + 1):
        with pytest.raises(ResourceError):
            # A new solution each time, so that its directories have to be made as well.
            publish(registry(database, tmp_path, Breaking(at, errno.EIO)), recipe, shop, f"new-{at}")
        versions = registry(database, tmp_path)
        assert versions.list(SHOP) == before
        serving = campaigns.current(SHOP, "main").variants[0].version_id
        assert versions.load(serving).version == old
        assert versions.load(publish(versions, recipe, shop, "next")).version.solution == "next"
        with database.begin() as connection:
            connection.execute(table.delete().where(table.c.solution == "next"))


def test_a_database_that_refuses_leaves_no_version(tmp_path: Path, shop: Dataset, recipe: Popularity) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'm.db'}")
    database.migrate()
    with database.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON versions BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    versions = registry(database, tmp_path)
    with pytest.raises(Exception, match="refused"):
        publish(versions, recipe, shop)
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER refuse")
    assert versions.list(SHOP) == []
    assert versions.load(publish(versions, recipe, shop)).version.id


PUBLISHING = """
import sys
from pathlib import Path
from endcap.recipes.popularity import Popularity
from endcap.registry.campaigns import Campaigns
from endcap.registry.lineage import Lineage
from endcap.registry.versions import Versions
from endcap.storage.db import open_database
from endcap.testing.datasets import checkerboard
from endcap.types import AccountKey, ShopKey
shop, data = ShopKey(AccountKey(), "demo"), checkerboard()
recipe, database = Popularity().fit(data), open_database(sys.argv[1])
versions, campaigns = Versions(database, Path(sys.argv[2])), Campaigns(database)
print("ready", flush=True)
while True:
    campaigns.deploy(shop, "main", versions.publish(shop, "popular", recipe, data, Lineage(recipe="popularity")))
"""


def test_killed_at_random_moments_only_whole_versions_are_there(
    database_url: str, tmp_path: Path, shop: Dataset, recipe: Popularity
) -> None:
    database = open_database(database_url)
    database.migrate()
    versions, campaigns = registry(database, tmp_path), Campaigns(database)
    campaigns.deploy(SHOP, "main", publish(versions, recipe, shop))
    moments = rng(5)
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", PUBLISHING, database_url, tmp_path / "models"], stdout=subprocess.PIPE
        )
        assert child.stdout and child.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(float(moments.uniform(0.005, 0.2)))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        for version in versions.list(SHOP):
            assert versions.load(version).recipe.n_items == shop.n_items
        serving = campaigns.current(SHOP, "main")
        assert versions.load(serving.variants[0].version_id)
    publish(versions, recipe, shop)
    folder = tmp_path / "models" / "/".join(SHOP.parts()) / "popular"
    assert not list(folder.glob(f"{TEMPORARY}*"))
    assert [each.generation for each in campaigns.history(SHOP, "main")] == list(range(serving.generation, 0, -1))
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar_one() > serving.generation
    database.close()


def test_an_id_is_drawn_that_nobody_has_or_is_promised(
    database: Database, tmp_path: Path, shop: Dataset, recipe: Popularity
) -> None:
    versions = registry(database, tmp_path)
    there = publish(versions, recipe, shop)
    elsewhere = Resource(AccountKey("111122223333", "eu-west-1"), "solution-version", "sol/0badcafe", "other", "sol")
    Resources(database).create(elsewhere)
    draws = iter([there.id, "0badcafe", "00000042"])
    assert versions.unused_id(lambda: next(draws)) == "00000042"
