"""A fitted recipe as data: named arrays (safetensors) and a JSON-able manifest. Never code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as read_arrays
from safetensors.numpy import load_file as read_array_file
from safetensors.numpy import save as write_arrays
from scipy import sparse

from endcap.errors import ArtefactError
from endcap.recipes import create, recipe_name
from endcap.recipes.base import Recipe
from endcap.recipes.fields import Fields

FORMAT = 1
"""Version of the manifest; a reader refuses any other."""


def dump(recipe: Recipe) -> tuple[bytes, dict[str, Any]]:
    """(safetensors bytes, manifest) of a fitted recipe; recipes inside it go under dotted names."""
    arrays: dict[str, np.ndarray] = {}
    manifest = {"format": FORMAT, **_describe(recipe, "", arrays)}
    return write_arrays(arrays), manifest


def load(data: bytes | Path, manifest: Mapping[str, Any]) -> Recipe:
    """The recipe that `dump` was given; from a file (mapped, copied once) or from bytes.

    Raises `ArtefactError` when the two do not fit together.
    """
    if manifest.get("format") != FORMAT:
        raise ArtefactError(
            f"The model was written in format {manifest.get('format')!r}; this version reads {FORMAT}.",
            fix="Train it again with this version.",
        )
    try:
        arrays = read_array_file(data) if isinstance(data, Path) else read_arrays(data)
        return _build(manifest, "", arrays)
    except (KeyError, ValueError, TypeError, OSError, SafetensorError) as error:
        raise ArtefactError(f"The model's arrays do not match its manifest: {error}.", fix="Train it again.") from error


def _describe(recipe: Recipe, prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    kinds: dict[str, Any] = {}
    for field in fields(recipe):
        if field.init:
            continue
        value, name = getattr(recipe, field.name), f"{prefix}{field.name}"
        if isinstance(value, Recipe):
            kinds[field.name] = _describe(value, f"{name}.", arrays)
        elif isinstance(value, dict):
            kinds[field.name] = {
                "parts": {key: _describe(part, f"{name}.{key}.", arrays) for key, part in value.items()}
            }
        elif isinstance(value, Fields):
            parts = value.arrays()
            kinds[field.name] = {"fields": sorted(parts)}
            arrays |= {f"{name}.{part}": array for part, array in parts.items()}
        elif isinstance(value, (str, tuple)):
            kinds[field.name] = {"words": value if isinstance(value, str) else list(value)}
        elif sparse.issparse(value):
            kinds[field.name] = {"csr": list(value.shape)}
            for part in ("data", "indices", "indptr"):
                arrays[f"{name}.{part}"] = np.ascontiguousarray(getattr(value, part))
        else:
            kinds[field.name] = "array"
            arrays[name] = np.ascontiguousarray(value)
    return {"recipe": recipe_name(recipe), "settings": recipe.settings(), "fitted": kinds}


def _build(manifest: Mapping[str, Any], prefix: str, arrays: Mapping[str, np.ndarray]) -> Recipe:
    recipe = create(manifest["recipe"], manifest["settings"])
    expected = {field.name for field in fields(recipe) if not field.init}
    if differing := expected ^ manifest["fitted"].keys():
        raise KeyError(
            f"{', '.join(sorted(differing))} of {manifest['recipe']} (another version of the recipe wrote it)"
        )
    for name, kind in manifest["fitted"].items():
        place = f"{prefix}{name}"
        value: Any
        if kind == "array":
            value = arrays[place]
        elif "words" in kind:
            value = kind["words"] if isinstance(kind["words"], str) else tuple(kind["words"])
        elif "csr" in kind:
            parts = tuple(arrays[f"{place}.{part}"] for part in ("data", "indices", "indptr"))
            value = sparse.csr_matrix(parts, shape=tuple(kind["csr"]))
        elif "fields" in kind:
            value = Fields.from_arrays({part: arrays[f"{place}.{part}"] for part in kind["fields"]})
        elif "parts" in kind:
            value = {key: _build(part, f"{place}.{key}.", arrays) for key, part in kind["parts"].items()}
        else:
            value = _build(kind, f"{place}.", arrays)
        setattr(recipe, name, value)
    return recipe
