"""Feature groups of a request, by name or ARN, within the caller's account."""

from __future__ import annotations

import asyncio

from endcap.api.known import Known
from endcap.errors import InputError, UnknownName
from endcap.features.groups import FeatureGroup
from endcap.registry.feature_groups import KIND, FeatureGroups
from endcap.registry.resources import parse_arn
from endcap.types import AccountKey


class GroupFinder:
    """Looked up in the registry, and remembered for half a second."""

    def __init__(self, groups: FeatureGroups) -> None:
        self._groups = groups
        self._known: Known[tuple[AccountKey, str], FeatureGroup] = Known(lambda key: groups.get(*key))

    async def group(self, account: AccountKey, named: str) -> FeatureGroup:
        """A group of the account. Raises `UnknownName`; the same whether it does not exist or is someone else's."""
        try:
            return await self._known.get((account, name_in(account, named)))
        except UnknownName:
            raise absent(named) from None

    async def again(self, account: AccountKey, named: str) -> FeatureGroup:
        """As `group`, read now: features may have been added a moment ago."""
        return await asyncio.to_thread(self._groups.get, account, name_in(account, named))


def name_in(account: AccountKey, named: str) -> str:
    """The name of a group that is given by name or ARN. Raises `UnknownName` for another account's or region's."""
    if not named.startswith("arn:"):
        return named
    try:
        reference = parse_arn(named)
    except InputError:
        raise absent(named) from None
    if reference.kind != KIND or reference.account != account:
        raise absent(named)
    return reference.id


def absent(named: str) -> UnknownName:
    """That there is no such group for the caller."""
    error = UnknownName(KIND, named, ())
    error.message = f"Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {named}."
    return error
