"""Slates in the shapes of botocore's service model, and the metadata of their items as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from endcap.api.wire import JSON_HEADERS, Reply, invalid
from endcap.lake.schemas import TIMES
from endcap.serving.slate import Slate
from endcap.serving.snapshot import Snapshot
from endcap.types import SECOND

MOST_COLUMNS = 10
"""Columns of metadata in one request, as the service documents it."""
_TIMES = frozenset(name.lower() for name in TIMES)
_ENCODER = msgspec.json.Encoder()


class PredictedItem(msgspec.Struct, omit_defaults=True, gc=False):
    """Personalize's shape; an item without a score has none on the wire."""

    itemId: str  # noqa: N815
    score: float | None = None
    promotionName: str = ""  # noqa: N815
    metadata: dict[str, str] | None = None
    reason: tuple[str, ...] = ()


class PredictedAction(msgspec.Struct, gc=False):
    """Personalize's shape; an action that nothing is known of has the score 0."""

    actionId: str  # noqa: N815
    score: float


def items(slate: Slate, columns: Sequence[str] = (), *, scored: bool = True) -> list[PredictedItem]:
    """The items of an answer, with these columns of their metadata."""
    names = slate.promotions or [""] * len(slate.items)
    scores = slate.scores if scored else [None] * len(slate.items)
    reasons = [(word, reason) if word else (reason,) for word, reason in zip(slate.words, slate.reasons, strict=True)]
    made = [
        PredictedItem(item, score, name, None, reason)
        for item, score, name, reason in zip(slate.items, scores, names, reasons, strict=True)
    ]
    if columns:
        for each, ordinal in zip(made, slate.ordinals, strict=True):
            each.metadata = _metadata(slate.snapshot, ordinal, columns)
    return made


def actions(slate: Slate) -> list[PredictedAction]:
    """The actions of an answer."""
    return [PredictedAction(name, score or 0.0) for name, score in zip(slate.items, slate.scores, strict=True)]


def reply(slate: Slate, member: str, listed: Sequence[msgspec.Struct]) -> Reply:
    """The answer on the wire, with headers that say where it came from."""
    body = _ENCODER.encode({member: listed, "recommendationId": slate.recommendation_id})
    told = (
        (b"x-endcap-rung", slate.rung.encode()),
        (b"x-endcap-version", slate.model.version.encode()),
        (b"x-endcap-variant", slate.variant.name.encode()),
        (b"x-endcap-generation", str(slate.snapshot.generation).encode()),
    )
    because = ((b"x-endcap-because", slate.cause.encode()),) if slate.cause else ()
    stale = ((b"x-endcap-stale", b"log"),) if slate.stale else ()
    unread = ((b"x-endcap-unread", " ".join(slate.unread).encode("ascii", "backslashreplace")),) if slate.unread else ()
    return Reply(200, body, (*JSON_HEADERS, *told, *because, *stale, *unread))


def metadata_columns(given: Mapping[str, Sequence[str]] | None, snapshot: Snapshot) -> tuple[str, ...]:
    """The columns asked for, as they were written. Raises `Refusal` where they cannot be told."""
    if not given:
        return ()
    if not snapshot.deployment.config.metadata:
        raise invalid(f"metadataColumns were given, and {snapshot.arn} has enableMetadataWithRecommendations off.")
    ((kind, columns),) = given.items()
    if kind.upper() != "ITEMS":
        raise invalid(f"metadataColumns names {kind!r}, expected ITEMS.")
    if len(columns) > MOST_COLUMNS:
        raise invalid(f"metadataColumns names {len(columns)} columns, expected at most {MOST_COLUMNS}.")
    attributes = snapshot.attributes.items
    known = set(attributes.table.columns).union(*(each.keys() for each in attributes.now().rows.values()))
    unknown = [name for name in columns if name.lower() not in known]
    if unknown:
        listed = ", ".join(sorted(name.upper() for name in known)) or "none"
        raise invalid(f"The Items dataset has no column {unknown[0]}; it has {listed}.")
    return tuple(columns)


def _metadata(snapshot: Snapshot, ordinal: int, columns: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in columns:
        value = snapshot.attributes.items.value(ordinal, name.lower()) if ordinal >= 0 else None
        if value is not None:
            if isinstance(value, bool):
                found[name] = str(value).lower()
            else:
                found[name] = str(value // SECOND if name.lower() in _TIMES and isinstance(value, int) else value)
    return found
