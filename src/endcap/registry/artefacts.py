"""A model version as files: arrays, ids, lineage, and a manifest with the size and hash of each. Data, never code.

| file | holds |
|---|---|
| `model.safetensors` | the recipe's fitted arrays |
| `model.json` | recipe name, hyper-parameters, layout of the arrays, event types, kind of time |
| `items.arrow` | external id and catalogue ordinal of each row, as Arrow IPC |
| `lineage.json` | where the version comes from |
| `choice.json`, `choice.html` | of a recipe chosen among several: by what numbers, and the page that explains it |
| `manifest.json` | written last: format, version id, size and SHA-256 of every other file |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import numpy as np
import pyarrow as pa

from endcap.errors import ArtefactError
from endcap.lake.dataset import Dataset, TimeKind, Vocabulary
from endcap.recipes import artefact
from endcap.recipes.base import Recipe
from endcap.registry.lineage import CHOICE, CHOICE_PAGE, File, Lineage
from endcap.types import Int32

T = TypeVar("T")
FORMAT = 1
MANIFEST = "manifest.json"
ARRAYS = "model.safetensors"
FILES = (ARRAYS, "model.json", "items.arrow", "lineage.json")
BESIDE = (CHOICE, CHOICE_PAGE)
"""Files that not every version has, and that serving does not read."""
_FIX = "Publish or train it again; the version before still serves with endcap rollback."


class Manifest(msgspec.Struct, frozen=True):
    """What a version's directory holds."""

    format: int
    version: str
    files: dict[str, File]


class Description(msgspec.Struct, frozen=True):
    """What is needed to use the arrays."""

    recipe: dict[str, Any]
    event_types: tuple[str, ...]
    time_kind: TimeKind
    scales: tuple[float, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What was read back: a fitted recipe, its rows' ids and ordinals, the codes of its event types and what it was
    taught that they count (`Dataset.scales`)."""

    recipe: Recipe
    items: Vocabulary
    event_types: tuple[str, ...]
    time_kind: TimeKind
    scales: tuple[float, ...] = ()


def encode(
    version: str, recipe: Recipe, dataset: Dataset, lineage: Lineage, beside: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """The files of a version by name, in the order to write them, with those `beside` (of `BESIDE`)."""
    arrays, manifest = artefact.dump(recipe)
    description = Description(manifest, dataset.event_types, dataset.time_kind, dataset.scales)
    files = {
        ARRAYS: arrays,
        "model.json": msgspec.json.encode(description),
        "items.arrow": _write_items(dataset.items),
        "lineage.json": msgspec.json.encode(lineage.data()),
        **(beside or {}),
    }
    hashes = {name: File.of(data) for name, data in files.items()}
    return {**files, MANIFEST: msgspec.json.encode(Manifest(FORMAT, version, hashes))}


def read(directory: Path, version: str, manifest: File) -> Contents:
    """Verify and load. Sizes are compared before anything is read, hashes before anything is parsed.

    Raises `ArtefactError` naming the file that is missing, changed, cut short or too long.
    """
    listed = _listed(directory, version, manifest)
    for name in FILES:
        _check_size(directory / name, listed.files[name])
    files = {name: verified(directory / name, listed.files[name]) for name in FILES if name != ARRAYS}
    description = _parse(directory / "model.json", files["model.json"], Description)
    items = _read_items(directory / "items.arrow", files["items.arrow"])
    _check_hash(directory / ARRAYS, listed.files[ARRAYS])
    recipe = artefact.load(directory / ARRAYS, description.recipe)
    if recipe.n_items != len(items):
        raise ArtefactError(f"{directory}: the model has {recipe.n_items} items, items.arrow {len(items)}.", fix=_FIX)
    return Contents(recipe, items, description.event_types, description.time_kind, description.scales)


def beside(directory: Path, version: str, manifest: File) -> dict[str, bytes]:
    """The files of `BESIDE` that a version has, verified. Raises `ArtefactError`."""
    listed = _listed(directory, version, manifest)
    return {name: verified(directory / name, listed.files[name]) for name in BESIDE if name in listed.files}


def _listed(directory: Path, version: str, manifest: File) -> Manifest:
    listed = _parse(directory / MANIFEST, verified(directory / MANIFEST, manifest), Manifest)
    fits = set(FILES) <= set(listed.files) <= {*FILES, *BESIDE}
    if listed.format != FORMAT or listed.version != version or not fits:
        raise ArtefactError(f"{directory / MANIFEST} is not the manifest of version {version}.", fix=_FIX)
    return listed


def verified(path: Path, expected: File) -> bytes:
    """The bytes of a file whose size and hash are as expected. Raises `ArtefactError`."""
    _check_size(path, expected)
    with _reading(path):
        data = path.read_bytes()
    if File.of(data) != expected:
        raise ArtefactError(f"{path} does not match its SHA-256 {expected.sha256}.", fix=_FIX)
    return data


def _check_hash(path: Path, expected: File) -> None:
    """Hash a large file without holding it."""
    with _reading(path), open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.sha256:
        raise ArtefactError(f"{path} does not match its SHA-256 {expected.sha256}.", fix=_FIX)


def _check_size(path: Path, expected: File) -> None:
    with _reading(path):
        size = path.stat().st_size
    if size != expected.size:
        raise ArtefactError(f"{path} has {size} bytes, expected {expected.size}.", fix=_FIX)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read: {error.strerror}.", fix=_FIX) from error


def _parse(path: Path, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ArtefactError(f"{path} cannot be read: {error}.", fix=_FIX) from error


def _write_items(items: Vocabulary) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"id": items.ids.cast(pa.string()), "ordinal": pa.array(items.ordinals, pa.int32())})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return cast(bytes, sink.getvalue().to_pybytes())


def _read_items(path: Path, data: bytes) -> Vocabulary:
    try:
        table = pa.ipc.open_file(pa.py_buffer(data)).read_all()
        ids, ordinals = table["id"].combine_chunks(), table["ordinal"].combine_chunks()
        return Vocabulary(ids.cast(pa.string()), cast(Int32, np.asarray(ordinals.to_numpy(), np.int32)))
    except (pa.ArrowException, KeyError) as error:
        raise ArtefactError(f"{path} cannot be read: {error}.", fix=_FIX) from error
