"""Feature groups described and listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from endcap.api.featurestore.call import Call
from endcap.api.personalize.control.tokens import read_token, write_token
from endcap.registry.feature_groups import KIND
from endcap.registry.resources import Resource
from endcap.types import SECOND

PAGE = 100
"""Groups of a page, where the request does not say."""


def describe_feature_group(call: Call) -> Mapping[str, Any]:
    """All that is known of a group; its features come in one page."""
    resource = call.find()
    public = {name: value for name, value in resource.document.items() if not name.startswith("_")}
    return public | _summary(resource) | {"LastModifiedTime": resource.updated, "NextToken": ""}


def list_feature_groups(call: Call) -> Mapping[str, Any]:
    """The account's groups that a request asks for, in its order, a page at a time."""
    given, most = call.given, call.given.get("MaxResults", PAGE)
    found = [each for each in call.groups.resources.list(call.account, KIND) if _is_wanted(each, given)]
    sort = _SORTS[given.get("SortBy", "CreationTime")]
    descending = given.get("SortOrder", "Descending" if "SortBy" not in given else "Ascending") == "Descending"
    found.sort(key=lambda each: (sort(each), each.created, each.id), reverse=descending)
    purpose = (KIND, call.account.account, call.account.region, *_asked(given))
    start = read_token(given["NextToken"], int, *purpose) if given.get("NextToken") else 0
    answer: dict[str, Any] = {"FeatureGroupSummaries": [_summary(each) for each in found[start : start + most]]}
    if start + most < len(found):
        answer["NextToken"] = write_token(start + most, *purpose)
    return answer


def _summary(resource: Resource) -> dict[str, Any]:
    told: dict[str, Any] = {
        "FeatureGroupName": resource.id,
        "FeatureGroupArn": resource.arn,
        "CreationTime": resource.created,
        "FeatureGroupStatus": resource.status,
    }
    return told | ({"OfflineStoreStatus": {"Status": "Active"}} if _offline(resource) else {})


def _offline(resource: Resource) -> str:
    return "Active" if "OfflineStoreConfig" in resource.document else ""


_SORTS: Mapping[str, Callable[[Resource], Any]] = {
    "Name": lambda each: each.id,
    "FeatureGroupStatus": lambda each: each.status,
    "OfflineStoreStatus": _offline,
    "CreationTime": lambda each: each.created,
}


def _is_wanted(resource: Resource, given: Mapping[str, Any]) -> bool:
    return (
        given.get("NameContains", "") in resource.id
        and given.get("FeatureGroupStatusEquals", resource.status) == resource.status
        and given.get("OfflineStoreStatusEquals", _offline(resource)) == _offline(resource)
        and given.get("CreationTimeAfter", 0) * SECOND <= resource.created
        and resource.created <= given.get("CreationTimeBefore", 2**53) * SECOND
    )


def _asked(given: Mapping[str, Any]) -> list[str]:
    return [f"{name}={given[name]}" for name in sorted(given) if name not in ("NextToken", "MaxResults")]
