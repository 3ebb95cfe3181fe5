"""From a shop's tables to the `Dataset` that recipes learn from: dictionary codes and NumPy, no loop over rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import ArtefactError, UnknownName
from endcap.lake.dataset import Dataset, Interactions, Vocabulary
from endcap.lake.labels import labels
from endcap.lake.signals import Numbers, Signals, Types
from endcap.types import EVENT_TYPE, ITEM_ID, ORDER_ID, TIMESTAMP, USER_ID, Bool, Int32


def assemble(
    interactions: pa.Table,
    items: pa.Table | None,
    users: pa.Table | None,
    *,
    catalogue: pa.Array,
    event_types: tuple[str, ...] | None = None,
    snapshot: str = "",
    sessions: pa.Table | None = None,
    signals: Signals | None = None,
    label: str = "",
) -> Dataset:
    """A dataset of all items and users that the tables name, in the order of the catalogue and of their ids.

    `catalogue` holds the id of each ordinal. Metadata are aligned to the vocabularies, null where unknown. What events
    weigh, `signals` says of their types and of what was measured beside them. `label` names what a recipe learns of
    each (`labels`), which is then told of what is left out as well.
    Raises `ArtefactError` where an item has no ordinal, `UnknownName` for an event type that does not occur.
    """
    user_codes, seen_users = _encoded(interactions, USER_ID)
    item_codes, seen_items = _encoded(interactions, ITEM_ID)
    user_ids = _all_ids(seen_users, users, USER_ID)
    user_ids = user_ids.take(pc.sort_indices(user_ids))
    item_ids = _all_ids(seen_items, items, ITEM_ID)
    ordinals = _rows(item_ids, catalogue)
    sequence = np.argsort(ordinals, kind="stable")
    item_ids, ordinals = item_ids.take(pa.array(sequence)), ordinals[sequence]
    type_codes, types = _encoded(interactions, EVENT_TYPE)
    signals = signals or Signals()
    wanted = _wanted(types, event_types)
    known = Types(types.to_pylist(), signals, wanted)
    counted = known.weights(type_codes, Numbers.of(interactions))
    order_codes, _ = _encoded(interactions, ORDER_ID)
    rows = Interactions(
        _rows(seen_users, user_ids)[user_codes],
        _rows(seen_items, item_ids)[item_codes],
        interactions[TIMESTAMP].to_numpy().astype(np.int64, copy=False),
        type_codes.astype(np.int16),
        counted.weight,
        order_codes.astype(np.int64) if ORDER_ID in interactions.column_names else np.full(len(order_codes), -1),
        labels(label, interactions, known, type_codes) if label else None,
    )
    kept = counted.weight > 0 if wanted is None else wanted[type_codes] & (counted.weight > 0)
    aside = _aside(rows, kept, wanted)
    return Dataset(
        Vocabulary(user_ids, np.arange(len(user_ids), dtype=np.int32)),
        Vocabulary(item_ids, ordinals),
        _sorted(rows if kept.all() else rows.take(kept)),
        tuple(types.to_pylist()),
        "micros",
        _aligned(items, ITEM_ID, item_ids),
        _aligned(users, USER_ID, user_ids),
        snapshot,
        aside,
        sessions,
        signals=signals,
        refused=counted.refused,
    )


def _encoded(table: pa.Table, name: str) -> tuple[Int32, pa.Array]:
    """Codes of a text column and what they stand for; a missing column is the empty text, a null order is -1."""
    if name not in table.column_names:
        return np.zeros(table.num_rows, np.int32), pa.array([""])
    column = table[name]
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if any(chunk.dictionary.null_count for chunk in column.chunks):  # a file in which all are null
        column = column.cast(pa.string()).dictionary_encode()
    column = column.unify_dictionaries().combine_chunks()
    codes, ids = column.indices, column.dictionary.cast(pa.string())
    if codes.null_count and name == EVENT_TYPE:
        codes, ids = pc.fill_null(codes, len(ids)), pa.concat_arrays([ids, pa.array([""])])
    return np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), np.int32), ids


def _all_ids(seen: pa.Array, records: pa.Table | None, name: str) -> pa.Array:
    if records is None:
        return seen
    return pa.concat_arrays([seen, records[name].cast(pa.string()).combine_chunks()]).unique()


def _rows(ids: pa.Array, where: pa.Array) -> Int32:
    found = pc.index_in(ids, value_set=where)
    if found.null_count:
        raise ArtefactError(
            f"The catalogue index lacks {found.null_count:,} items that the tables hold.",
            fix="Restore the shop's catalogue directory from a backup.",
        )
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int32)


def _wanted(types: pa.Array, wanted: tuple[str, ...] | None) -> Bool | None:
    """bool [types]: which were asked for by name; None where none were."""
    names = types.to_pylist()
    if wanted is None:
        return None
    if unknown := set(wanted) - set(names):
        raise UnknownName("event type", min(unknown), names)
    return np.array([name in wanted for name in names], np.bool_)


def _aside(rows: Interactions, kept: Bool, wanted: Bool | None) -> Interactions | None:
    """What is not learned from: all of it, or where types were asked for, those with a label that are of them."""
    if wanted is None:
        left = ~kept
    elif rows.label is not None:
        left = ~kept & wanted[rows.event_type] & ~np.isnan(rows.label)
    else:
        return None
    return _sorted(rows.take(left)) if left.any() else None


def _sorted(rows: Interactions) -> Interactions:
    """By user and time; stable, so that the order of arrival decides between equals."""
    same_user = np.diff(rows.user) == 0
    if (np.diff(rows.user) >= 0).all() and (np.diff(rows.time)[same_user] >= 0).all():
        return rows
    return rows.take(np.lexsort((rows.time, rows.user)))


def _aligned(records: pa.Table | None, name: str, ids: pa.Array) -> pa.Table | None:
    if records is None:
        return None
    places = pc.index_in(ids, value_set=records[name].cast(pa.string()).combine_chunks())
    taken = records.take(places)
    return taken.set_column(taken.column_names.index(name), name, ids)
