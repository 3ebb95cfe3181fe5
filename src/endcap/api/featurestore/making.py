"""Feature groups made, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.featurestore.call import Call
from endcap.api.featurestore.tagging import tags_of
from endcap.errors import InputError
from endcap.features.groups import FeatureGroup, Store, duration
from endcap.registry.feature_groups import document_of, feature_of, group_of
from endcap.registry.resources import Resource

KEPT = ("OnlineStoreConfig", "OfflineStoreConfig", "ThroughputConfig", "RoleArn", "Description")
"""Members of a request that are described as they were given. Keys, roles, throughput and locations in S3 mean nothing
here: records are kept in this home."""
ADDED = "_added"
"""In the document: when each feature came that was not there from the beginning, by name."""


def create_feature_group(call: Call) -> Mapping[str, Any]:
    """Makes a group; it takes records at once."""
    given = call.given
    online = given.get("OnlineStoreConfig", {})
    stores: list[Store] = ["online"] if online.get("EnableOnlineStore") else []
    stores += ["offline"] if "OfflineStoreConfig" in given else []
    group = FeatureGroup(
        call.account,
        given["FeatureGroupName"],
        given["RecordIdentifierFeatureName"],
        given["EventTimeFeatureName"],
        tuple(feature_of(each) for each in given["FeatureDefinitions"]),
        tuple(stores),
        _lasting(online),
    )
    kept = {name: given[name] for name in KEPT if name in given}
    if "OnlineStoreConfig" in given and not online.get("EnableOnlineStore"):
        kept.pop("OnlineStoreConfig")
    made = call.groups.create(group, kept, tags_of(given.get("Tags", ())))
    return {"FeatureGroupArn": _arn(made)}


def update_feature_group(call: Call) -> Mapping[str, Any]:
    """Adds features, changes how long records last that are written from now on, or the throughput that is told."""
    resource, given = call.find(), call.given
    changes: dict[str, Any] = {}
    if "FeatureAdditions" in given:
        group = group_of(resource)
        added = [feature_of(each) for each in given["FeatureAdditions"]]
        changes["FeatureDefinitions"] = document_of(group.with_features(added))["FeatureDefinitions"]
        changes[ADDED] = {**resource.document.get(ADDED, {}), **{each.name: _now(call) for each in added}}
    if "OnlineStoreConfig" in given:
        online = dict(resource.document.get("OnlineStoreConfig", {}))
        if not online.get("EnableOnlineStore"):
            raise InputError(f"Feature group {resource.id} has no online store whose TtlDuration could be changed.")
        if _lasting(given["OnlineStoreConfig"]):
            online["TtlDuration"] = given["OnlineStoreConfig"]["TtlDuration"]
        changes["OnlineStoreConfig"] = online
    if "ThroughputConfig" in given:
        changes["ThroughputConfig"] = {**resource.document.get("ThroughputConfig", {}), **given["ThroughputConfig"]}
    if not changes:
        raise InputError("Nothing to update was given: FeatureAdditions, OnlineStoreConfig or ThroughputConfig.")
    changes["LastUpdateStatus"] = {"Status": "Successful"}
    return {"FeatureGroupArn": call.groups.resources.change(resource, document=changes).arn}


def delete_feature_group(call: Call) -> Mapping[str, Any]:
    """Deletes a group: its records are found no more. Its offline table stays in the lake."""
    call.groups.delete(call.account, call.find().id)
    return {}


def _lasting(online: Mapping[str, Any]) -> int:
    """Microseconds, 0 for ever. Raises `InputError` for half a duration."""
    ttl = online.get("TtlDuration")
    if ttl is None:
        return 0
    if not {"Unit", "Value"} <= set(ttl):
        raise InputError("TtlDuration needs Unit and Value.")
    return duration(ttl["Unit"], ttl["Value"])


def _now(call: Call) -> int:
    return int(call.groups.clock.now())


def _arn(group: FeatureGroup) -> str:
    return Resource(group.account, "feature-group", group.name).arn
