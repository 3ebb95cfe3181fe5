"""Solution versions: published whole, never changed, verified whenever they are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from endcap.errors import UnknownName
from endcap.recipes import recipe_name
from endcap.registry.lineage import File, Lineage
from endcap.registry.resources import Resource, add, ensure_named, ensure_shop, peek
from endcap.seams import Clock, Disk, SystemClock
from endcap.storage.db import Database
from endcap.storage.directories import publish_directory
from endcap.storage.schema import resources, versions
from endcap.types import AccountKey, Micros, ShopKey

if TYPE_CHECKING:
    from endcap.lake.dataset import Dataset, TimeKind, Vocabulary
    from endcap.recipes.base import Recipe

Status = Literal["pending", "approved", "rejected"]
"""What the gate said: nothing yet, may serve, must not serve."""
HIDDEN = "recommender."
"""Versions that a recommender has trained for itself belong to the solution of this prefix and its name."""


def random_id() -> str:
    """8 hex digits, as in Personalize's solution version ARNs."""
    return token_hex(4)


@dataclass(frozen=True)
class Version:
    """One trained, immutable model. `path` is relative to the models' root, `manifest` vouches for every file in it."""

    shop: ShopKey
    solution: str
    id: str
    recipe: str
    status: Status
    created: Micros
    lineage: Lineage
    path: str
    size: int
    manifest: File
    reason: str = ""

    @property
    def arn(self) -> str:
        """`arn:aws:personalize:REGION:ACCOUNT:solution/SOLUTION/ID`."""
        return self.shop.arn("solution", f"{self.solution}/{self.id}")


@dataclass(frozen=True)
class Model:
    """A loaded version: the fitted recipe, its rows' external ids and catalogue ordinals, its event types' codes and
    what an event of each counts, as a multiple of what it counts by default (empty: once)."""

    version: Version
    recipe: Recipe
    items: Vocabulary
    event_types: tuple[str, ...]
    time_kind: TimeKind
    scales: tuple[float, ...] = ()


class Versions:
    """The versions of all shops: files under `root`, rows in the metadata database.

    A version exists once its row does; the row is written after its files are durable.
    """

    def __init__(
        self,
        database: Database,
        root: Path,
        *,
        disk: Disk | None = None,
        clock: Clock | None = None,
        ids: Callable[[], str] = random_id,
    ) -> None:
        self._database, self._root = database, root
        self._disk, self._clock, self._ids = disk or Disk(), clock or SystemClock(), ids

    def publish(
        self,
        shop: ShopKey,
        solution: str,
        recipe: Recipe,
        dataset: Dataset,
        lineage: Lineage,
        *,
        identity: str = "",
        fence: Callable[[Connection], None] | None = None,
        beside: Mapping[str, bytes] | None = None,
    ) -> Version:
        """Store a fitted recipe as a new, pending version. Killed at any moment, it leaves no version behind.

        `identity` is the id where one was promised before training; otherwise it is taken now. A recommender's versions
        go under the solution `recommender.NAME`, which is no resource of its own. `fence` is called in the transaction
        that makes the version, and raises where whoever publishes may do so no longer. `beside` are files to keep with
        it: `artefacts.BESIDE`.
        Raises `InputError` for a name that is impossible or taken by another shop, `ResourceError` when the disk
        refuses, `UnavailableError` when the database does not answer.
        """
        from endcap.registry import artefacts  # noqa: PLC0415 - loads numba and SciPy, which most processes never need

        now = self._clock.now()
        name = recipe_name(recipe)
        self._database.write(lambda connection: _ensure_solution(connection, shop, solution, name, now))
        identity = identity or self.unused_id()
        lineage = lineage.stored()
        files = artefacts.encode(identity, recipe, dataset, lineage, beside)
        parts = (*shop.parts(), solution)
        publish_directory(self._root.joinpath(*parts), identity, files, self._disk)
        version = Version(
            shop,
            solution,
            identity,
            name,
            "pending",
            now,
            lineage,
            "/".join((*parts, identity)),
            sum(len(data) for data in files.values()),
            File.of(files[artefacts.MANIFEST]),
        )

        def work(connection: Connection) -> None:
            if fence is not None:
                fence(connection)
            _insert(connection, version)

        self._database.write(work)
        return version

    def delete(self, version: Version) -> None:
        """Remove a version: the row first, so that nothing finds files that are being removed."""
        with self._database.begin() as connection:
            connection.execute(delete(versions).where(versions.c.id == version.id))
        directory = self._root / version.path
        if directory.exists():
            self._disk.remove(directory)

    def load(self, version: Version | str) -> Model:
        """The model of a version, every file's size and hash verified.

        Given a `Version`, the database is not asked. Raises `ArtefactError` naming the damaged file, `UnknownName`.
        """
        from endcap.registry import artefacts  # noqa: PLC0415 - as in `publish`

        found = version if isinstance(version, Version) else self.find(version)
        read = artefacts.read(self._root / found.path, found.id, found.manifest)
        return Model(found, read.recipe, read.items, read.event_types, read.time_kind, read.scales)

    def beside(self, version: Version) -> dict[str, bytes]:
        """The files kept with a version, by name. Raises `ArtefactError` naming the damaged file."""
        from endcap.registry import artefacts  # noqa: PLC0415 - as in `publish`

        return artefacts.beside(self._root / version.path, version.id, version.manifest)

    def find(self, identity: str) -> Version:
        """The version of this id, whichever shop it belongs to. Raises `UnknownName`."""
        with self._database.read() as connection:
            row = connection.execute(select(versions).where(versions.c.id == identity)).first()
        if row is None:
            raise UnknownName("version", identity, (), fix="List them with endcap status.")
        return _version(row)

    def get(self, shop: ShopKey, identity: str) -> Version:
        """A shop's version. Raises `UnknownName`, listing the shop's versions."""
        known = {version.id: version for version in self.list(shop)}
        if identity not in known:
            raise UnknownName("version", identity, known, fix=f"Train one for shop {shop.group}, or name one of these.")
        return known[identity]

    def list(self, shop: ShopKey, solution: str | None = None) -> list[Version]:
        """A shop's versions, newest first."""
        query = select(versions).where(*_of_shop(shop)).order_by(versions.c.created.desc(), versions.c.id)
        if solution is not None:
            query = query.where(versions.c.solution == solution)
        with self._database.read() as connection:
            return [_version(row) for row in connection.execute(query)]

    def approve(self, version: Version, reason: str = "") -> Version:
        """The gate's yes."""
        return self._decide(version, "approved", reason)

    def reject(self, version: Version, reason: str) -> Version:
        """The gate's no: the version cannot be deployed. Where it serves already, it serves until a rollback."""
        return self._decide(version, "rejected", reason)

    def _decide(self, version: Version, status: Status, reason: str) -> Version:
        change = update(versions).where(versions.c.id == version.id).values(status=status, reason=reason)
        with self._database.begin() as connection:
            if connection.execute(change).rowcount == 0:
                raise UnknownName("version", version.id, ())
        return replace(version, status=status, reason=reason)

    def unused_id(self, draw: Callable[[], str] | None = None) -> str:
        """An id that no version has and none is planned with, of whichever solution and account."""
        with self._database.read() as connection:
            while True:
                identity = (draw or self._ids)()
                planned = (resources.c.kind == "solution-version", resources.c.id.like(f"%/{identity}"))
                taken = select(versions.c.id).where(versions.c.id == identity)
                if not connection.execute(taken.union(select(resources.c.id).where(*planned))).first():
                    return identity


def statuses(connection: Connection, shop: ShopKey) -> dict[str, tuple[str, str]]:
    """{id: (solution, status)} of a shop's versions, inside the caller's transaction."""
    rows = connection.execute(select(versions.c.id, versions.c.solution, versions.c.status).where(*_of_shop(shop)))
    return {row.id: (row.solution, row.status) for row in rows}


def _ensure_solution(connection: Connection, shop: ShopKey, solution: str, recipe: str, now: Micros) -> None:
    if solution.startswith(HIDDEN):
        ensure_shop(connection, shop, now)
    else:
        document = {"recipeArn": f"arn:aws:personalize:::recipe/endcap-{recipe}"}
        ensure_named(connection, "solution", shop, solution, document, now)


def _insert(connection: Connection, version: Version) -> None:
    """The row, and the record that describes it where the control plane has not made one before training."""
    connection.execute(insert(versions).values(_values(version)))
    account, identity = version.shop.account, f"{version.solution}/{version.id}"
    if version.solution.startswith(HIDDEN) or peek(connection, account, "solution-version", identity):
        return
    document = {
        "name": identity,
        "solutionArn": version.shop.arn("solution", version.solution),
        "datasetGroupArn": version.shop.arn("dataset-group", version.shop.group),
        "recipeArn": f"arn:aws:personalize:::recipe/endcap-{version.recipe}",
        "trainingMode": "FULL",
        "trainingHours": version.lineage.seconds / 3600,
    }
    record = Resource(account, "solution-version", identity, version.shop.group, version.solution, document=document)
    add(connection, record, version.created)


def _of_shop(shop: ShopKey) -> tuple[Any, ...]:
    account, region, group = shop.parts()
    return versions.c.account == account, versions.c.region == region, versions.c.shop == group


def _values(version: Version) -> dict[str, Any]:
    account, region, shop = version.shop.parts()
    return {
        "id": version.id,
        "account": account,
        "region": region,
        "shop": shop,
        "solution": version.solution,
        "recipe": version.recipe,
        "status": version.status,
        "reason": version.reason,
        "created": version.created,
        "lineage": version.lineage.data(),
        "path": version.path,
        "size": version.size,
        "manifest_size": version.manifest.size,
        "manifest_sha256": version.manifest.sha256,
    }


def _version(row: Row[Any]) -> Version:
    return Version(
        ShopKey(AccountKey(row.account, row.region), row.shop),
        row.solution,
        row.id,
        row.recipe,
        row.status,
        Micros(row.created),
        Lineage.of(row.lineage),
        row.path,
        row.size,
        File(row.manifest_size, row.manifest_sha256),
        row.reason,
    )
