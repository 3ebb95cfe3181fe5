"""Where a model version comes from: enough to train it again, and to say why it answers as it does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from endcap.errors import ArtefactError

LIBRARIES = ("numpy", "scipy", "numba", "pyarrow", "safetensors")
"""Packages whose version can change what training computes or how it is stored."""


def library_versions() -> dict[str, str]:
    """Installed versions of `LIBRARIES`."""
    return {name: code_version(name) for name in LIBRARIES}


def code_version(package: str = "endcap") -> str:
    """The installed version of a package; "unknown" where it runs without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


class File(msgspec.Struct, frozen=True):
    """Size in bytes and SHA-256 (64 hex) of one file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes | bytearray) -> File:
        return cls(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One imported file: its path as given, its bytes and their SHA-256 (64 hex)."""

    path: str
    size: int
    sha256: str


USER_GROUPS = "userGroups"
"""In a version's metrics: names of the feature groups that told what is known of users."""

CHOICE, CHOICE_PAGE = "choice.json", "choice.html"
"""Files of a version whose recipe was chosen among several: the numbers, and the page that explains them."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What went into one version. `trained_until` is the newest event's time, in microseconds UTC."""

    sources: tuple[SourceFile, ...] = ()
    snapshot: str = ""
    recipe: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    code_version: str = field(default_factory=code_version)
    libraries: Mapping[str, str] = field(default_factory=library_versions)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    trained_until: int = 0
    seconds: float = 0.0

    def data(self) -> dict[str, Any]:
        """As JSON-able data."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    def stored(self) -> Lineage:
        """As it will be read back: NaN and infinities become None, as in JSON."""
        return self.of(msgspec.json.decode(msgspec.json.encode(self)))

    @classmethod
    def of(cls, data: Any) -> Lineage:
        """From `data()`. Raises `ArtefactError` where it is none; unknown fields of newer versions are left out."""
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise ArtefactError(f"The stored lineage cannot be read: {error}.") from error
