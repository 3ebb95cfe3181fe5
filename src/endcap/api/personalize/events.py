"""`personalize-events`: what happens in the shop, into the log. An answer means that it survives a power cut and that
the next request sees it; a call is taken whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from endcap.api.acknowledging import acknowledged
from endcap.api.door import Exchange, Route
from endcap.api.metrics import Metrics
from endcap.api.personalize.ingest import Place, Places
from endcap.api.personalize.properties import LATEST, fitted, is_number, parsed, plain
from endcap.api.shapes import convert, request_type
from endcap.api.wire import Refusal, Reply, invalid, read_json
from endcap.lake.schemas import DatasetKind
from endcap.seams import Clock
from endcap.storage.log import Log, Record
from endcap.stream.collect import PutKind, action_record, event_record, put_record
from endcap.stream.records import ActionEvent, Event, Put, Value
from endcap.types import DAY, DURATION, SECOND

SERVICE = "personalize-events"
BODY_LIMIT = 1 << 20
ANSWERS = ("TAKEN", "NOT_TAKEN", "VIEWED")
WHO = ("item_id", "action_id", "user_id", "session_id")
WHAT = ("event_type", "event_value", "timestamp", "impression", "recommendation_id", "event_attribution_source")
OWN = frozenset((*WHO, *WHAT))
"""Columns that have members of their own."""
HOLDS: Mapping[PutKind, DatasetKind] = {"item": "items", "user": "users", "action": "actions"}
DWELL = {"dwellseconds": 1.0, "dwelltime": 1.0, "engagementtimemsec": 0.001}
"""Other names of the column DURATION, plain, with the seconds of their unit."""
_DONE = Reply(200, b"")
_Judge = tuple[list[str], int]
"""Where faults are noted, and what time it is."""


class Events:
    """The handlers of the service."""

    def __init__(self, places: Places, log: Log, metrics: Metrics, clock: Clock) -> None:
        self._places, self._log, self._metrics, self._clock = places, log, metrics, clock
        operations = ("PutEvents", "PutItems", "PutUsers", "PutActions", "PutActionInteractions")
        self._types = {name: request_type(SERVICE, name) for name in operations}

    def routes(self) -> tuple[Route, ...]:
        """The service's rows of the table."""
        rows: tuple[tuple[str, Callable[[Exchange], Any]], ...] = (
            ("/events", self.put_events),
            ("/items", self.put_items),
            ("/users", self.put_users),
            ("/actions", self.put_actions),
            ("/action-interactions", self.put_action_interactions),
        )
        return tuple(Route("POST", path, handler, BODY_LIMIT, access="events") for path, handler in rows)

    async def put_events(self, exchange: Exchange) -> Reply:
        """PutEvents."""
        given = self._given("PutEvents", exchange)
        place = await self._places.tracked(exchange.caller, given.trackingId, "interactions")
        if place is None:
            # The model of this operation knows no ResourceNotFoundException.
            raise invalid(f"The tracking id {given.trackingId} does not exist.")
        faults, now = list[str](), self._clock.now()
        made = [
            _event(each, given, place, f"eventList.{number}.member", (faults, now))
            for number, each in enumerate(given.eventList, 1)
        ]
        _refuse(faults)
        invocation = _invocation(exchange)
        records = [
            event_record(place.shop, event, invocation=invocation, index=index) for index, event in enumerate(made)
        ]
        return await self._taken("event", records)

    async def put_items(self, exchange: Exchange) -> Reply:
        """PutItems."""
        return await self._put(exchange, "PutItems", "item")

    async def put_users(self, exchange: Exchange) -> Reply:
        """PutUsers."""
        return await self._put(exchange, "PutUsers", "user")

    async def put_actions(self, exchange: Exchange) -> Reply:
        """PutActions."""
        return await self._put(exchange, "PutActions", "action")

    async def put_action_interactions(self, exchange: Exchange) -> Reply:
        """PutActionInteractions."""
        given = self._given("PutActionInteractions", exchange)
        place = await self._places.tracked(exchange.caller, given.trackingId, "action_interactions")
        if place is None:
            raise Refusal(404, "ResourceNotFoundException", f"The tracking id {given.trackingId} does not exist.")
        faults, now = list[str](), self._clock.now()
        made = [
            _answer(each, place, f"actionInteractions.{number}.member", (faults, now))
            for number, each in enumerate(given.actionInteractions, 1)
        ]
        _refuse(faults)
        invocation = _invocation(exchange)
        records = [
            action_record(place.shop, event, invocation=invocation, index=index) for index, event in enumerate(made)
        ]
        return await self._taken("action_event", records)

    async def _put(self, exchange: Exchange, operation: str, kind: PutKind) -> Reply:
        given = self._given(operation, exchange)
        place = await self._places.dataset(exchange.caller, given.datasetArn, HOLDS[kind])
        listed: Sequence[Any] = getattr(given, f"{kind}s")
        faults: list[str] = []
        puts, now = [], self._clock.now()
        for number, each in enumerate(listed, 1):
            at = f"{kind}s.{number}.member"
            told = parsed(each.properties, f"{at}.properties", faults)
            columns = plain(told)
            if place.schema is not None:
                columns = fitted(told, place.schema, f"{at}.properties", faults, whole=True)
            puts.append(
                Put(id=_text(getattr(each, f"{kind}Id"), f"{at}.{kind}Id", faults), time=now, properties=columns)
            )
        _refuse(faults)
        invocation = _invocation(exchange)
        records = [
            put_record(place.shop, kind, put, invocation=invocation, index=index) for index, put in enumerate(puts)
        ]
        return await self._taken(kind, records)

    def _given(self, operation: str, exchange: Exchange) -> Any:
        return convert(read_json(exchange.body), self._types[operation])

    async def _taken(self, kind: str, records: Sequence[Record]) -> Reply:
        await acknowledged(self._log, records)
        self._metrics.taken(kind, len(records))
        return _DONE


def _event(given: Any, call: Any, place: Place, at: str, judge: _Judge) -> Event:
    faults, now = judge
    told = parsed(given.properties, f"{at}.properties", faults)
    item, value = given.itemId, given.eventValue
    for key in list(told):
        name = key.replace("_", "").lower()
        if name == "itemid" and item is None and isinstance(told[key], str | int):
            item = str(told[key])  # as clients wrote before the member existed
        elif name == "eventvalue" and value is None and is_number(told[key]):
            value = told[key]
        elif name in DWELL and is_number(told[key]):
            told.setdefault(DURATION, told[key] * DWELL[name])
    source = given.metricAttribution.eventAttributionSource if given.metricAttribution is not None else ""
    return Event(
        event_id=given.eventId or "",
        event_type=_text(given.eventType, f"{at}.eventType", faults),
        time=_moment(given.sentAt, f"{at}.sentAt", faults, now),
        item_id=_text(item or "", f"{at}.itemId", faults),
        user_id=_text(call.userId or "", "userId", faults),
        session_id=_text(call.sessionId, "sessionId", faults),
        value=None if value is None else float(value),
        recommendation_id=given.recommendationId or "",
        impression=tuple(given.impression or ()),
        source=source,
        properties=_columns(told, place, f"{at}.properties", faults),
    )


def _answer(given: Any, place: Place, at: str, judge: _Judge) -> ActionEvent:
    faults, now = judge
    answer = given.eventType.upper()
    if answer not in ANSWERS:
        faults.append(
            f"Value '{given.eventType[:64]}' at '{at}.eventType' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(ANSWERS)}]"
        )
    told = parsed(given.properties, f"{at}.properties", faults)
    return ActionEvent(
        event_id=given.eventId or "",
        event_type=answer,
        time=_moment(given.timestamp, f"{at}.timestamp", faults, now),
        action_id=_text(given.actionId, f"{at}.actionId", faults),
        user_id=_text(given.userId or "", f"{at}.userId", faults),
        session_id=_text(given.sessionId, f"{at}.sessionId", faults),
        recommendation_id=given.recommendationId or "",
        impression=tuple(given.impression or ()),
        properties=_columns(told, place, f"{at}.properties", faults),
    )


def _columns(told: dict[str, Any], place: Place, at: str, faults: list[str]) -> dict[str, Value]:
    columns = plain(told) if place.schema is None else fitted(told, place.schema, at, faults, whole=False)
    return {name: value for name, value in columns.items() if name not in OWN}


def _moment(given: float | str, at: str, faults: list[str], now: int) -> int:
    """Microseconds of a number of seconds, or of a time in ISO 8601 (UTC where it does not say).

    A time more than a day ahead is a wrong clock's and becomes `now`: else one event would make all others old.
    """
    seconds = -1.0
    if isinstance(given, str):
        try:
            told = datetime.fromisoformat(given)
            seconds = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            try:
                seconds = float(given)
            except ValueError:
                seconds = -1.0
    else:
        seconds = given
    if not 0 <= seconds < LATEST:
        faults.append(f"Value '{given}' at '{at}' failed to satisfy constraint: Member must be a time in seconds")
        return 0
    moment = round(seconds * SECOND)
    return moment if moment <= now + DAY else now


def _text(given: str, at: str, faults: list[str]) -> str:
    if "\0" in given or len(given) > 256:
        faults.append(f"Value at '{at}' failed to satisfy constraint: Member must be a text of at most 256 characters")
    return given


def _refuse(faults: list[str]) -> None:
    if faults:
        word = "error" if len(faults) == 1 else "errors"
        raise invalid(f"{len(faults)} validation {word} detected: {'; '.join(faults[:10])}")


def _invocation(exchange: Exchange) -> str:
    """The SDK's id of a call, which its retries repeat."""
    return exchange.header(b"amz-sdk-invocation-id").decode("ascii", "replace")[:128]
