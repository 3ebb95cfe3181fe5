"""Tags of feature groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from endcap.api.featurestore.call import Call
from endcap.api.personalize.control.tagging import MOST, TRIES
from endcap.errors import InputError
from endcap.registry.quotas import QuotaExceeded
from endcap.registry.resources import Stale


def tags_of(pairs: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Raises `InputError` for a key twice or reserved."""
    tags: dict[str, str] = {}
    for pair in pairs:
        key = pair["Key"]
        if key in tags or key.lower().startswith("aws:"):
            raise InputError(f"Tag key {key!r} is given twice." if key in tags else f"Tag key {key!r} is reserved.")
        tags[key] = pair["Value"]
    return tags


def add_tags(call: Call) -> Mapping[str, Any]:
    """Adds tags, and replaces the values of those there are."""
    added = tags_of(call.given["Tags"])
    return {"Tags": _told(_retag(call, lambda tags: {**tags, **added}))}


def delete_tags(call: Call) -> Mapping[str, Any]:
    """Removes tags; keys that are not there change nothing."""
    gone = set(call.given["TagKeys"])
    _retag(call, lambda tags: {key: value for key, value in tags.items() if key not in gone})
    return {}


def list_tags(call: Call) -> Mapping[str, Any]:
    """All tags of a group, by key, in one page."""
    return {"Tags": _told(call.find("ResourceArn").tags)}


def _retag(call: Call, changed: Callable[[Mapping[str, str]], dict[str, str]]) -> Mapping[str, str]:
    for left in reversed(range(TRIES)):
        resource = call.find("ResourceArn")
        tags = changed(resource.tags)
        if len(tags) > MOST:
            raise QuotaExceeded(f"A feature group has at most {MOST} tags, this would be {len(tags)}.")
        try:
            return call.groups.resources.change(resource, tags=tags).tags
        except Stale:
            if not left:
                raise
    raise AssertionError("unreachable")


def _told(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
