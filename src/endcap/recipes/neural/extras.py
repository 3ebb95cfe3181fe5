"""The optional packages behind the neural recipes: a missing one is said with the command that installs it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from endcap.errors import ResourceError

EXTRA_OF = {"torch": "deep", "onnx": "deep", "onnxscript": "deep", "onnxruntime": "onnx"}
"""Which extra of this package brings each of them."""


def needed(package: str) -> ModuleType:
    """The imported package. Raises `ResourceError` where it is not installed."""
    try:
        return import_module(package)
    except ImportError as error:
        raise ResourceError(
            f"The package {package} is not installed, and a neural recipe needs it.",
            fix=f"Install it: pip install 'endcap[{EXTRA_OF[package]}]'.",
        ) from error


def can_train() -> bool:
    """Whether everything that training a neural recipe needs is installed (nothing is imported to find out)."""
    return all(find_spec(package) is not None for package in EXTRA_OF)
