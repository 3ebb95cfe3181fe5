"""Checkpoints of a training: tensors and a JSON document in one safetensors file, replaced in one rename."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endcap.errors import ArtefactError
from endcap.recipes.neural.extras import needed
from endcap.seams import Disk

torch = needed("torch")

DOCUMENT = "training"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands after an epoch.

    `tensors` are named `module.…`, `best.…`, `average.…` and `optimiser.<parameter>.<name>`; `document` is JSON.
    """

    tensors: Mapping[str, Any]
    document: Mapping[str, Any]

    def write(self, path: Path, disk: Disk) -> None:
        """Replace the checkpoint at `path`; after a crash there is the old one or the new one."""
        from safetensors.torch import save  # noqa: PLC0415

        path.parent.mkdir(parents=True, exist_ok=True)
        held = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        new = path.with_name(f"{path.name}.{os.getpid()}")
        disk.write(new, save(held, {DOCUMENT: json.dumps(self.document, sort_keys=True)}))
        disk.rename(new, path)
        disk.fsync(path.parent)


def read(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, None where there is none. Raises `ArtefactError` for a damaged one."""
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            document = json.loads((file.metadata() or {})[DOCUMENT])
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ArtefactError(
            f"The checkpoint {path} cannot be read: {error}.", fix="Delete it and train anew."
        ) from None
    return Checkpoint(tensors, document)


def optimiser_tensors(optimiser: Any) -> dict[str, Any]:
    """The state of an optimiser, one tensor per parameter and name."""
    state = optimiser.state_dict()["state"]
    return {f"optimiser.{number}.{name}": value for number, each in state.items() for name, value in each.items()}


def load_optimiser(optimiser: Any, tensors: Mapping[str, Any]) -> None:
    """Put back what `optimiser_tensors` gave."""
    state: dict[int, dict[str, Any]] = {}
    for place, value in tensors.items():
        kind, _, rest = place.partition(".")
        if kind == "optimiser":
            number, _, name = rest.partition(".")
            state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def under(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors whose names begin with `prefix.`, without it."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}
