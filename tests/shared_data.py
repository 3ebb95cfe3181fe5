"""Where the evaluation data sets lie, when they are there at all: they are never part of the repository."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[1] / "../shared/data"))


def shared(name: str) -> Path:
    """A data set's file; skips the test, with the reason counted, where it is absent."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"data set {name} is not here")
    return path
