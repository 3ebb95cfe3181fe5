"""Events of a dialect as our events: one for each item that they name, none where they say nothing of interest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from endcap.errors import InputError
from endcap.lake.signals import number
from endcap.stream.dialects import Dialect
from endcap.stream.dialects.paths import UNITS, Path, first, moment, shown
from endcap.stream.dialects.shape import INNER, Shape
from endcap.stream.records import Event, Value
from endcap.types import SECOND

MOST = 1_000
"""Events of one call, as they are given and as they are read."""
LONGEST = 256
"""Characters of an id, and of a further column's name."""
LONGEST_VALUE = 4_000
"""Characters of a further column; what is longer is left out."""
MOST_COLUMNS = 64
MOST_ITEMS = 500
"""Items of one event."""
SHOWN = frozenset({"Impression"})
"""Types whose items are one event's impression, not an event each."""
_WHOLE = 2**63
_TRUE = frozenset({True, "1", "true", "True"})


class TooMany(InputError):
    """A call says more events than one may."""


@dataclass(frozen=True)
class Rejected:
    """An event that cannot be taken: its place in the call, why, and the event as it was given."""

    index: int
    reason: str
    event: Any


@dataclass
class Read:
    """What a call says: our events, what was refused, and how many events are none of ours (page views, scrolls)."""

    events: list[Event] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ignored: int = 0


def read(dialect: Dialect, call: Any, now: int, traffic: str = "") -> Read:
    """Read one call. `now` (microseconds) stands in for events without a time; `traffic` flags them all.

    Raises `InputError` where the call holds no events, `TooMany` where it holds more than `MOST`, before they are made;
    a bad event is set aside and holds up no other.
    """
    found = Read()
    given = dialect.events_in(call)
    _require_few(len(given))
    keys = tuple(call) if type(call) is dict else ()
    for index, event in enumerate(given):
        try:
            made = _events(dialect, (call, keys), dialect.unwrapped(event), now, traffic)
        except InputError as error:
            found.rejected.append(Rejected(index, error.message, event))
            continue
        found.events += made
        found.ignored += not made
        _require_few(len(found.events))
    return found


def _require_few(events: int) -> None:
    if events > MOST:
        raise TooMany(f"The call says {events} events or more, at most {MOST} are allowed.")


def _events(dialect: Dialect, within: tuple[Any, tuple[str, ...]], event: Any, now: int, traffic: str) -> list[Event]:
    """`within`: the call, and its keys."""
    if type(event) is not dict:
        raise InputError(f"An event is of the type {type(event).__name__}, expected an object.")
    call, keys = within
    roots = (None, event, call)
    shape = dialect.shape(event, keys)
    if (
        shape is not None
        and shape.is_simple
        and (made := _simple(dialect, shape, (event, call), now, traffic)) is not None
    ):
        return [made]
    name = first(dialect.name if shape is None else shape.name, roots)
    kind = dialect.types.get(name) if isinstance(name, str) else None
    if not isinstance(name, str) or not name:
        raise InputError("The event has no type.", fix="See docs/reference/collect.md.")
    items = first(dialect.items, roots) if shape is None else None
    listed = items if isinstance(items, list) else []
    if len(listed) > MOST_ITEMS:
        raise InputError(f"The event names {len(listed)} items, at most {MOST_ITEMS} are allowed.")
    spoken = dialect if listed else dialect.plain
    if (
        kind is None
        and not dialect.keeps
        and not listed
        and not _text("item_id", first(_paths(spoken, "item_id"), roots))
    ):
        return []
    kind = _text("event type", kind or name)
    told = _Told(spoken, shape, event, call, now, kind, traffic)
    if not listed:
        return [told.event(None, "")]
    if kind in SHOWN:
        shown = [_text("item_id", first(_paths(spoken, "item_id"), (item, event, call))) for item in listed]
        return [told.event(None, "", tuple(each for each in shown if each))]
    return [told.event(item, f"/{kind}/{place}") for place, item in enumerate(listed)]


def _simple(dialect: Dialect, shape: Shape, given: tuple[dict[str, Any], Any], now: int, traffic: str) -> Event | None:
    """What most events (given with their call) are: texts, a time, and further columns. None for one that has to be
    looked at closely."""
    event, call = given
    name = first(shape.name, (None, event, call))
    told: dict[str, Any] = {}
    for field_name, key in shape.fields.direct:
        value = event[key]
        if field_name == "time":
            told["time"] = value
        elif value is not None and value != "":
            if type(value) is not str or len(value) > LONGEST or "\0" in value:
                return None
            told[field_name] = value
    kind = dialect.types.get(name) if type(name) is str else None
    if kind is None and (type(name) is not str or not (dialect.keeps or "item_id" in told)):
        return None
    kind = kind or name
    if len(kind) > LONGEST or "\0" in kind or not ("user_id" in told or "session_id" in told):
        return None
    time = told.get("time")
    told["time"] = now if time is None or time == "" else moment(time, "", now)
    if shape.kept:
        told["properties"] = {column: event[key] for column, key in shape.kept if _is_column(key, event[key])}
    return Event(event_type=kind, traffic=traffic, **{"event_id": "", **told})


class _Told(NamedTuple):
    """One event of a call, read by the table's paths: once, or for each of its items."""

    dialect: Dialect
    shape: Shape | None
    """Of an event without items, where it has one."""
    given: dict[str, Any]
    call: Any
    now: int
    kind: str
    traffic: str

    def event(self, item: Any, suffix: str, shown: tuple[str, ...] | None = None) -> Event:
        """With `shown` it names no item of its own. Raises `InputError`."""
        roots = (item, self.given, self.call)
        if self.shape is not None:
            found = self.shape.fields.found(self.given, self.call)
        else:
            found = {name: first(paths, roots) for name, paths in self.dialect.fields.items()}
        time, get = found.get("time"), found.get
        user, session = _text("user_id", get("user_id")), _text("session_id", get("session_id"))
        if not user and not session:
            raise InputError("The event names neither a user nor a session.")
        unit = ""
        if type(time) is tuple:
            time, unit = time
        identity = _text("event_id", get("event_id"))
        value, impression = get("value"), get("impression") if shown is None else shown
        return Event(
            event_id=identity + suffix if identity else "",
            event_type=self.kind,
            time=self.now if time is None else moment(time, unit, self.now),
            item_id=_text("item_id", get("item_id")) if shown is None else "",
            user_id=user,
            session_id=session,
            value=None if value is None else _number(value),
            recommendation_id=_text("recommendation_id", get("recommendation_id")),
            impression=() if impression is None else _texts(impression),
            source=_text("source", get("source")),
            traffic=self.traffic or _traffic(get("traffic"), get("internal")),
            properties=self._columns(roots),
        )

    def _columns(self, roots: tuple[Any, Any, Any]) -> dict[str, Value]:
        shape = self.shape
        if shape is not None:
            told = shape.columns.found(self.given, self.call)
        else:
            told = {name: first(paths, roots) for name, paths in self.dialect.columns.items()}
        told = {name: _seconds(*value) if type(value) is tuple else value for name, value in told.items()}
        found: dict[str, Value] = {name: value for name, value in told.items() if is_value(value)}
        if shape is not None and not shape.has_inner:
            given = self.given
            found.update({column: given[key] for column, key in shape.kept if _is_column(key, given[key])})
        elif self.dialect.keeps:
            found.update(self._kept())
        if len(found) > MOST_COLUMNS:
            raise InputError(f"The event has {len(found)} further values, at most {MOST_COLUMNS} are allowed.")
        return found

    def _kept(self) -> dict[str, Value]:
        """Keys of the event, and of its inner properties, that are none of ours."""
        own, inner, found = self.dialect.own, self.given.get(INNER), dict[str, Value]()
        for given in (self.given, inner) if type(inner) is dict else (self.given,):
            for key, value in given.items():
                if key not in own and _is_column(key, value):
                    found[key.lower()] = value
        return found


def _paths(dialect: Dialect, name: str) -> tuple[Path, ...]:
    return dialect.fields.get(name, ())


def _seconds(value: Any, unit: str) -> Any:
    """A length of time in seconds, NaN for what is none."""
    return number(value) * UNITS[unit] / SECOND if unit in UNITS and value is not None else value


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise InputError(f"The value is {shown(value)}, expected a number.")
    return number


def _traffic(told: Any, internal: Any) -> str:
    if told is None and internal is None:
        return ""
    if told in ("bot", "internal"):
        return str(told)
    return "internal" if isinstance(internal, bool | int | str) and internal in _TRUE else ""


def _is_column(name: str, value: Any) -> bool:
    return len(name) <= LONGEST and is_value(value)


def is_value(value: Any) -> bool:
    """Whether a column can hold it."""
    if isinstance(value, str):
        return len(value) <= LONGEST_VALUE
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -_WHOLE <= value < _WHOLE
    return isinstance(value, float) and math.isfinite(value)


def _texts(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, str):
        given = given.split("|")
    if not isinstance(given, list | tuple) or len(given) > MOST_ITEMS:
        raise InputError(f"An impression is a list of at most {MOST_ITEMS} item ids.")
    return tuple(_text("impression", each) for each in given)


def _text(name: str, given: Any) -> str:
    if given is None:
        return ""
    if type(given) is str and len(given) <= LONGEST and "\0" not in given:
        return given
    if isinstance(given, str):
        raise InputError(f"{name} has {len(given)} characters, at most {LONGEST} without NUL are allowed.")
    if isinstance(given, bool) or not is_value(given):
        raise InputError(f"{name} is {shown(given)}, expected a text.")
    return str(int(given)) if given == given // 1 else str(given)
