"""Campaigns: which versions serve, and to how many shoppers. The newest generation row is the only truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, select

from endcap.errors import ArtefactError, InputError, StateError, UnknownName
from endcap.registry.resources import alter, ensure_named, parse_arn, peek
from endcap.registry.variants import SLOTS, Variant, assign, runs, slot_of
from endcap.registry.versions import Version, statuses
from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import deployments, resources
from endcap.types import AccountKey, Micros, ShopKey

SERVED = ("campaign", "recommender")
STOPPED = ("STOP IN_PROGRESS", "INACTIVE", "START PENDING", "DELETE PENDING", "DELETE IN_PROGRESS")
"""Statuses in which a recommender or campaign does not answer; one that is being started is loaded meanwhile."""

POLICY = ("diversity", "category_cap", "hide_bought", "hide_out_of_stock", "exploration_ranked")
"""Settings that only `endcap publish` makes."""


class CampaignConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a campaign or recommender answers."""

    exclude_seen: bool = False
    """Leave out what is in the shopper's history."""
    exploration_weight: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    """Probability that a place of the answer goes to a new item; None is the recipe's own choice."""
    exploration_days: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    """An item is new for so many days (`explorationItemAgeCutOff`)."""
    popularity: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """How much popularity weighs against the model: 0 nothing, 1 alone (`rankingInfluence`)."""
    freshness: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """The same of an item's age."""
    metadata: bool = False
    """Whether `metadataColumns` may be asked for."""
    sync: bool = False
    """Whether each new version of the solution is deployed by itself."""
    guaranteed_tps: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Requests per second that are let in however busy the server is (`minProvisionedTPS`)."""
    diversity: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """How much likeness to what stands before an item weighs against its relevance: 0 nothing, 1 alone."""
    category_cap: Annotated[int, msgspec.Meta(ge=0)] = 0
    """At most so many items of one CATEGORY_L1 in an answer; 0 is no limit."""
    hide_bought: Literal["", "always", "until-due"] = ""
    """Leave out what the shopper bought: always, or until the item's usual interval between purchases has passed."""
    hide_out_of_stock: bool = False
    """Leave out what has no STOCK."""
    exploration_ranked: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """Probability that a place that is not explored otherwise goes to any of the best hundred, each as likely."""

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

    def with_policy_of(self, other: CampaignConfig) -> CampaignConfig:
        """This, with another's policy: what the service's own interface has no words for is kept by its updates."""
        return msgspec.structs.replace(self, **{name: getattr(other, name) for name in POLICY})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> CampaignConfig:
        """From the record of a campaign (`campaignConfig`, `minProvisionedTPS`) or a recommender (`recommenderConfig`).

        Its numbers may be texts, as they travel on the wire. Raises `InputError` for one that is out of range.
        """
        given = document.get("campaignConfig") or document.get("recommenderConfig") or {}
        explores, influence = given.get("itemExplorationConfig") or {}, given.get("rankingInfluence") or {}
        tps = document.get("minProvisionedTPS") or given.get("minRecommendationRequestsPerSecond")
        data = {
            "exploration_weight": explores.get("explorationWeight"),
            "exploration_days": explores.get("explorationItemAgeCutOff"),
            "popularity": influence.get("POPULARITY"),
            "freshness": influence.get("FRESHNESS"),
            "metadata": given.get("enableMetadataWithRecommendations"),
            "sync": given.get("syncWithLatestSolutionVersion"),
            "guaranteed_tps": tps,
        }
        try:
            given = {name: value for name, value in data.items() if value is not None}
            return msgspec.convert(given, cls, strict=False)
        except msgspec.ValidationError as error:
            raise InputError(f"The configuration cannot be used: {error}.") from error


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
    kind: str = "campaign"
    """Or `recommender`: the domain-preset form of a campaign."""

    def __post_init__(self) -> None:
        if sum(variant.weight for variant in self.variants) != SLOTS:
            raise InputError(f"The weights of {self.campaign} do not sum to {SLOTS}.")
        if not self.slots:
            layout = [place for place, variant in enumerate(self.variants) for _ in range(variant.weight)]
            object.__setattr__(self, "slots", tuple(layout))

    @property
    def arn(self) -> str:
        """`arn:aws:personalize:REGION:ACCOUNT:campaign/NAME`, or `…:recommender/NAME`."""
        return self.shop.arn(self.kind, self.campaign)

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
        kind: str = "campaign",
        record: bool = False,
    ) -> Deployment:
        """Serve a version to `weight` per cent of the shoppers; the others share the rest as before. 100 replaces.

        The first deployment makes the campaign. `config` stays as it was when None. With `record` the campaign's own
        record names what serves now, in the same transaction; else whoever deploys sees to it.
        Raises `InputError` for a weight outside 1-100 or a name taken by another shop, `StateError` for a rejected
        version or a share of a campaign that serves nothing yet, `UnknownName` for another shop's version.
        """
        if not 1 <= weight <= SLOTS:
            raise InputError(f"Weight {weight} was given, expected 1-{SLOTS} per cent.")
        now = self._clock.now()

        def work(connection: Connection) -> Deployment:
            served = {"solutionVersionArn": version.arn, "minProvisionedTPS": 1} if kind == "campaign" else {}
            ensure_named(connection, kind, shop, campaign, served, now)
            known = statuses(connection, shop)
            _require_usable(version.id, known, shop)
            before = _newest(connection, shop, campaign, kind)
            if before is None and weight < SLOTS:
                fix = "Deploy a version to all shoppers first."
                raise StateError(f"Campaign {campaign} serves nothing that {weight} % could be taken from.", fix=fix)
            owners = () if before is None else tuple(before.variants[place].version_id for place in before.slots)
            slots = assign(owners, version.id, weight)
            names = {identity: f"{solution}-{identity}" for identity, (solution, _) in known.items()}
            settings = config or (before.config if before else CampaignConfig())
            generation = before.generation + 1 if before else 1
            variants, places = _variants(slots, names)
            deployment = Deployment(shop, campaign, generation, variants, settings, now, reason, None, places, kind)
            _append(connection, deployment)
            if record:
                _record(connection, deployment, known)
            return deployment

        return self._database.write(work)

    def configure(
        self, shop: ShopKey, campaign: str, config: CampaignConfig, *, reason: str = "", kind: str = "campaign"
    ) -> Deployment:
        """Serve the same variants with another configuration."""
        now = self._clock.now()

        def work(connection: Connection) -> Deployment:
            before = self._require(connection, shop, campaign, kind)
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
            known = statuses(connection, shop)
            target = _before(current, past, known)
            if target is None:
                fix = "Publish another version instead: endcap publish VERSION."
                raise StateError(f"Campaign {campaign} has no earlier generation that may serve.", fix=fix)
            after = _successor(current, target, now, reason, restores=target.generation)
            _append(connection, after)
            _record(connection, after, known)
            return after

        return self._database.write(work)

    def restore(self, like: Deployment, *, reason: str = "") -> Deployment:
        """Serve what an earlier generation served, variants and configuration, as a new generation."""
        now = self._clock.now()

        def work(connection: Connection) -> Deployment:
            current = self._require(connection, like.shop, like.campaign, like.kind)
            after = _successor(current, like, now, reason, restores=like.restores or like.generation)
            _append(connection, after)
            return after

        return self._database.write(work)

    def current(self, shop: ShopKey, campaign: str, *, kind: str = "campaign") -> Deployment:
        """The generation that serves. Raises `UnknownName`, listing the shop's campaigns."""
        with self._database.read() as connection:
            return self._require(connection, shop, campaign, kind)

    def delete(self, shop: ShopKey, campaign: str, *, kind: str = "campaign") -> None:
        """Serve it no longer, and forget every generation."""
        mine = (*_of_shop(shop), deployments.c.kind == kind, deployments.c.campaign == campaign)
        with self._database.begin() as connection:
            connection.execute(delete(deployments).where(*mine))

    def find(self, arn: str) -> Deployment:
        """What serves under an ARN, whichever shop it belongs to. Raises `InputError`, `UnknownName`."""
        wanted = parse_arn(arn)
        if wanted.kind not in SERVED:
            raise InputError(f"{arn!r} is no campaign ARN.", fix="It looks like arn:aws:personalize:…:campaign/NAME.")
        mine = (*_of_account(wanted.account), resources.c.kind == wanted.kind, resources.c.id == wanted.id)
        with self._database.read() as connection:
            found = connection.execute(_serving().where(*mine)).first()
        if found is None:
            raise UnknownName(wanted.kind, arn, (), fix="List them with endcap status.")
        return _deployment(found)

    def history(self, shop: ShopKey, campaign: str, *, kind: str = "campaign") -> list[Deployment]:
        """Every generation, newest first. Raises `UnknownName`."""
        with self._database.read() as connection:
            self._require(connection, shop, campaign, kind)
            return _past(connection, shop, campaign, kind)

    def list(self, shop: ShopKey | None = None) -> list[Deployment]:
        """What serves: the newest generation of each campaign and of each recommender that is not stopped, of one shop
        or of all, by account, region, kind and name."""
        query = _serving().order_by(resources.c.account, resources.c.region, resources.c.kind, resources.c.id)
        if shop is not None:
            query = query.where(*_of_account(shop.account), resources.c.shop == shop.group)
        with self._database.read() as connection:
            return [_deployment(row) for row in connection.execute(query)]

    @staticmethod
    def variant_for(deployment: Deployment, key: str) -> Variant:
        """The variant of a user or session id."""
        return deployment.variant_for(key)

    @staticmethod
    def _require(connection: Connection, shop: ShopKey, campaign: str, kind: str = "campaign") -> Deployment:
        found = _newest(connection, shop, campaign, kind)
        if found is None:
            mine = (*_of_shop(shop), deployments.c.kind == kind)
            known = connection.execute(select(deployments.c.campaign).where(*mine).distinct()).scalars()
            raise UnknownName(kind, campaign, known, fix="Make it with endcap publish.")
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
        current.kind,
    )


def _variants(owners: tuple[str, ...], names: dict[str, str]) -> tuple[tuple[Variant, ...], tuple[int, ...]]:
    order = list(dict.fromkeys(owners))
    variants = tuple(Variant(names[owner], owner, owners.count(owner)) for owner in order)
    return variants, tuple(order.index(owner) for owner in owners)


def _append(connection: Connection, deployment: Deployment) -> None:
    account, region, group = deployment.shop.parts()
    owners = [deployment.variants[place].name for place in deployment.slots]
    layout = {
        "variants": [{"name": each.name, "version": each.version_id} for each in deployment.variants],
        "slots": runs(owners),
    }
    connection.execute(
        insert(deployments).values(
            account=account,
            region=region,
            kind=deployment.kind,
            shop=group,
            campaign=deployment.campaign,
            generation=deployment.generation,
            variants=layout,
            config=msgspec.to_builtins(deployment.config),
            restores=deployment.restores,
            reason=deployment.reason,
            created=deployment.created,
        )
    )


def _record(connection: Connection, deployment: Deployment, known: dict[str, tuple[str, str]]) -> None:
    """Let the campaign's record name the version that most shoppers get: an update builds on what it says."""
    there = peek(connection, deployment.shop.account, deployment.kind, deployment.campaign)
    if there is None or deployment.kind != "campaign":
        return
    largest = max(deployment.variants, key=lambda variant: variant.weight).version_id
    arn = deployment.shop.arn("solution", f"{known[largest][0]}/{largest}")
    alter(connection, there, deployment.created, document={"solutionVersionArn": arn})


def _of_account(account: AccountKey) -> tuple[Any, ...]:
    return resources.c.account == account.account, resources.c.region == account.region


def _of_shop(shop: ShopKey) -> tuple[Any, ...]:
    account, region, group = shop.parts()
    return deployments.c.account == account, deployments.c.region == region, deployments.c.shop == group


def _serving() -> Select[Any]:
    """The newest generation of whatever may serve: one seek each, however long the history."""
    each = deployments.alias()
    newest = select(func.max(each.c.generation)).where(*_same(each.c)).correlate(resources).scalar_subquery()
    joined = resources.join(deployments, and_(*_same(deployments.c), deployments.c.generation == newest))
    serves = (resources.c.kind.in_(SERVED), resources.c.status.not_in(STOPPED))
    return select(deployments).select_from(joined).where(*serves)


def _same(columns: Any) -> tuple[Any, ...]:
    """The deployments of one resource."""
    return (
        columns.account == resources.c.account,
        columns.region == resources.c.region,
        columns.kind == resources.c.kind,
        columns.campaign == resources.c.id,
    )


def _generations(shop: ShopKey, campaign: str, kind: str) -> Select[Any]:
    mine = (*_of_shop(shop), deployments.c.kind == kind, deployments.c.campaign == campaign)
    return select(deployments).where(*mine).order_by(deployments.c.generation.desc())


def _past(connection: Connection, shop: ShopKey, campaign: str, kind: str = "campaign") -> list[Deployment]:
    return [_deployment(row) for row in connection.execute(_generations(shop, campaign, kind))]


def _newest(connection: Connection, shop: ShopKey, campaign: str, kind: str = "campaign") -> Deployment | None:
    row = connection.execute(_generations(shop, campaign, kind).limit(1)).first()
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
        ShopKey(AccountKey(row.account, row.region), row.shop),
        row.campaign,
        row.generation,
        variants,
        config,
        Micros(row.created),
        row.reason,
        row.restores,
        slots,
        row.kind,
    )
