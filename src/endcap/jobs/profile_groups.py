"""Which feature groups tell a solution of shoppers and items, and their records joined to what it learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from endcap.errors import InputError
from endcap.features.groups import FeatureGroup
from endcap.features.profiles import with_records
from endcap.lake.dataset import Dataset
from endcap.lake.tables import Lake
from endcap.recipes import recipe_class
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.lineage import USER_GROUPS
from endcap.types import ITEM_ID, USER_ID, AccountKey

SETTINGS: Mapping[str, str] = {"user_feature_groups": USER_ID, "item_feature_groups": ITEM_ID}
"""Members of a solution's featureTransformationParameters that name groups, commas between them, and whose they are."""


class ProfileGroups(msgspec.Struct, frozen=True):
    """Groups whose record ids are user ids, and those whose record ids are item ids."""

    users: tuple[FeatureGroup, ...] = ()
    items: tuple[FeatureGroup, ...] = ()

    @property
    def notes(self) -> dict[str, Any]:
        """For a version's lineage: what serving is to read of who asks."""
        return {USER_GROUPS: [each.name for each in self.users]} if self.users else {}


def given_groups(config: Mapping[str, Any]) -> dict[str, str]:
    """{group: `user_id` or `item_id`} of a solution's configuration."""
    told = config.get("featureTransformationParameters") or {}
    names = [(name.strip(), key) for member, key in SETTINGS.items() for name in str(told.get(member, "")).split(",")]
    return {name: key for name, key in names if name}


def profile_groups(
    groups: FeatureGroups, account: AccountKey, given: Mapping[str, str], recipe: str = ""
) -> ProfileGroups:
    """The groups of `given_groups`, looked up. Raises `UnknownName`, and `InputError` for an id that is neither, a
    group without what is needed, or a `recipe` that reads nothing of shoppers."""
    found: dict[str, list[FeatureGroup]] = {USER_ID: [], ITEM_ID: []}
    for name, key in given.items():
        if key not in found:
            raise InputError(f"Group {name} was given for {key!r}.", fix="Give GROUP=user_id or GROUP=item_id.")
        group = groups.get(account, name)
        needed = ("offline", "online") if key == USER_ID else ("offline",)
        lacking = [store for store in needed if store not in group.stores]
        if lacking:
            raise InputError(
                f"Feature group {name} has no {lacking[0]} store: training reads the offline, answers the online one.",
                fix="Make a group with both stores.",
            )
        found[key].append(group)
    if found[USER_ID] and recipe and not recipe_class(recipe).wants_profiles:
        raise InputError(
            f"{recipe} reads nothing of shoppers but their histories: {found[USER_ID][0].name} would not count.",
            fix="Take a recipe that does: fm, deepfm, hybrid or knowledge; or give groups of items only.",
        )
    return ProfileGroups(tuple(found[USER_ID]), tuple(found[ITEM_ID]))


def with_groups(lake: Lake, dataset: Dataset, groups: ProfileGroups, cut: int) -> Dataset:
    """The dataset with the newest records up to `cut` (microseconds) laid over what is known of users and items."""
    users, items = dataset.user_metadata, dataset.item_metadata
    if groups.users:
        users = with_records(lake, users, dataset.users.ids, USER_ID, groups.users, cut)
    if groups.items:
        items = with_records(lake, items, dataset.items.ids, ITEM_ID, groups.items, cut)
    return replace(dataset, user_metadata=users, item_metadata=items)
