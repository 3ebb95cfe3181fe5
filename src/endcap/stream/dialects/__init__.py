"""What pages and back ends of shops already say, as our events. The mapping is data: a section of `dialects.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from endcap.errors import InputError, UnknownName
from endcap.stream.dialects.paths import ITEM, Path, lists, parse_path
from endcap.stream.dialects.shape import Shape, Shapes
from endcap.stream.dialects.snowplow import unwrapped


@dataclass(frozen=True)
class Dialect:
    """One section of the table. `fields` are members of our events, `columns` further columns, by their paths;
    `types` maps its names of events to ours. With `keeps` an event's other keys are columns too."""

    key: str
    title: str
    about: str
    recognised: tuple[str, ...]
    events: tuple[tuple[str, ...], ...]
    items: tuple[Path, ...]
    name: tuple[Path, ...]
    fields: Mapping[str, tuple[Path, ...]]
    columns: Mapping[str, tuple[Path, ...]]
    types: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = False

    @cached_property
    def plain(self) -> Dialect:
        """The same for events that list no items: without the paths into one, which would be tried in vain."""

        def outside(table: Mapping[str, tuple[Path, ...]]) -> dict[str, tuple[Path, ...]]:
            kept = {name: tuple(path for path in paths if path.root != ITEM) for name, paths in table.items()}
            return {name: paths for name, paths in kept.items() if paths}

        return replace(self, fields=outside(self.fields), columns=outside(self.columns))

    @cached_property
    def own(self) -> frozenset[str]:
        """Keys of an event that are members of ours."""
        paths = [path for each in (*self.fields.values(), self.items, self.name) for path in each]
        return frozenset({"properties", *(path.keys[0] for path in paths if path.keys)})

    def shape(self, event: dict[str, Any], call: tuple[str, ...]) -> Shape | None:
        """How an event that lists no items is read, in a call with these keys; None where it may list some, or is one
        of a kind."""
        return self._shapes.of(tuple(event), call)

    @cached_property
    def _shapes(self) -> Shapes:
        plain = self.plain
        return Shapes(self.items, plain.name, plain.fields, plain.columns, self.own if self.keeps else None)

    def events_in(self, call: Any) -> list[Any]:
        """The events of one call, as they are. Raises `InputError` where there are none."""
        for path in self.events:
            found = lists(call, path)
            if found is not None:
                return found
        raise InputError(f"The call holds no events in the dialect {self.key}.", fix="See docs/reference/collect.md.")

    def unwrapped(self, event: Any) -> Any:
        """An event with the parts decoded that it holds encoded. Raises `InputError`."""
        unwrap = UNWRAPPED.get(self.key)
        return unwrap(event) if unwrap else event


UNWRAPPED: Mapping[str, Callable[[Any], Any]] = {"snowplow": unwrapped}
"""Dialects whose events hold encoded parts, which are decoded before the table is applied."""


@cache
def dialects() -> Mapping[str, Dialect]:
    """All of them, by name, in the order of the table."""
    text = files(__package__).joinpath("dialects.toml").read_text("utf-8")
    return {key: _dialect(key, section) for key, section in tomllib.loads(text).items()}


def dialect(name: str) -> Dialect:
    """One of them. Raises `UnknownName`."""
    known = dialects()
    if name not in known:
        raise UnknownName("dialect", name, known)
    return known[name]


def recognise(call: Any) -> Dialect:
    """The dialect of a call that does not say: whose own members it has most of, ours where none."""
    keys = set(call) if isinstance(call, dict) else set()
    for inner in ("batch", "events", "data"):
        held = call.get(inner) if isinstance(call, dict) else None
        if isinstance(held, list) and held and isinstance(held[0], dict):
            keys |= set(held[0])
    scores = {key: len(keys & set(each.recognised)) for key, each in dialects().items()}
    foreign = [key for key in scores if key != "endcap" and scores[key]]
    return dialects()[max(foreign, key=lambda key: scores[key]) if foreign else "endcap"]


def _dialect(key: str, section: Mapping[str, Any]) -> Dialect:
    def paths(names: list[str]) -> tuple[Path, ...]:
        return tuple(parse_path(name) for name in names)

    return Dialect(
        key,
        section["title"],
        section["about"],
        tuple(section["recognised"]),
        tuple(tuple(name.removeprefix("call.").split(".")) for name in section["events"]),
        paths(section["items"]),
        paths(section["name"]),
        {name: paths(each) for name, each in section["fields"].items()},
        {name: paths(each) for name, each in section["columns"].items()},
        section.get("types", {}),
        section.get("keeps", False),
    )
