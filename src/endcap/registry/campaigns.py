"""Campaigns: which versions serve, and to how many shoppers. The newest generation row is the only truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, func, insert, select

from endcap.errors import ArtefactError, InputError, StateError, UnknownName
from endcap.registry.shops import ensure_named, key_of
from endcap.registry.variants import SLOTS, Variant, assign, runs, slot_of
from endcap.registry.versions import Version, statuses
from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import campaigns, deployments
from endcap.types import AccountKey, Micros, ShopKey


class CampaignConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a campaign answers."""

    exclude_seen: bool = False
    """Leave out what is in the shopper's history."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> CampaignConfig:
        """From names and values. Raises `UnknownName`, `InputError`."""
        known = [field.name for field in msgspec.structs.fields(cls)]
        for name in data:
            if name not in known:
                raise UnknownName("campaign setting", name, known)
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise InputError(f"Campaign settings {data} cannot be used: {error}.") from error


@dataclass(frozen=True)
class Deployment:
    """One generation of a campaign. `slots` holds, for each per cent of the shoppers, its place in `variants`."""

    shop: ShopKey
    campaign: str
    generation: int
    variants: tuple[Variant, ...]
    config: CampaignConfig
    created: Micros = Micros(0)
    reason: str = ""
    restores: int | None = None
    slots: tuple[int, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if sum(variant.weight for variant in self.variants) != SLOTS:
            raise InputError(f"The weights of {self.campaign} do not sum to {SLOTS}.")
        if not self.slots:
            layout = [place for place, variant in enumerate(self.variants) for _ in range(variant.weight)]
            object.__setattr__(self, "slots", tuple(layout))

    @property
    def arn(self) -> str:
        """`arn:aws:personalize:REGION:ACCOUNT:campaign/NAME`."""
        return self.shop.arn("campaign", self.campaign)

    def variant_for(self, key: str) -> Variant:
        """The variant of a user or session id: always the same while its variant's weight does not shrink."""
        return self.variants[self.slots[slot_of(self.arn, key)]]


class Campaigns:
    """The campaigns of all shops."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def deploy(
        self,
        shop: ShopKey,
        campaign: str,
        version: Version,
        weight: int = SLOTS,
        *,
        config: CampaignConfig | None = None,
        reason: str = "",
    ) -> Deployment:
        """Serve a version to `weight` per cent of the shoppers; the others share the rest as before. 100 replaces.

        The first deployment makes the campaign. `config` stays as it was when None.
        Raises `InputError` for a weight outside 1-100 or a name taken by another shop, `StateError` for a rejected
        version or a share of a campaign that serves nothing yet, `UnknownName` for another shop's version.
        """
        if not 1 <= weight <= SLOTS:
            raise InputError(f"Weight {weight} was given, expected 1-{SLOTS} per cent.")
        now = self._clock.now()

        def work(connection: Connection) -> Deployment:
            ensure_named(connection, campaigns, shop, campaign, now)
            known = statuses(connection, shop)
            _require_usable(version.id, known, shop)
            before = _newest(connection, shop, campaign)
            if before is None and weight < SLOTS:
                fix = "Deploy a version to all shoppers first."
                raise StateError(f"Campaign {campaign} serves nothing that {weight} % could be taken from.", fix=fix)
            owners = () if before is None else tuple(before.variants[place].version_id for place in before.slots)
            slots = assign(owners, version.id, weight)
            names = {identity: f"{solution}-{identity}" for identity, (solution, _) in known.items()}
            settings = config or (before.config if before else CampaignConfig())
            generation = before.generation + 1 if before else 1
            variants, places = _variants(slots, names)
            deployment = Deployment(shop, campaign, generation, variants, settings, now, reason, slots=places)
            _append(connection, deployment)
            return deployment

        return self._database.write(work)

    def configure(self, shop: ShopKey, campaign: str, config: CampaignConfig, *, reason: str = "") -> Deployment:
        """Serve the same variants with another configuration."""
        now = self._clock.now()

        def work(connection: Connection) -> Deployment:
            before = self._require(connection, shop, campaign)
            after = _successor(before, before, now, reason, config=config)
            _append(connection, after)
            return after

        return self._database.write(work)

    def rollback(self, shop: ShopKey, campaign: str, *, reason: str = "") -> Deployment:
        """Serve again what served before, as a new generation; once more goes one further back.

        Generations that hold a version rejected since are passed over. Raises `StateError` when nothing is left.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Deployment:
            current = self._require(connection, shop, campaign)
            past = {each.generation: each for each in _past(connection, shop, campaign)}
            target = _before(current, past, statuses(connection, shop))
            if target is None:
                fix = "Publish another version instead: endcap publish VERSION."
                raise StateError(f"Campaign {campaign} has no earlier generation that may serve.", fix=fix)
            after = _successor(current, target, now, reason, restores=target.generation)
            _append(connection, after)
            return after

        return self._database.write(work)

    def current(self, shop: ShopKey, campaign: str) -> Deployment:
        """The generation that serves. Raises `UnknownName`, listing the shop's campaigns."""
        with self._database.read() as connection:
            return self._require(connection, shop, campaign)

    def find(self, arn: str) -> Deployment:
        """What serves under a campaign's ARN, whichever shop it belongs to. Raises `InputError`, `UnknownName`."""
        parts = arn.split(":")
        if len(parts) != 6 or parts[:3] != ["arn", "aws", "personalize"] or not parts[5].startswith("campaign/"):
            raise InputError(f"{arn!r} is no campaign ARN.", fix="It looks like arn:aws:personalize:…:campaign/NAME.")
        account, name = AccountKey(parts[4], parts[3]), parts[5].removeprefix("campaign/")
        with self._database.read() as connection:
            found = connection.execute(_serving().where(*_of_account(account), campaigns.c.campaign == name)).first()
        if found is None:
            raise UnknownName("campaign", arn, (), fix="List them with endcap status.")
        return _deployment(found)

    def history(self, shop: ShopKey, campaign: str) -> list[Deployment]:
        """Every generation, newest first. Raises `UnknownName`."""
        with self._database.read() as connection:
            self._require(connection, shop, campaign)
            return _past(connection, shop, campaign)

    def list(self, shop: ShopKey | None = None) -> list[Deployment]:
        """What serves: the newest generation of each campaign, of one shop or of all, by account, region and name."""
        query = _serving().order_by(campaigns.c.account, campaigns.c.region, campaigns.c.campaign)
        if shop is not None:
            query = query.where(*_of_account(shop.account), campaigns.c.shop == shop.group)
        with self._database.read() as connection:
            return [_deployment(row) for row in connection.execute(query)]

    @staticmethod
    def variant_for(deployment: Deployment, key: str) -> Variant:
        """The variant of a user or session id."""
        return deployment.variant_for(key)

    @staticmethod
    def _require(connection: Connection, shop: ShopKey, campaign: str) -> Deployment:
        found = _newest(connection, shop, campaign)
        if found is None:
            mine = (*_of_account(shop.account), campaigns.c.shop == shop.group)
            known = connection.execute(select(campaigns.c.campaign).where(*mine)).scalars()
            raise UnknownName("campaign", campaign, known, fix="Make it with endcap publish.")
        return found


def _require_usable(identity: str, known: dict[str, tuple[str, str]], shop: ShopKey) -> None:
    if identity not in known:
        raise UnknownName("version", identity, known, fix=f"It must be a version of shop {shop.group}.")
    if known[identity][1] == "rejected":
        raise StateError(f"Version {identity} was rejected.", fix="Deploy another, or approve it.")


def _before(current: Deployment, past: dict[int, Deployment], known: dict[str, tuple[str, str]]) -> Deployment | None:
    """What served before: going back over a rollback means going back from what it restored."""
    place = (current.restores or current.generation) - 1
    while place in past:
        earlier = past[place]
        if earlier.restores:
            place = earlier.restores
            continue
        if all(known.get(variant.version_id, ("", "rejected"))[1] != "rejected" for variant in earlier.variants):
            return earlier
        place -= 1
    return None


def _successor(
    current: Deployment,
    like: Deployment,
    now: Micros,
    reason: str,
    *,
    config: CampaignConfig | None = None,
    restores: int | None = None,
) -> Deployment:
    return Deployment(
        current.shop,
        current.campaign,
        current.generation + 1,
        like.variants,
        config or like.config,
        now,
        reason,
        restores,
        like.slots,
    )


def _variants(owners: tuple[str, ...], names: dict[str, str]) -> tuple[tuple[Variant, ...], tuple[int, ...]]:
    order = list(dict.fromkeys(owners))
    variants = tuple(Variant(names[owner], owner, owners.count(owner)) for owner in order)
    return variants, tuple(order.index(owner) for owner in owners)


def _append(connection: Connection, deployment: Deployment) -> None:
    account, region, _ = deployment.shop.parts()
    owners = [deployment.variants[place].name for place in deployment.slots]
    layout = {
        "variants": [{"name": each.name, "version": each.version_id} for each in deployment.variants],
        "slots": runs(owners),
    }
    connection.execute(
        insert(deployments).values(
            account=account,
            region=region,
            campaign=deployment.campaign,
            generation=deployment.generation,
            variants=layout,
            config=msgspec.to_builtins(deployment.config),
            restores=deployment.restores,
            reason=deployment.reason,
            created=deployment.created,
        )
    )


def _of_account(account: AccountKey) -> tuple[Any, ...]:
    return campaigns.c.account == account.account, campaigns.c.region == account.region


def _select() -> Select[Any]:
    return select(deployments, campaigns.c.shop).select_from(deployments.join(campaigns))


def _serving() -> Select[Any]:
    """The newest generation of every campaign: one seek each, however long the history."""
    each = deployments.alias()
    key = (campaigns.c.account, campaigns.c.region, campaigns.c.campaign)
    same = and_(*(each.c[column.name] == column for column in key))
    newest = select(func.max(each.c.generation)).where(same).correlate(campaigns).scalar_subquery()
    return _select().where(deployments.c.generation == newest)


def _generations(shop: ShopKey, campaign: str) -> Select[Any]:
    mine = (*_of_account(shop.account), campaigns.c.shop == shop.group, campaigns.c.campaign == campaign)
    return _select().where(*mine).order_by(deployments.c.generation.desc())


def _past(connection: Connection, shop: ShopKey, campaign: str) -> list[Deployment]:
    return [_deployment(row) for row in connection.execute(_generations(shop, campaign))]


def _newest(connection: Connection, shop: ShopKey, campaign: str) -> Deployment | None:
    row = connection.execute(_generations(shop, campaign).limit(1)).first()
    return None if row is None else _deployment(row)


def _deployment(row: Row[Any]) -> Deployment:
    try:
        names = [each["name"] for each in row.variants["variants"]]
        slots = tuple(place for name, length in row.variants["slots"] for place in (names.index(name),) * length)
        variants = tuple(
            Variant(each["name"], each["version"], slots.count(place))
            for place, each in enumerate(row.variants["variants"])
        )
        config = msgspec.convert(row.config, CampaignConfig)
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise ArtefactError(f"Generation {row.generation} of campaign {row.campaign} cannot be read.") from error
    return Deployment(
        key_of(row),
        row.campaign,
        row.generation,
        variants,
        config,
        Micros(row.created),
        row.reason,
        row.restores,
        slots,
    )
