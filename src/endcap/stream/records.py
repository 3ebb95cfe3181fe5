"""What records of the log hold, as msgpack: the one shape of events from import, replay and live traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

Value = str | int | float | bool | None | list[str]
Moment = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
"""Microseconds UTC. What lies outside is no time: a record that has it is poison."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event of a shopper. At least one of `user_id` and `session_id` is given; `time` is in microseconds UTC.

    `impression` lists what was shown with it (explicit); with `recommendation_id` alone it is what that answer showed.
    """

    event_id: str
    event_type: str
    time: Moment
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
    time: Moment
    properties: Mapping[str, Value] = {}


class ActionEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a shopper made of an action: TAKEN, NOT_TAKEN or VIEWED."""

    event_id: str
    event_type: str
    time: Moment
    action_id: str
    user_id: str = ""
    session_id: str = ""
    recommendation_id: str = ""
    impression: tuple[str, ...] = ()
    properties: Mapping[str, Value] = {}


class Candidates(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Items that were considered, in equally long columns: ids, where each came from, the score it had there, and what
    the ranker said of it. Numbers are float32, little-endian, NaN where there is none: a decision is written for every
    answer, and an object for each candidate would cost more than the answer itself."""

    items: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    scores: bytes = b""
    judged: bytes = b""
    """Empty where nothing was ranked."""

    def __len__(self) -> int:
        return len(self.items)


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
    time: Moment
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
    considered: Candidates = Candidates()
    shown: tuple[Shown, ...] = ()
    counts: Mapping[str, int] = {}
    """How many were left after each step: candidates, allowed, ranked."""
    micros: int = 0
    """How long it took."""
    asked: int = 0
    """The moment as of which models and features were asked, microseconds; 0 in answers from before features."""
    feature_set: str = ""
    """Signature of the ranking features in force; empty where nothing was ranked."""
    features: bytes = b""
    """float32, little-endian, [shown, features] in the order of `shown`: what the ranker was given, NaN rows for items
    that it did not see."""


class FeatureRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A record of a feature group, newest `time` (microseconds) wins; `values` by feature name, texts as on the wire.

    `deleted` takes it out of the online store; `until` is when it expires there, 0 for never. The log's record has the
    time of writing.
    """

    group: str
    """`FeatureGroup.key`: another group that later has the same name has another."""
    id: str
    time: Moment
    values: Mapping[str, str | list[str]] = {}
    numbers: bytes = b""
    """float64, little-endian: the values of the group's `numeric` features in their order, NaN where there is none."""
    deleted: bool = False
    hard: bool = False
    """Of what is deleted: nothing of it is kept online, so that an older record may take its place."""
    until: int = 0
    stores: Literal["", "online", "offline"] = ""
    """The only store that takes it; empty for all that the group has."""


def encode(payload: msgspec.Struct) -> bytes:
    """As msgpack."""
    return _ENCODER.encode(payload)


def decode(payload: bytes, kind: type[Any]) -> Any:
    """From msgpack. Raises `msgspec.DecodeError` for a poison record."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.msgpack.Decoder(kind)
    return decoder.decode(payload)


_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[type[Any], msgspec.msgpack.Decoder[Any]] = {}
