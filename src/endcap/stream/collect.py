"""From validated events to records of the log: pure functions, the same for every way in.

A record's id is what makes a repeat harmless. It is made from the id that the client gave; else from the invocation
id of its SDK (which a retry repeats) and the place in the request; else from the content.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Literal

import msgspec

from endcap.storage.log import Record
from endcap.storage.log.contract import RECORD_KINDS, RecordKind
from endcap.stream.records import ActionEvent, Decision, Event, FeatureRecord, Put, encode
from endcap.types import ACCOUNT_LEVEL, AccountKey, Micros, ShopKey

PutKind = Literal["item", "user", "action"]
ID_BYTES = 16
_CONTENT = msgspec.msgpack.Encoder(order="sorted")
_GIVEN = {kind: f"{kind}\0given\0".encode() for kind in RECORD_KINDS}


def event_record(shop: ShopKey, event: Event, *, invocation: str = "", index: int = 0) -> Record:
    """An event of a shopper. An empty `event_id` means that the client gave none; then one is made and filled in."""
    name = _name("event", event.event_id, invocation, index, event)
    if not event.event_id:
        event = msgspec.structs.replace(event, event_id=name.hex())
    return Record(shop, "event", event.user_id or event.session_id, name, Micros(event.time), encode(event))


def action_record(shop: ShopKey, event: ActionEvent, *, invocation: str = "", index: int = 0) -> Record:
    """What a shopper made of an action; ids as in `event_record`."""
    name = _name("action_event", event.event_id, invocation, index, event)
    if not event.event_id:
        event = msgspec.structs.replace(event, event_id=name.hex())
    return Record(shop, "action_event", event.user_id or event.session_id, name, Micros(event.time), encode(event))


def put_record(shop: ShopKey, kind: PutKind, put: Put, *, invocation: str = "", index: int = 0) -> Record:
    """Properties of an item, user or action. The same properties put again at another time are another record."""
    name = _name(kind, "", invocation, index, put)
    return Record(shop, kind, put.id, name, Micros(put.time), encode(put))


def decision_record(shop: ShopKey, decision: Decision) -> Record:
    """An answer, known by its recommendation id."""
    name = _name("decision", decision.id, "", 0, decision)
    return Record(shop, "decision", decision.user_id or decision.id, name, Micros(decision.time), encode(decision))


def feature_record(
    account: AccountKey, record: FeatureRecord, written: Micros, *, invocation: str = "", index: int = 0
) -> Record:
    """A record of a feature group, written at a time; of the account. The same values written again later are another
    record, because what was written last counts among records of one event time."""
    name = _name("feature", "", invocation, index, (written, record))
    return Record(ShopKey(account, ACCOUNT_LEVEL), "feature", record.id, name, written, encode(record))


def _name(kind: RecordKind, given: str, invocation: str, index: int, content: Any) -> bytes:
    if given:
        return blake2b(_GIVEN[kind] + given.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).digest()
    if invocation:
        parts = (b"invocation", f"{index}\0{invocation}".encode("utf-8", "surrogatepass"))
    else:
        parts = (b"content", _CONTENT.encode(content))
    return blake2b(b"\0".join((kind.encode(), *parts)), digest_size=ID_BYTES).digest()
