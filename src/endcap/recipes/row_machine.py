"""A factorization machine of rows whose features are numbers alone, as files of LibSVM and RecordIO have them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy import sparse

from endcap.errors import ArtefactError, InputError
from endcap.lake.row_files import NumberedRows, Numbering
from endcap.recipes.fm_kernels import score_rows
from endcap.recipes.fm_training import HeldBack, Plan, learn, parts
from endcap.seams import Progress, no_progress
from endcap.types import Float32, Int64

FORMAT = "endcap row machine 1"


@dataclass(frozen=True)
class RowMachine:
    """P(label = 1) = σ(w₀ + Σ_j w_j x_j + Σ_{j<l} <v_j, v_l> x_j x_l) (Rendle 2010, "Factorization machines").

    `features` int64 [n], ascending, are the numbers met in training, of `width` that there are; `bias` float32 [1],
    `weights` float32 [n], `factors` float32 [n, k] belong to them. Other features say nothing.
    """

    numbering: Numbering
    width: int
    features: Int64
    bias: Float32
    weights: Float32
    factors: Float32

    @classmethod
    def learn(
        cls,
        given: NumberedRows,
        plan: Plan,
        factors: int,
        valid: NumberedRows | None = None,
        progress: Progress = no_progress,
    ) -> RowMachine:
        """Learnt from rows with labels of 0 and 1; `valid` only tells when to stop. What it takes grows with the
        features met, not with the numbers they have."""
        assert given.labels is not None and (valid is None or valid.labels is not None)
        features = np.unique(given.rows.indices).astype(np.int64)
        stop = None if valid is None else HeldBack(_renumbered(valid.rows, features), np.asarray(valid.labels))
        with progress("factorization machine", total=plan.epochs, unit="epochs") as tick:
            rows = _renumbered(given.rows, features)
            machine, _ = learn(rows, given.labels, plan, factors, held_back=stop, tick=tick)
        return cls(
            given.numbering,
            given.rows.shape[1],
            features,
            machine.bias[:1].copy(),
            machine.weights[0].copy(),
            machine.factors.copy(),
        )

    def probabilities(self, rows: NumberedRows) -> Float32:
        """float32 [rows]: P(label = 1). Raises `InputError` for rows that number features in another way."""
        if rows.numbering != self.numbering:
            raise InputError(
                f"The model was learnt from {self.numbering}, the rows are {rows.numbering}: they do not number "
                "features alike.",
                fix=f"Give a file of {self.numbering}.",
            )
        if self.numbering == "recordio" and rows.rows.shape[1] != self.width:
            raise InputError(
                f"Rows of {rows.rows.shape[1]:,} features; the model was learnt from {self.width:,}.",
                fix="Number the features as the training file does.",
            )
        scores = np.zeros(len(rows), np.float32)
        known = parts(_renumbered(rows.rows, self.features))
        score_rows(known, self.bias, self.weights, self.factors, self.factors.shape[1], scores)
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -60, 60))), np.float32)

    def save(self, path: Path) -> None:
        """Write it as one file of safetensors. Raises `InputError` where that cannot be written."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        told = {"format": FORMAT, "machine": json.dumps({"numbering": self.numbering, "width": self.width})}
        try:
            save_file(arrays, path, told)
        except (OSError, SafetensorError) as error:
            raise InputError(f"The model cannot be written to {path}: {error}.", fix="Check the folder.") from error

    @classmethod
    def load(cls, path: Path) -> RowMachine:
        """What `save` wrote. Raises `InputError` where there is no such file, `ArtefactError` where it is another."""
        if not path.is_file():
            raise InputError(f"The model {path} does not exist.", fix="Save one by endcap evaluate --save.")
        try:
            with safe_open(path, "numpy") as file:
                told = file.metadata() or {}
                if told.get("format") != FORMAT:
                    raise ValueError(f"it is of format {told.get('format')!r}, expected {FORMAT!r}")
                made = cls(**json.loads(told["machine"]), **{name: file.get_tensor(name) for name in _ARRAYS})
            _check(made)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"The model {path} cannot be used: {error}.", fix="Train it again.") from error
        return made


_ARRAYS = {"features": np.int64, "bias": np.float32, "weights": np.float32, "factors": np.float32}


def _check(machine: RowMachine) -> None:
    """Kernels do not look at bounds."""
    n = len(machine.features)
    shapes = {"features": (n,), "bias": (1,), "weights": (n,), "factors": (n, machine.factors.shape[-1])}
    for name, kind in _ARRAYS.items():
        array = getattr(machine, name)
        if array.dtype != kind or array.shape != shapes[name]:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {np.dtype(kind)} {shapes[name]}")
    if machine.numbering not in get_args(Numbering) or not isinstance(machine.width, int):
        raise ValueError(f"features are numbered as {machine.numbering!r}, {machine.width!r} of them")
    if (np.diff(machine.features) <= 0).any():
        raise ValueError("its features are not ascending")


def _renumbered(rows: sparse.csr_matrix, features: Int64) -> sparse.csr_matrix:
    """Rows by the places that their features have among `features`; others are left out."""
    if not len(features):
        return sparse.csr_matrix((rows.shape[0], 0), dtype=np.float32)
    places = np.minimum(np.searchsorted(features, rows.indices), len(features) - 1)
    known = features[places] == rows.indices
    ends = np.concatenate(([0], np.cumsum(known)))[rows.indptr]
    return sparse.csr_matrix((rows.data[known], places[known], ends), shape=(rows.shape[0], len(features)))
