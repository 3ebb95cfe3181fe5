"""Everything that lives in one `ENDCAP_HOME`, opened together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from endcap.errors import InputError, StateError, UnknownName
from endcap.lake.tables import Lake
from endcap.registry.campaigns import Campaigns
from endcap.registry.imports import Imports
from endcap.registry.jobs import Jobs
from endcap.registry.lineage import SourceFile
from endcap.registry.resources import Resources
from endcap.registry.servers import Servers
from endcap.registry.snapshots import Snapshots
from endcap.registry.versions import Versions
from endcap.seams import Clock, Disk, SystemClock
from endcap.settings import Settings
from endcap.storage.db import Database, open_database
from endcap.types import ACCOUNT_LEVEL, ShopKey


@dataclass(frozen=True)
class Workspace:
    """The lake, the registry and the metadata database of one home."""

    settings: Settings
    clock: Clock
    database: Database
    lake: Lake
    versions: Versions
    campaigns: Campaigns
    imports: Imports
    resources: Resources
    jobs: Jobs
    servers: Servers
    snapshots: Snapshots

    def shop(self, name: str | None) -> ShopKey:
        """The shop of this name; the only one there is when `name` is None.

        Raises `UnknownName` for a shop without data, `InputError` when one must be named, `StateError` when there
        is none.
        """
        known = {key.group: key for key in self.lake.shops() if key.account == self.settings.account_key}
        if name is not None:
            if name not in known:
                raise UnknownName("shop", name, known, fix=f"Import its data first: endcap import … --shop {name}")
            return known[name]
        if not known:
            raise StateError(
                "No shop has been imported yet.", fix="Run endcap demo, or endcap import FILE --shop NAME."
            )
        if len(known) > 1:
            raise InputError(f"There are several shops: {', '.join(sorted(known))}.", fix="Say which with --shop NAME.")
        return next(iter(known.values()))

    def new_shop(self, name: str) -> ShopKey:
        """The key of a shop that may not exist yet. Raises `InputError` for an impossible name."""
        try:
            made = ShopKey(self.settings.account_key, name)
        except ValueError as error:
            raise InputError(str(error)) from None
        if name == ACCOUNT_LEVEL:
            raise InputError(f"{name!r} is no name for a shop.", fix="Begin with a letter or digit.")
        return made

    def sources(self, shop: ShopKey) -> tuple[SourceFile, ...]:
        """The files that the shop's imports since the last full one read, with their hashes."""
        found: list[SourceFile] = []
        for record in self.imports.list(shop):
            found.extend(msgspec.convert(source, SourceFile) for source in record.report.get("sources", ()))
            if record.report.get("mode") == "FULL" and "interactions" in record.kind:
                break
        return tuple(found)

    @property
    def reports(self) -> Path:
        """Where reports are written."""
        return self.settings.home / "reports"


def open_workspace(settings: Settings, clock: Clock | None = None) -> Workspace:
    """Open (and create or upgrade, where needed) everything under `settings.home`."""
    clock = clock or SystemClock()
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{settings.home} cannot be the home: {error.strerror}.", fix="Set ENDCAP_HOME.") from error
    database = open_database(settings.database)
    database.migrate()
    disk = Disk()
    return Workspace(
        settings,
        clock,
        database,
        Lake(settings.home / "lake", disk),
        Versions(database, settings.home / "models", disk=disk, clock=clock),
        Campaigns(database, clock=clock),
        Imports(database, clock=clock),
        Resources(database, clock=clock),
        Jobs(database, clock=clock),
        Servers(database, clock=clock),
        Snapshots(database, clock=clock),
    )
