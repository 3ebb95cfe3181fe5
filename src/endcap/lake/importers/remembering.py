"""How files like this one were read last time: remembered for a shop, so that `--map` is said once.

A memory fits a file that has every column it names, or, where it names none, the very same columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from endcap.lake.importers.sql import Columns

KEPT = 20
"""Memories of one shop; the newest stay."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of files with these columns: `mapping` is `field=column`, as `--map` takes it."""

    columns: tuple[str, ...]
    mapping: dict[str, str]
    kind: str | None = None
    dialect: str | None = None


def recalled(headers: Iterable[Sequence[str]], memories: Sequence[Remembered]) -> Remembered | None:
    """The newest memory (they come newest first) that fits any of the files by their headers."""
    from endcap.lake.importers.sql import Columns  # noqa: PLC0415 - whoever asks for an import only names memories

    files = [Columns(dict.fromkeys(names, "VARCHAR")) for names in headers]
    return next((memory for memory in memories if any(_fits(memory, columns) for columns in files)), None)


def with_memory(memories: Sequence[Remembered], new: Remembered) -> tuple[Remembered, ...]:
    """The memories with one more in front; one of the same columns goes. Nothing said leaves nothing to remember."""
    others = [memory for memory in memories if sorted(memory.columns) != sorted(new.columns)]
    said = bool(new.mapping or new.kind or new.dialect)
    return tuple(([new] if said else []) + others)[:KEPT]


def _fits(memory: Remembered, columns: Columns) -> bool:
    named = [name for name in _named(memory.mapping) if name]
    if not named:
        return sorted(columns.types) == sorted(memory.columns)
    return all(columns.find((name,)) is not None for name in named)


def _named(mapping: Mapping[str, str]) -> Iterable[str]:
    general = ("time_unit", "time_format", "time_zone", "encoding")
    return (column for field, column in mapping.items() if field not in general and not column.startswith("="))
