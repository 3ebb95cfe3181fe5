"""What is said of single features: a description, and parameters by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.featurestore.call import Call
from endcap.api.featurestore.making import ADDED
from endcap.errors import InputError, UnknownName
from endcap.registry.feature_groups import group_of
from endcap.registry.resources import Resource

KEPT = "_metadata"
MOST = 25
"""Parameters of a feature."""


def describe_feature_metadata(call: Call) -> Mapping[str, Any]:
    """A feature's type, description and parameters."""
    resource = call.find()
    name = _feature(resource, call)
    told = resource.document.get(KEPT, {}).get(name, {})
    added = int(resource.document.get(ADDED, {}).get(name, resource.created))
    parameters: Mapping[str, str] = told.get("parameters", {})
    return {
        "FeatureGroupArn": resource.arn,
        "FeatureGroupName": resource.id,
        "FeatureName": name,
        "FeatureType": group_of(resource).by_name[name].type,
        "CreationTime": added,
        "LastModifiedTime": told.get("updated", added),
        "Description": told.get("description"),
        "Parameters": [{"Key": key, "Value": parameters[key]} for key in sorted(parameters)],
    }


def update_feature_metadata(call: Call) -> Mapping[str, Any]:
    """Another description; parameters that come, and parameters that go."""
    resource, given = call.find(), call.given
    name = _feature(resource, call)
    told = dict(resource.document.get(KEPT, {}).get(name, {}))
    gone = set(given.get("ParameterRemovals", ()))
    kept = {key: value for key, value in told.get("parameters", {}).items() if key not in gone}
    for pair in given.get("ParameterAdditions", ()):
        if not {"Key", "Value"} <= set(pair):
            raise InputError("A parameter needs Key and Value.")
        kept[pair["Key"]] = pair["Value"]
    if len(kept) > MOST:
        raise InputError(f"A feature has at most {MOST} parameters, this would be {len(kept)}.")
    told |= {"parameters": kept, "updated": int(call.groups.clock.now())}
    if "Description" in given:
        told["description"] = given["Description"]
    metadata = {**resource.document.get(KEPT, {}), name: told}
    call.groups.resources.change(resource, document={KEPT: metadata})
    return {}


def _feature(resource: Resource, call: Call) -> str:
    """Raises `UnknownName` for a feature that the group has not."""
    name, known = str(call.given["FeatureName"]), group_of(resource).by_name
    if name not in known:
        raise UnknownName("feature", name, known)
    return name
