"""Tags: at most 50 on a resource, given when it is made or later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from endcap.api.personalize.control.desk import Call
from endcap.api.wire import Refusal
from endcap.errors import InputError
from endcap.registry.dependencies import InUse
from endcap.registry.quotas import is_going
from endcap.registry.resources import KINDS, Resource

MOST = 50
TAGGABLE = tuple(kind for kind in KINDS if kind not in ("schema", "metric-attribution"))
"""Kinds that the service lets be tagged."""
RESERVED = "aws:"


def tags_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a request. Raises `Refusal` (TooManyTagsException), `InputError` for a key twice or reserved."""
    pairs: Sequence[Mapping[str, str]] = given.get("tags", ())
    tags = {pair["tagKey"]: pair["tagValue"] for pair in pairs}
    if len(tags) < len(pairs):
        raise InputError("A tag key is given twice.")
    reserved = next((key for key in tags if key.lower().startswith(RESERVED)), None)
    if reserved is not None:
        raise InputError(f"Tag key {reserved!r} is reserved: keys must not start with {RESERVED}")
    return require_few(tags)


def require_few(tags: dict[str, str]) -> dict[str, str]:
    """The tags themselves. Raises `Refusal` (TooManyTagsException)."""
    if len(tags) > MOST:
        raise Refusal(400, "TooManyTagsException", f"A resource has at most {MOST} tags, this would be {len(tags)}.")
    return tags


def tag_resource(call: Call) -> Mapping[str, Any]:
    """Adds tags, and replaces the values of those there are."""
    resource = _taggable(call)
    call.desk.resources.change(resource, tags=require_few({**resource.tags, **tags_of(call.given)}))
    return {}


def untag_resource(call: Call) -> Mapping[str, Any]:
    """Removes tags; keys that are not there change nothing."""
    resource, keys = _taggable(call), call.given["tagKeys"]
    if len(keys) > MOST:
        raise Refusal(400, "TooManyTagKeysException", f"{len(keys)} tag keys were given, at most {MOST} are taken.")
    kept = {key: value for key, value in resource.tags.items() if key not in set(keys)}
    if len(kept) < len(resource.tags):
        call.desk.resources.change(resource, tags=kept)
    return {}


def list_tags(call: Call) -> Mapping[str, Any]:
    """All tags of a resource, by key."""
    tags = _taggable(call).tags
    return {"tags": [{"tagKey": key, "tagValue": tags[key]} for key in sorted(tags)]}


def _taggable(call: Call) -> Resource:
    resource = call.find(call.given["resourceArn"], *TAGGABLE)
    if is_going(resource.status):
        raise InUse(f"{resource.arn} is being deleted ({resource.status}).")
    return resource
