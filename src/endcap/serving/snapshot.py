"""What answers one campaign: immutable but for what is streamed into it, built off the request path, swapped whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from endcap.features.facts import BRAND, CATEGORY
from endcap.features.family import Extra
from endcap.features.groups import FeatureGroup
from endcap.features.kinds import KIND_NAMES, OTHER, Kinds, kinds_of
from endcap.features.shop import ShopFeatures, signature_of
from endcap.registry.campaigns import Deployment
from endcap.registry.recipe_arns import OWN, Offer
from endcap.registry.variants import Variant
from endcap.serving.live_shop import LiveShop, plain
from endcap.serving.model import ServedModel
from endcap.serving.records import Records
from endcap.serving.shop import ShopState
from endcap.serving.shop_attributes import ShopAttributes
from endcap.types import DAY, Bool, Float32, Int16, Int32

STALE = 30 * DAY
"""A shop whose newest event is older is asked as of then: history that was imported late is not all forgotten."""
_NO_CODES = np.zeros((0, 3), np.int32)
Columns = Int32 | slice
"""Places of columns in a block; the slice is all of them."""
EXPLORATION = 0.3
"""The service's default weight, for recipes that explore."""


@dataclass(frozen=True)
class Snapshot:
    """One generation of one campaign, pinned by each request that it answers.

    `live` is what was streamed since `state` was made, `offer` the recipe that was asked for, where that is known.
    """

    deployment: Deployment
    state: ShopState
    models: Mapping[str, ServedModel]
    """By version id."""
    live: LiveShop | None = None
    offer: Offer | None = None
    records: Records | None = None
    """What feature groups say of shoppers, of `groups` by version id."""
    groups: Mapping[str, tuple[FeatureGroup, ...]] = field(default_factory=dict)
    fed: object = None
    """What the log feeds, of which `live` is a part: fed for as long as somebody holds it."""

    @property
    def arn(self) -> str:
        return self.deployment.arn

    @property
    def generation(self) -> int:
        return self.deployment.generation

    def variant_for(self, key: str) -> tuple[int, Variant, ServedModel]:
        """(place among the variants, variant, model) of a shopper."""
        variants = self.deployment.variants
        variant = variants[0] if len(variants) == 1 else self.deployment.variant_for(key)
        return variants.index(variant), variant, self.models[variant.version_id]

    @property
    def size(self) -> int:
        """Number of ordinals: those of the catalogue, then those of items that came since."""
        return len(self.state.catalogue) if self.live is None else self.live.size

    def ordinal(self, item_id: str) -> int:
        """Ordinal of an item, -1 where unknown."""
        return self.state.ordinal(item_id) if self.live is None else self.live.ordinal(item_id)

    def ordinals(self, item_ids: list[str]) -> Int32:
        """int32 ordinals of items, -1 where unknown."""
        return self.state.ordinals(item_ids) if self.live is None else self.live.ordinals(item_ids)

    def names(self, ordinals: Sequence[int] | Int32) -> list[str]:
        """External ids of ordinals; every one must exist."""
        places = np.asarray(ordinals, np.int32)
        return self.state.catalogue.names(places) if self.live is None else self.live.names(places)

    def moment(self, asked: int) -> int:
        """The now of a question: when it is asked, or just after the newest event where all that is known is old."""
        newest = self.state.histories.last_time
        if self.live is not None:
            newest = max(newest, self.live.last_time)
        return newest + 1 if asked - newest > STALE else max(asked, newest + 1)

    @cached_property
    def exploration(self) -> float:
        """Probability that a place goes to a new item."""
        given = self.deployment.config.exploration_weight
        if given is not None:
            return given
        return EXPLORATION if self.offer is not None and self.offer.explores else 0.0

    @cached_property
    def is_named(self) -> bool:
        """Whether the recipe is one of the service's, whose rules then hold."""
        return self.offer is not None and not self.offer.name.startswith(OWN)

    @cached_property
    def is_related(self) -> bool:
        """Whether the question is always about an item."""
        return self.offer is not None and self.offer.type == "RELATED_ITEMS"

    @cached_property
    def hides(self) -> frozenset[str]:
        """Event types (without case and punctuation) whose items are left out of answers."""
        names = self.offer.hides if self.offer is not None else ()
        return frozenset(plain(name) for name in names)

    @cached_property
    def hidden_codes(self) -> Int16:
        """int16 codes of the histories' event types that are hidden."""
        names = self.state.histories.event_types
        return np.array([code for code, name in enumerate(names) if plain(name) in self.hides], np.int16)

    @cached_property
    def influences(self) -> dict[tuple[str, int], Float32]:
        """What popularity and freshness add to the scores of a version on a day; see `influence`."""
        return {}

    @cached_property
    def event_kinds(self) -> Kinds:
        """int8: the kind of each code of events, those of kinds that the shop did not have so far among them."""
        own = kinds_of(self.state.histories.event_types)
        return np.array([*own[:-1].tolist(), *range(len(KIND_NAMES)), OTHER], np.int8)

    def category(self, code: int) -> str:
        """The name of a category; empty where unknown."""
        return self._name(CATEGORY, code)

    def brand(self, code: int) -> str:
        """The name of a brand; empty where unknown."""
        return self._name(BRAND, code)

    def _name(self, column: int, code: int) -> str:
        if self.features is None or code < 0:
            return ""
        names, held = self.features.facts.names[column], self._names.get(column, [])
        if len(held) <= code:
            held = self._names[column] = list(names)
        return held[code] if code < len(held) else ""

    @cached_property
    def _names(self) -> dict[int, list[str]]:
        return {}

    @cached_property
    def sold_out(self) -> dict[str, tuple[Bool, Int32]]:
        """What has no stock, and of which reading; see `policy.rules`."""
        return {}

    @property
    def features(self) -> ShopFeatures | None:
        """What rankers are told, with what was streamed; None where the items are actions."""
        return self.live.features if self.live is not None else self.state.features

    @property
    def feature_set(self) -> str:
        """Signature of those features, declared ones among them."""
        features = self.features
        if features is None:
            return ""
        held = self._signed.get("")
        if held is None or held[0] is not features.extras:
            held = self._signed[""] = features.extras, features.signature
        return held[1]

    def columns(self, signature: str, names: tuple[str, ...]) -> Columns | None:
        """Where these features are in a block of `features`, for a model of this signature: windows that were declared
        since it was trained are passed over. None where one is missing, or means something else by now."""
        features = self.features
        if features is None:
            return None
        held = self._columns.get(signature)
        if held is None or held[0] is not features.extras:
            held = self._columns[signature] = features.extras, _columns_in(features, signature, names)
        return held[1]

    @cached_property
    def _columns(self) -> dict[str, tuple[tuple[Extra, ...], Columns | None]]:
        """By signature, and of which declared features it was taken."""
        return {}

    @cached_property
    def _signed(self) -> dict[str, tuple[tuple[Extra, ...], str]]:
        """The signature, and of which declared features it was taken."""
        return {}

    def kinds(self, ordinals: Int32) -> Int32:
        """int32 [m, 3]: codes of category, sub-category and brand of items, -1 where unknown."""
        codes = self.features.facts.codes if self.features is not None else _NO_CODES
        if len(ordinals) and int(ordinals.min()) >= 0 and int(ordinals.max()) < len(codes):
            told: Int32 = codes[ordinals]
            return told
        known = (ordinals >= 0) & (ordinals < len(codes))
        found: Int32 = np.where(known[:, None], codes[np.where(known, ordinals, -1)] if len(codes) else -1, -1)
        return found.astype(np.int32)

    @cached_property
    def is_about_actions(self) -> bool:
        """Whether its items are actions."""
        return self.live.about == "actions" if self.live is not None else self.is_action_recipe

    @cached_property
    def is_action_recipe(self) -> bool:
        """Whether the recipe scores actions."""
        return self.offer is not None and self.offer.learns_from_actions

    @cached_property
    def attributes(self) -> ShopAttributes:
        """What is known of its items and shoppers now."""
        return self.live.attributes if self.live is not None else ShopAttributes.fixed(self.state)


def _columns_in(features: ShopFeatures, signature: str, names: tuple[str, ...]) -> Columns | None:
    there = features.features
    places = {each.name: place for place, each in enumerate(there)}
    if any(name not in places for name in names):
        return None
    found = [places[name] for name in names]
    if signature_of([there[place] for place in found]) != signature:
        return None
    return slice(None) if found == list(range(len(there))) else np.array(found, np.int32)
