"""What feature groups say of who asks, as it is online at that moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from endcap.errors import EndcapError
from endcap.features.groups import FeatureGroup
from endcap.features.online import OnlineStore
from endcap.features.profiles import Known, known_of
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.lineage import USER_GROUPS
from endcap.registry.versions import Version


class Records:
    """Of all accounts. `online` gives the store once there is one: models are loaded before it is filled."""

    def __init__(self, groups: FeatureGroups, online: Callable[[], OnlineStore]) -> None:
        self._groups, self._online = groups, online

    def groups(self, version: Version) -> tuple[FeatureGroup, ...]:
        """The groups of users that a version was trained with, but those that are gone."""
        found = []
        for name in version.lineage.metrics.get(USER_GROUPS, ()):
            with suppress(EndcapError):
                found.append(self._groups.get(version.shop.account, str(name)))
        return tuple(found)

    def of(self, groups: Sequence[FeatureGroup], user: str) -> dict[str, Known]:
        """By column, what the newest records of a user say; nothing while the store cannot be asked."""
        known: dict[str, Known] = {}
        with suppress(EndcapError, OSError):
            found = self._online().get_many([(group, user) for group in groups])
            for group, record in zip(groups, found, strict=True):
                if record is not None:
                    known |= known_of(group, record.values())
        return known
