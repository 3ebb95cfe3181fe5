"""Tags: at most 50 on a resource, given when it is made or later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from endcap.api.personalize.control.desk import Call
from endcap.api.wire import Refusal
from endcap.errors import InputError
from endcap.registry.dependencies import InUse
from endcap.registry.quotas import is_going
from endcap.registry.resources import KINDS, Resource, Stale

MOST = 50
TAGGABLE = tuple(kind for kind in KINDS if kind not in ("schema", "metric-attribution"))
"""Kinds that the service lets be tagged."""
RESERVED = "aws:"
TRIES = 20
"""Tags are no part of what jobs do to a resource, so that a job which moves it on meanwhile is no reason to refuse."""


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
    added = tags_of(call.given)
    _retag(call, lambda tags: require_few({**tags, **added}))
    return {}


def untag_resource(call: Call) -> Mapping[str, Any]:
    """Removes tags; keys that are not there change nothing."""
    keys = call.given["tagKeys"]
    if len(keys) > MOST:
        _taggable(call)
        raise Refusal(400, "TooManyTagKeysException", f"{len(keys)} tag keys were given, at most {MOST} are taken.")
    _retag(call, lambda tags: {key: value for key, value in tags.items() if key not in set(keys)})
    return {}


def list_tags(call: Call) -> Mapping[str, Any]:
    """All tags of a resource, by key."""
    tags = _taggable(call).tags
    return {"tags": [{"tagKey": key, "tagValue": tags[key]} for key in sorted(tags)]}


def _retag(call: Call, changed: Callable[[Mapping[str, str]], dict[str, str]]) -> None:
    for left in reversed(range(TRIES)):
        resource = _taggable(call)
        tags = changed(resource.tags)
        if tags == resource.tags:
            return
        try:
            call.desk.resources.change(resource, tags=tags)
            return
        except Stale:
            if not left:
                raise


def _taggable(call: Call) -> Resource:
    resource = call.find(call.given["resourceArn"], *TAGGABLE)
    if is_going(resource.status):
        raise InUse(f"{resource.arn} is being deleted ({resource.status}).")
    return resource
