"""What records of the log hold, as msgpack: the one shape of events from import, replay and live traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

Value = str | int | float | bool | None | list[str]


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event of a shopper. At least one of `user_id` and `session_id` is given; `time` is in microseconds UTC.

    `impression` lists what was shown with it (explicit); with `recommendation_id` alone it is what that answer showed.
    """

    event_id: str
    event_type: str
    time: int
    item_id: str = ""
    user_id: str = ""
    session_id: str = ""
    value: float | None = None
    recommendation_id: str = ""
    impression: tuple[str, ...] = ()
    source: str = ""
    """`eventAttributionSource`."""
    traffic: str = ""
    """`bot` or `internal`: kept and shown, but nothing learns from it or reacts to it."""
    properties: Mapping[str, Value] = {}
    """Further columns, named as in the table (lower case)."""


class Put(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Properties of an item, user or action, by table column; laid over what is known of it."""

    id: str
    time: int
    properties: Mapping[str, Value] = {}


class ActionEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a shopper made of an action: TAKEN, NOT_TAKEN or VIEWED."""

    event_id: str
    event_type: str
    time: int
    action_id: str
    user_id: str = ""
    session_id: str = ""
    recommendation_id: str = ""
    impression: tuple[str, ...] = ()
    properties: Mapping[str, Value] = {}


class Candidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An item that was considered, where it came from, and the score it had there."""

    item_id: str
    source: str
    score: float | None


class Shown(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An item of the answer. `position` counts from 1; `propensity` is the probability that the policy put it there."""

    item_id: str
    position: int
    score: float | None
    propensity: float
    source: str
    reason: str
    promotion: str = ""


class Decision(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One answered request: enough to attribute, to learn from impressions, and to judge another policy offline."""

    id: str
    """The recommendation id, which itself carries version, generation, variant and rung."""
    time: int
    operation: str
    """`recommendations`, `ranking` or `actions`."""
    target: str
    """ARN of the campaign or recommender."""
    generation: int
    variant: str
    version: str
    recipe: str
    user_id: str = ""
    item_id: str = ""
    """The item asked about."""
    k: int = 0
    context: Mapping[str, str] = {}
    filter: str = ""
    """ARN."""
    filter_values: Mapping[str, str] = {}
    promotion: str = ""
    """ARN of the promotion's filter."""
    rules: str = ""
    """Hash of the rules in force: configuration, filter, promotion."""
    candidates: tuple[Candidate, ...] = ()
    shown: tuple[Shown, ...] = ()
    counts: Mapping[str, int] = {}
    """How many were left after each step: candidates, allowed, ranked."""
    micros: int = 0
    """How long it took."""
    feature_set: str = ""
    """Signature of the ranking features in force; empty where nothing was ranked."""
    features: bytes = b""
    """float32, little-endian, [shown, features] in the order of `shown`: what the ranker was given, NaN rows for items
    that it did not see."""


class FeatureRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A record of a feature group, newest `time` (microseconds) wins; `values` by feature name, texts as on the wire.

    `deleted` takes it out of the online store; `until` is when it expires there, 0 for never.
    """

    group: str
    id: str
    time: int
    values: Mapping[str, str] = {}
    deleted: bool = False
    until: int = 0


def encode(payload: msgspec.Struct) -> bytes:
    """As msgpack."""
    return _ENCODER.encode(payload)


def decode(payload: bytes, kind: type[Any]) -> Any:
    """From msgpack. Raises `msgspec.DecodeError` for a poison record."""
    return msgspec.msgpack.decode(payload, type=kind)


_ENCODER = msgspec.msgpack.Encoder()
