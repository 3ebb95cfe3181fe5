"""Answers as they were logged, item by item, with the features that the ranker was given: training data of rankers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.lake.event_types import is_left_out, weight
from endcap.types import EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID, Float32

LOGGED = pa.schema(
    [
        ("recommendation_id", pa.string()),
        (TIMESTAMP, pa.int64()),
        *((name, pa.string()) for name in (USER_ID, ITEM_ID)),
        ("position", pa.int32()),
        ("propensity", pa.float64()),
        ("feature_set", pa.string()),
        ("features", pa.large_binary()),
        ("response", pa.float32()),
    ]
)
"""A row for each item that was seen and had features: `features` are float32, little-endian, in the order of the set
`feature_set`; `response` is the weight of the strongest sign of interest that followed (see `event_types`), 0 where
nothing did. `position` counts from 1 and is null where it is not known."""


def logged_items(decisions: pa.Table, seen: pa.Table) -> pa.Table:
    """Rows of `LOGGED` from the table of decisions and from what became of them (`attribution.seen_items`).

    Decisions without features, or whose features do not fit what was shown, give none.
    """
    rows = _rows(decisions)
    names = ["recommendation_id", TIMESTAMP, USER_ID, ITEM_ID, "position", "propensity"]
    told = seen.select(names).append_column("response", pa.array(_responses(seen)))
    found = told.join(rows, keys=["recommendation_id", ITEM_ID], join_type="inner")
    return (
        found.select(LOGGED.names).cast(LOGGED).sort_by([(TIMESTAMP, "ascending"), ("recommendation_id", "ascending")])
    )


def _rows(decisions: pa.Table) -> pa.Table:
    """(recommendation_id, item_id, feature_set, features): the bytes of each answer, cut by item."""
    columns = decisions.select(["recommendation_id", "shown", "feature_set", "features"]).combine_chunks()
    shown = np.asarray(pc.fill_null(pc.list_value_length(columns["shown"]), 0), np.int64)
    size = np.asarray(pc.fill_null(pc.binary_length(columns["features"]), 0), np.int64)
    fits = (shown > 0) & (size > 0) & (size % (4 * np.maximum(shown, 1)) == 0)
    kept = columns.filter(pa.array(fits)).combine_chunks()
    shown, size = shown[fits], size[fits]
    items = pc.struct_field(pc.list_flatten(kept["shown"]), ITEM_ID)
    owner = pa.array(np.repeat(np.arange(len(shown)), shown))
    ends = np.concatenate(([0], np.cumsum(np.repeat(size // np.maximum(shown, 1), shown)))).astype(np.int64)
    data = b"".join(kept["features"].to_pylist())
    features = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(ends) - 1, [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(data)]
    )
    named = {name: kept[name].take(owner) for name in ("recommendation_id", "feature_set")}
    return pa.table({**named, ITEM_ID: items, "features": features})


def _responses(seen: pa.Table) -> Float32:
    """float32 [m]: the weight of the strongest event of each row."""
    events = seen["events"].combine_chunks()
    best = np.zeros(len(events), np.float32)
    kinds = pc.struct_field(pc.list_flatten(events), EVENT_TYPE).dictionary_encode()
    owner = np.asarray(pc.list_parent_indices(events))
    names = [name or "" for name in kinds.dictionary.to_pylist()]
    worth = np.array([0.0 if is_left_out(name) else weight(name) for name in names] or [0.0], np.float32)
    codes = np.asarray(pc.fill_null(kinds.indices, 0), np.int64)
    np.maximum.at(best, owner, worth[codes] if len(codes) else np.zeros(0, np.float32))
    return best
