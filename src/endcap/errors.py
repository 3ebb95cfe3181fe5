"""The tree of errors. Each says what was given, what was expected, and the next step.

EndcapError                exit 1   anything this product raises on purpose
├── InputError             exit 2   what the caller gave cannot be used: an option, a name, a file, a request
│   ├── UnknownName        exit 2   a name that does not exist; lists those that do
│   └── DataError          exit 3   the content of a file or table is wrong (row and column named)
│       └── SchemaError    exit 3   a schema or a column set is wrong
├── StateError             exit 4   the thing exists but is not in a state for this (nothing trained yet, …)
├── ResourceError          exit 5   a limit was met: memory, disk, time
├── ArtefactError          exit 6   a stored artefact is missing, truncated or does not match its hash
└── UnavailableError       exit 7   a dependency (database, server) does not answer
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class EndcapError(Exception):
    """Base of all errors raised on purpose; `fix` is the next step, in one sentence."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class InputError(EndcapError):
    """What the caller gave cannot be used."""

    exit_code = 2


class UnknownName(InputError):
    """A name that does not exist; the message lists those that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, fix: str = "") -> None:
        listed = ", ".join(sorted(known)) or "none yet"
        super().__init__(f"There is no {kind} {name!r}. Known: {listed}.", fix=fix)
        self.kind, self.name = kind, name


class DataError(InputError):
    """The content of a file or table is wrong; `row` counts from 1 (the header not included)."""

    exit_code = 3

    def __init__(self, message: str, *, row: int | None = None, column: str | None = None, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.row, self.column = row, column


class SchemaError(DataError):
    """A schema or a column set is wrong."""


class StateError(EndcapError):
    """The thing exists but is not in a state for this."""

    exit_code = 4


class ResourceError(EndcapError):
    """A limit was met: memory, disk, time."""

    exit_code = 5


class ArtefactError(EndcapError):
    """A stored artefact is missing, truncated or does not match its hash."""

    exit_code = 6


class UnavailableError(EndcapError):
    """A dependency does not answer."""

    exit_code = 7
