"""RecordIO with `aialgs.data.Record` messages: the files that SageMaker's own algorithms read and write.

A frame is the magic number 0xCED7230A, the message's length (both little-endian uint32), the message, and zeros up to
a multiple of 4. A message holds one row under the feature `values`, dense or sparse (keys and one shape), of float32,
float64 or int32, and at most one label under `values`. The wire format is protobuf's, read and written here: four
small messages need no library, and bounds are checked where bytes are read. What a record says beside (`uid`,
`metadata`, `configuration`) is passed over. The definition is `record.proto` of the package `sagemaker` 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from endcap.errors import DataError, InputError
from endcap.lake.recordio_reading import FAULT, FAULTS, KINDS, OFFSET, RECORD, parse
from endcap.lake.recordio_writing import measure, write_frames

_MOST = 2**31 - 1


@dataclass(frozen=True)
class Records:
    """Rows with their labels (none where no record has one). Values and labels are float32, float64 or int32 each.

    Where `dense`, every value of `rows` is written, zeros among them, without keys.
    """

    rows: sparse.csr_matrix
    labels: np.ndarray | None = None
    dense: bool = False

    def __len__(self) -> int:
        return int(self.rows.shape[0])


def read_records(data: bytes) -> Records:
    """The records of a file. Keys keep the order in which they were written.

    Raises `DataError`, naming record and byte offset, for anything that is not such a file: a wrong magic number,
    truncation, a key beyond the shape, records of different kinds or widths, features of other names.
    """
    given = np.frombuffer(data, np.uint8)
    found = np.zeros(9, np.int64)
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64), np.zeros(0, np.float64)
    _parsed(given, found, *nothing, fills=False)
    count, entries, width, kind, label_kind, dense = (int(each) for each in found[:6])
    indptr, keys = np.zeros(count + 1, np.int64), np.zeros(entries, np.int64)
    values, labels = np.zeros(entries, np.float64), np.zeros(count if label_kind else 0, np.float64)
    _parsed(given, found, indptr, keys, values, labels, fills=True)
    rows = sparse.csr_matrix((values.astype(KINDS.get(kind, np.float32)), keys, indptr), shape=(count, max(width, 0)))
    return Records(rows, labels.astype(KINDS[label_kind]) if label_kind else None, dense == 1)


def write_records(records: Records) -> bytes:
    """The bytes that `sagemaker`'s own writer gives for the same rows. Raises `InputError` for types it has none for,
    and where labels and rows differ in number."""
    rows = records.rows.tocsr()
    kind = _kind(rows.dtype)
    labels = records.labels
    if labels is not None and len(labels) != rows.shape[0]:
        raise InputError(f"{len(labels)} labels for {rows.shape[0]} rows.")
    if rows.shape[1] > _MOST:
        raise InputError(f"Rows of {rows.shape[1]} features; at most {_MOST} can be written.")
    if records.dense:
        rows = sparse.csr_matrix(
            (
                rows.toarray().ravel(),
                np.tile(np.arange(rows.shape[1]), rows.shape[0]),
                np.arange(rows.shape[0] + 1) * rows.shape[1],
            ),
            shape=rows.shape,
        )
    told = np.zeros(0, np.float64) if labels is None else labels.astype(np.float64)
    label_kind = 0 if labels is None else _kind(labels.dtype)
    given = (
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.int64),
        rows.data.astype(np.float64),
        told,
        -1 if records.dense else int(rows.shape[1]),
        kind,
        label_kind,
    )
    ends = measure(*given)
    out = np.zeros(int(ends[-1]), np.uint8)
    write_frames(*given, ends, out)
    return out.tobytes()


def _kind(dtype: np.dtype) -> int:
    for kind, known in KINDS.items():
        if dtype == np.dtype(known):
            return kind
    raise InputError(f"Values of type {dtype}; expected float32, float64 or int32.", fix="Convert them first.")


def _parsed(data: np.ndarray, found: np.ndarray, *parts: np.ndarray, fills: bool) -> None:
    try:
        parse(data, found, *parts, fills)
    except ValueError:
        record, offset = int(found[RECORD]), int(found[OFFSET])
        raise DataError(
            f"Record {record + 1} is damaged at byte {offset}: {FAULTS[int(found[FAULT])]}.",
            row=record + 1,
            fix="Write the file again, or cut it off before this record.",
        ) from None
