"""What `endcap evaluate` may be told, by what is judged and how: an option that has no say is refused, not ignored."""

from __future__ import annotations

from typing import Literal, get_args

import typer

from endcap.errors import InputError, UnknownName
from endcap.evaluation.protocols import ProtocolName

Judged = Literal["files", "a shop"]

ALWAYS = frozenset({"recipe", "hyper_parameters", "protocol", "seed", "as_json"})
OPTIONS: dict[tuple[Judged, str], frozenset[str]] = {
    ("files", "top-n"): frozenset({"train", "test", "at", "keep_seen"}),
    ("files", "next-item"): frozenset({"train", "test", "at", "keep_seen"}),
    ("files", "sessions"): frozenset({"train", "test", "at"}),
    ("files", "baskets"): frozenset({"train", "test", "at"}),
    ("files", "click"): frozenset({"train", "test", "valid", "label", "save"}),
    ("a shop", "top-n"): frozenset({"shop", "days", "at", "control"}),
    ("a shop", "baskets"): frozenset({"shop", "days", "at"}),
}
"""What counts beside `ALWAYS`."""


def judged_of(context: typer.Context) -> Judged:
    """Files where one is named or the protocol is of files alone, else a shop.

    Raises `UnknownName` for a protocol that does not exist, `InputError` for one that a shop is not judged by and for
    an option that has no say in what is judged.
    """
    protocol = context.params["protocol"]
    if protocol not in (known := (*get_args(ProtocolName), "click")):
        raise UnknownName("protocol", protocol, known)
    named = context.params["train"] is not None or context.params["test"] is not None
    judged: Judged = "files" if named or protocol == "click" else "a shop"
    if (judged, protocol) not in OPTIONS:
        raise InputError(
            f"The protocol {protocol} is of files; a shop is judged by top-n or baskets.",
            fix="Give --train and --test.",
        )
    for name, option in _given(context).items():
        if name not in ALWAYS | OPTIONS[judged, protocol]:
            raise InputError(
                f"{option} has no say in judging {judged} by {protocol}.",
                fix=f"Leave it out. It is for {_where(name)}.",
            )
    return judged


def _given(context: typer.Context) -> dict[str, str]:
    """The options of the command line, as they are written there."""
    found = {}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            found[parameter.name or ""] = parameter.opts[0]
    return found


def _where(name: str) -> str:
    ways: dict[str, list[str]] = {}
    for (judged, protocol), options in OPTIONS.items():
        if name in options:
            ways.setdefault(judged, []).append(protocol)
    return " and ".join(f"{judged} ({', '.join(protocols)})" for judged, protocols in ways.items())
