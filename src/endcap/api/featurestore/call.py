"""What a handler of `sagemaker` works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from endcap.api.featurestore.finding import absent, name_in
from endcap.errors import UnknownName
from endcap.registry.feature_groups import KIND, FeatureGroups
from endcap.registry.resources import Resource
from endcap.types import AccountKey


@dataclass(frozen=True)
class Call:
    """One request: whose it is, and its members, checked against the shape."""

    groups: FeatureGroups
    account: AccountKey
    given: Mapping[str, Any]

    def find(self, member: str = "FeatureGroupName") -> Resource:
        """The feature group that a member names, by name or ARN. Raises `UnknownName`."""
        named = str(self.given[member])
        try:
            return self.groups.resources.get(self.account, KIND, name_in(self.account, named))
        except UnknownName:
            raise absent(named) from None
