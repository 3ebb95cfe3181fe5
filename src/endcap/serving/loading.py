"""Snapshots from the registry's deployments: state, what is streamed into it, models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from endcap.errors import EndcapError, StateError, UnknownName
from endcap.features.groups import FeatureGroup
from endcap.registry.campaigns import Deployment
from endcap.registry.recipe_arns import Offer, offer
from endcap.registry.resources import Resources
from endcap.registry.versions import Versions
from endcap.serving.live_shops import LiveShops, Streamed
from endcap.serving.model import ServedModel
from endcap.serving.records import Records
from endcap.serving.shop import ShopState, ShopStates
from endcap.serving.snapshot import Snapshot
from endcap.serving.warming import warm
from endcap.types import AccountKey, ShopKey


@dataclass(frozen=True)
class Base:
    """One state of a shop's items and, where it has any, its actions, with what is streamed into them."""

    shop: ShopKey
    state: ShopState
    actions: ShopState | None = None
    streamed: Streamed | None = None


class Loader:
    """Reads, verifies and warms. `live` is None where nothing is streamed, `resources` where recipes are not asked for
    by ARN, `actions` where there are none, `records` where no feature group tells of shoppers."""

    def __init__(
        self,
        versions: Versions,
        states: ShopStates,
        *,
        resources: Resources | None = None,
        actions: ShopStates | None = None,
        live: LiveShops | None = None,
        records: Records | None = None,
    ) -> None:
        self._versions, self._states, self._resources = versions, states, resources
        self._actions, self._live, self._records = actions, live, records

    def base(self, shop: ShopKey, announced: str, before: Base | None, *, wait: bool) -> Base | None:
        """The shop's state at the announced snapshot (the newest where none is); None while it is being built."""
        text = announced or self._states.newest(shop)
        declared = self._states.declared(shop)
        if before is not None and (before.state.snapshot, before.state.declared) == (text, declared):
            return before
        state = self._states.load(shop) if wait and not announced else self._ready(self._states, shop, text, wait=wait)
        if state is None:
            return None
        if before is not None and (before.state.snapshot, before.state.declared) == (state.snapshot, state.declared):
            return before
        actions = None
        if self._actions is not None and "action" in text:
            try:
                actions = self._ready(self._actions, shop, text, wait=wait)
            except EndcapError:  # items are served all the same; campaigns of actions say what is missing
                actions = None
            else:
                if actions is None:
                    return None
        if self._live is None:
            return Base(shop, state, actions)
        streamed = self._live.follow(shop, state, actions, before.streamed if before else None)
        return Base(shop, state, actions, streamed)

    def snapshot(self, deployment: Deployment, base: Base, served: Iterable[Snapshot]) -> Snapshot:
        """Models already served on the same state are kept, those of an earlier one tied anew; the others are read."""
        asked = self._offer(deployment)
        is_actions = asked is not None and asked.learns_from_actions
        if is_actions and base.actions is None:
            raise StateError(f"Shop {base.shop.group} has no actions.", fix="Import actions first.")
        state = base.actions if is_actions and base.actions is not None else base.state
        live = None
        if base.streamed is not None:
            live = base.streamed.actions if state is base.actions else base.streamed.items
        held = {
            name: model for each in served if each.deployment.shop == base.shop for name, model in each.models.items()
        }
        wanted = sorted({variant.version_id for variant in deployment.variants})
        models = {name: self._model(name, state, held.get(name), is_actions=is_actions) for name in wanted}
        groups = {name: self._groups(name) for name, model in models.items() if model.wants_profiles}
        made = Snapshot(deployment, state, models, live, asked, self._records, groups, base.streamed)
        warm(made)
        return made

    def trial(self, deployment: Deployment, base: Base | None, served: Iterable[Snapshot]) -> Snapshot:
        """What would answer for a deployment that is not made. Without a base (nothing of the shop is served) it is the
        shop's newest state, which is built where it is not yet, and nothing is streamed into it."""
        if base is None:
            shop = deployment.shop
            base = Base(shop, self._states.wait(shop, self._states.newest(shop)))
        return self.snapshot(deployment, base, served)

    def is_old(self, base: Base, text: str) -> bool:
        """Whether another snapshot than the base's was announced, or other windows are declared than it has."""
        is_other = bool(text) and base.state.snapshot != text
        return is_other or base.state.declared != self._states.declared(base.shop)

    def takes_away(self, shop: ShopKey, before: str, after: str) -> bool:
        """Whether something was deleted between two snapshots, which must not be served any longer."""
        return self._states.takes_away(shop, before, after)

    def keep(self, bases: Iterable[Base]) -> None:
        """Let what is streamed go nowhere but into these."""
        if self._live is not None:
            self._live.keep(base.streamed for base in bases if base.streamed is not None)

    def close(self) -> None:
        """End what is being built."""
        self._states.close()
        if self._actions is not None:
            self._actions.close()

    @staticmethod
    def _ready(states: ShopStates, shop: ShopKey, text: str, *, wait: bool) -> ShopState | None:
        return states.wait(shop, text) if wait else states.ready(shop, text)

    def _model(self, version: str, state: ShopState, held: ServedModel | None, *, is_actions: bool) -> ServedModel:
        if held is not None and held.state is state:
            return held
        if held is not None and not is_actions:
            return held.on(state)
        model = self._versions.load(version)
        return ServedModel.of_actions(model, state) if is_actions else ServedModel.of(model, state)

    def _groups(self, version: str) -> tuple[FeatureGroup, ...]:
        """What it was trained with, read with every snapshot."""
        return () if self._records is None else self._records.groups(self._versions.find(version))

    def _offer(self, deployment: Deployment) -> Offer | None:
        """The recipe that was asked for; None where the registry does not say."""
        if self._resources is None:
            return None
        account = deployment.shop.account
        if deployment.kind == "recommender":
            places = [("recommender", deployment.campaign)]
        else:
            version = self._versions.find(deployment.variants[0].version_id)
            places = [("solution-version", f"{version.solution}/{version.id}"), ("solution", version.solution)]
        for kind, name in places:
            arn = _recipe(self._resources, account, kind, name)
            if arn:
                try:
                    return offer(arn)
                except UnknownName:
                    return None
        return None


def _recipe(resources: Resources, account: AccountKey, kind: str, name: str) -> str:
    try:
        return str(resources.get(account, kind, name).document.get("recipeArn", ""))
    except UnknownName:
        return ""
