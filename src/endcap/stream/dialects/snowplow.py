"""Snowplow's events hold JSON in texts, plain or in base64: taken apart here, so that paths can reach into it."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from endcap.errors import InputError

ENCODED = {"ue_px": "ue_pr", "cx": "co"}
"""Members in base64, and the plain ones whose place they take."""


def unwrapped(event: Any) -> Any:
    """With `data` of a self-describing event, and `entities` by the name of their schema: one, or a list of `product`.

    Raises `InputError` for what cannot be decoded.
    """
    if not isinstance(event, dict):
        return event
    made = dict(event)
    told = _decoded(event, "ue_pr")
    if isinstance(told, dict):
        inner = told.get("data")
        made["data"] = inner.get("data", {}) if isinstance(inner, dict) else {}
    contexts = _decoded(event, "co")
    held = contexts.get("data") if isinstance(contexts, dict) else None
    entities: dict[str, Any] = {"product": []}
    for each in held if isinstance(held, list) else []:
        if not isinstance(each, dict):
            continue
        name = str(each.get("schema", "")).split("/")[1:2]
        if name == ["product"]:
            entities["product"].append(each.get("data"))
        elif name:
            entities.setdefault(name[0], each.get("data"))
    made["entities"] = entities
    return made


def _decoded(event: dict[str, Any], plain: str) -> Any:
    value = event.get(plain)
    if value is None:
        encoded = next((event[name] for name, other in ENCODED.items() if other == plain and name in event), None)
        if encoded is None:
            return None
        try:
            text = str(encoded)
            value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8")
        except (binascii.Error, UnicodeError, ValueError):
            raise InputError(f"The encoded part of {plain} is no base64.") from None
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        raise InputError(f"{plain} is no JSON.") from None
