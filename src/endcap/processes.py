"""What every process of Endcap's own does before anything else."""

from __future__ import annotations

import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from typing import Any


class _NoPandas(Loader):
    """Stands before what finds modules, and says that pandas is not installed as soon as it is imported.

    Only then: who merely asks where it is (PyTorch does, without expecting an error) is given no place.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        del path, target
        return ModuleSpec(name, self) if name == "pandas" else None

    def create_module(self, spec: ModuleSpec) -> None:
        raise ModuleNotFoundError("No module named 'pandas': Endcap's own processes do without.", name=spec.name)


def without_pandas() -> None:
    """Keep pandas out of this process.

    Where it is installed, pyarrow imports it at its first conversion, only to ask whether what it was given is a frame:
    a third of a second of CPU and tens of megabytes in every server, jobs process and child, which never have a frame.
    A program that imports Endcap is left alone.
    """
    if "pandas" not in sys.modules and not any(isinstance(finder, _NoPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())
