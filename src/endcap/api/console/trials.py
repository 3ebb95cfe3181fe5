"""Any version of a shop as if it were served: loaded when it is first looked at, and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from endcap.api.console.backstage import Backstage
from endcap.errors import StateError, UnknownName
from endcap.registry.campaigns import CampaignConfig, Deployment
from endcap.registry.variants import SLOTS, Variant
from endcap.serving.snapshot import Snapshot
from endcap.types import ShopKey

KEPT = 4
LOOKED_AT = "inspector"
"""The name of what no campaign serves."""


class Trials:
    """Of one web process. Loading takes as long as a start: seconds, for large models minutes."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage
        self._held: OrderedDict[tuple[object, ...], tuple[object, Snapshot]] = OrderedDict()
        """What was loaded, each with what it was loaded over."""
        self._lock = threading.Lock()

    def snapshot(self, shop: ShopKey, campaign: str = "", version: str = "") -> Snapshot:
        """What a campaign answers with (the shop's first, or the first that has the version, when none is named), or a
        version under that campaign's configuration.

        Raises `UnknownName`, `StateError` where nothing was trained, what a damaged model raises.
        """
        served = self._campaign(shop, campaign, version)
        if served is not None and (not version or {version} == set(served.models)):
            return served
        if not version:
            newest = self._backstage.workspace.versions.list(shop)
            if not newest:
                fix = f"endcap train --shop {shop.group}"
                raise StateError(f"Nothing was trained for {shop.group} yet.", fix=fix)
            version = newest[0].id
        found = self._backstage.workspace.versions.get(shop, version)
        variants = (Variant(f"{found.solution}-{version}", version, SLOTS),)
        if served is not None and version in served.models:
            deployment = replace(served.deployment, variants=variants, slots=())
            return replace(served, deployment=deployment, models={version: served.models[version]})
        deployment = (
            Deployment(shop, LOOKED_AT, 0, variants, CampaignConfig())
            if served is None
            else replace(served.deployment, variants=variants, slots=(), kind="campaign")
        )
        return self._loaded(deployment, served)

    def _campaign(self, shop: ShopKey, campaign: str, version: str) -> Snapshot | None:
        served = self._backstage.served(shop)
        if campaign:
            names = (campaign, shop.name_of(campaign))
            found = next((each for each in served if each.deployment.campaign in names), None)
            if found is None:
                raise UnknownName("campaign", campaign, [each.deployment.campaign for each in served])
            return found
        first = self._backstage.serving(shop, "for-you") or (served[0] if served else None)
        return next((each for each in served if version in each.models), first)

    def _loaded(self, deployment: Deployment, served: Snapshot | None) -> Snapshot:
        """Loaded anew when the shop is served from another state, or the data of one that is not served changed."""
        lake, shop = self._backstage.workspace.lake, deployment.shop
        over: object = lake.snapshot(shop) if served is None else served.state
        key = (deployment.arn, deployment.generation, deployment.variants)
        with self._lock:  # one is loaded at a time: it takes memory and processor
            held = self._held.get(key)
            if held is None or not (held[0] is over or (served is None and held[0] == over)):
                held = self._held[key] = over, self._backstage.watch.trial(deployment)
                while len(self._held) > KEPT:
                    self._held.popitem(last=False)
            self._held.move_to_end(key)
            return held[1]
