"""Files of rows of numbered features with a label each: LibSVM's text and RecordIO, told apart by their endings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import sparse

from endcap.errors import DataError, InputError
from endcap.lake.libsvm import read_libsvm
from endcap.lake.recordio import read_records
from endcap.types import Float32

Numbering = Literal["libsvm", "recordio"]
ENDINGS: dict[str, Numbering] = {
    ".libsvm": "libsvm",
    ".svm": "libsvm",
    ".svmlight": "libsvm",
    ".recordio": "recordio",
    ".pb": "recordio",
    ".protobuf": "recordio",
}


@dataclass(frozen=True)
class NumberedRows:
    """float32 csr [rows, features], indices sorted, and float32 [rows] labels, None where the file has none.

    Features have the numbers that are written in the file: LibSVM's usually begin at 1, RecordIO's at 0. So files of
    the two kinds do not number the same features alike.
    """

    rows: sparse.csr_matrix
    labels: Float32 | None
    numbering: Numbering

    def __len__(self) -> int:
        return int(self.rows.shape[0])


def is_row_file(source: Any) -> bool:
    """Whether this is a path that ends as such files do."""
    return isinstance(source, (str, Path)) and _numbering(Path(source)) is not None


def read_row_file(path: Path, what: str) -> NumberedRows:
    """The rows of a file; `what` names it in errors.

    Raises `InputError` for a file that is not there or has another ending, `DataError`, naming the row, for one that
    is damaged, empty, or holds what is no finite number.
    """
    told = f"The {what} file {path}"
    numbering = _numbering(path)
    if numbering is None:
        raise InputError(
            f"{told} has no numbered features.", fix=f"Expected one of {', '.join(ENDINGS)}, as the files beside it."
        )
    try:
        rows, labels = _read(path, numbering)
    except FileNotFoundError:
        raise InputError(f"{told} does not exist.", fix="Check the path.") from None
    except DataError as error:
        raise DataError(f"{told}: {error.message}", row=error.row, fix=error.fix) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{told} cannot be read: {error}.", fix="Check its format.") from error
    if not rows.shape[0]:
        raise DataError(f"{told} has no rows.", fix="Check the file, or the split that made it.")
    _finite(rows, labels, told)
    rows.sum_duplicates()
    return NumberedRows(rows, labels, numbering)


def read_row_files(paths: Mapping[str, Path]) -> dict[str, NumberedRows]:
    """The rows of labelled files that number the same features, by what the files are; LibSVM's all as wide as the
    widest. Raises what `read_row_file` raises, `InputError` for files of two kinds, `DataError` for one without labels
    or RecordIO of different widths."""
    found = {what: read_row_file(path, what) for what, path in paths.items()}
    first = next(iter(found))
    for what, each in found.items():
        if each.labels is None:
            raise DataError(f"The {what} file {paths[what]} has no labels.", fix="Write a label with each record.")
        if each.numbering != found[first].numbering:
            raise InputError(
                f"The {first} file is {found[first].numbering}, the {what} file {each.numbering}: they do not number "
                "features alike.",
                fix="Give files of one kind.",
            )
        if each.numbering == "recordio" and each.rows.shape[1] != found[first].rows.shape[1]:
            raise DataError(
                f"The {first} file has {found[first].rows.shape[1]:,} features, the {what} file "
                f"{each.rows.shape[1]:,}.",
                fix="Number the features of all files in the same way.",
            )
    width = max(each.rows.shape[1] for each in found.values())
    for each in found.values():
        each.rows.resize(len(each), width)
    return found


def _numbering(path: Path) -> Numbering | None:
    return ENDINGS.get(path.suffix.lower())


def _read(path: Path, numbering: Numbering) -> tuple[sparse.csr_matrix, Float32 | None]:
    if numbering == "libsvm":
        with path.open(encoding="utf-8") as lines:
            return read_libsvm(lines, first=0)
    records = read_records(path.read_bytes())
    with np.errstate(over="ignore"):
        labels = None if records.labels is None else records.labels.astype(np.float32)
        return records.rows.astype(np.float32), labels


def _finite(rows: sparse.csr_matrix, labels: Float32 | None, told: str) -> None:
    bad = ~np.isfinite(labels) if labels is not None else np.zeros(rows.shape[0], np.bool_)
    odd = np.flatnonzero(~np.isfinite(rows.data))
    bad[np.searchsorted(rows.indptr, odd, side="right") - 1] = True
    if bad.any():
        row = int(np.argmax(bad)) + 1
        raise DataError(f"{told}: row {row} holds what is no finite number of 32 bits.", row=row, fix="Mend the row.")
