"""Records of the log as rows of tables: what each column gets, and what finds no column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from endcap.lake.columns import INGESTION, PUT, STREAMED
from endcap.lake.offsets import TableKind
from endcap.storage.log import Record
from endcap.stream.records import ActionEvent, Decision, Event, Put, Value
from endcap.types import EVENT_TYPE, ITEM_ID, SESSION_ID, TIMESTAMP, USER_ID

Misfits = Counter[str]
"""`column` → how many values had no column, or did not fit it."""

DECISIONS = pa.schema(
    [
        ("recommendation_id", pa.string()),
        (TIMESTAMP, pa.int64()),
        *((name, pa.string()) for name in ("operation", "target")),
        ("generation", pa.int64()),
        *((name, pa.string()) for name in ("variant", "version", "recipe", USER_ID, ITEM_ID)),
        ("k", pa.int32()),
        ("context", pa.map_(pa.string(), pa.string())),
        ("filter", pa.string()),
        ("filter_values", pa.map_(pa.string(), pa.string())),
        ("promotion", pa.string()),
        ("rules", pa.string()),
        ("candidates", pa.list_(pa.struct([(ITEM_ID, pa.string()), ("source", pa.string()), ("score", pa.float64())]))),
        (
            "shown",
            pa.list_(
                pa.struct(
                    [
                        (ITEM_ID, pa.string()),
                        ("position", pa.int32()),
                        ("score", pa.float64()),
                        ("propensity", pa.float64()),
                        *((name, pa.string()) for name in ("source", "reason", "promotion")),
                    ]
                )
            ),
        ),
        ("counts", pa.map_(pa.string(), pa.int64())),
        ("micros", pa.int64()),
        ("asked", pa.int64()),
        ("feature_set", pa.string()),
        ("features", pa.binary()),
        ("judged", pa.list_(pa.float32())),
    ]
)
"""One row per answer; empty texts are null, `score` is null where there was none. `judged` is what the ranker said of
each of `candidates`, null where nothing was ranked."""
_TEXTS = ("variant", "version", "recipe", USER_ID, ITEM_ID, "filter", "promotion", "rules", "feature_set", "features")


def event_rows(
    kind: TableKind, events: Sequence[Event | ActionEvent], columns: pa.Schema, misfits: Misfits
) -> pa.Table:
    """Rows of events. `columns` are those that the dataset names; they and the streamed ones are filled."""
    what = {"interactions": {ITEM_ID: pa.string()}, "action_interactions": {"action_id": pa.string()}}.get(kind, {})
    fixed = {USER_ID: pa.string(), **what, TIMESTAMP: pa.int64(), EVENT_TYPE: pa.string(), **STREAMED[kind]}
    return _table([_event(event) for event in events], fixed, columns, misfits)


def put_rows(
    key: str, puts: Iterable[tuple[Record, Put]], held: pa.Table | None, columns: pa.Schema, misfits: Misfits
) -> pa.Table:
    """Rows of items, users or actions: what was put, newest last in (time, id), laid over the rows `held` of them."""
    rows: dict[str, dict[str, Any]] = {}
    if held is not None:
        rows = {row[key]: row for row in held.to_pylist()}
    for _, put in sorted(puts, key=lambda each: (each[1].time, each[0].id)):
        rows.setdefault(put.id, {}).update({**put.properties, key: put.id, INGESTION: PUT})
    return _table(list(rows.values()), {key: pa.string(), INGESTION: pa.string()}, columns, misfits)


def decision_rows(decisions: Sequence[Decision]) -> pa.Table:
    """Rows of `DECISIONS`."""
    rows = []
    plain = pa.schema([each for each in DECISIONS if each.name not in _CONSIDERED])
    for one in decisions:
        row: dict[str, Any] = {name: getattr(one, name, None) for name in plain.names}
        row |= {name: row[name] or None for name in _TEXTS}
        row |= {"recommendation_id": one.id, TIMESTAMP: one.time}
        row |= {name: list(row[name].items()) for name in ("context", "filter_values", "counts")}
        row["shown"] = [_named(each) for each in one.shown]
        rows.append(row)
    made = {**_considered(decisions), **dict(zip(plain.names, pa.Table.from_pylist(rows, plain).columns, strict=True))}
    return pa.Table.from_arrays([made[name] for name in DECISIONS.names], schema=DECISIONS)


_CONSIDERED = ("candidates", "judged")


def _considered(decisions: Sequence[Decision]) -> dict[str, pa.Array]:
    """The two columns of what was considered, from columns of texts and bytes."""
    held = [one.considered for one in decisions]
    ends = pa.array(np.concatenate(([0], np.cumsum([len(each) for each in held]))), pa.int32())
    texts = [pa.array([text for each in held for text in getattr(each, name)], pa.string()) for name in _TEXTUAL]
    scores = _floats(b"".join(each.scores for each in held)).cast(pa.float64())
    columns = dict(zip((ITEM_ID, "source", "score"), (*texts, scores), strict=True))
    kinds = DECISIONS.field("candidates").type.value_type
    candidates = pa.StructArray.from_arrays([columns[each.name] for each in kinds], fields=list(kinds))
    numbers = np.concatenate(([0], np.cumsum([len(each.judged) // 4 for each in held])))
    unranked = pa.array([not each.judged for each in held])
    judged = pa.ListArray.from_arrays(
        pa.array(numbers, pa.int32()), _floats(b"".join(each.judged for each in held)), mask=unranked
    )
    return {"candidates": pa.ListArray.from_arrays(ends, candidates), "judged": judged}


_TEXTUAL = ("items", "sources")


def _floats(data: bytes) -> pa.Array:
    return pa.array(np.frombuffer(data, "<f4"), pa.float32(), from_pandas=True)


def _event(event: Event | ActionEvent) -> dict[str, Any]:
    row: dict[str, Any] = {
        **event.properties,
        USER_ID: event.user_id or event.session_id,
        TIMESTAMP: event.time,
        EVENT_TYPE: event.event_type,
        SESSION_ID: event.session_id or None,
        "event_id": event.event_id,
        "recommendation_id": event.recommendation_id or None,
        "impression": "|".join(event.impression) or None,
        INGESTION: PUT,
    }
    if isinstance(event, ActionEvent):
        return row | {"action_id": event.action_id}
    if event.value is not None:
        row["event_value"] = event.value
    source = {"event_attribution_source": event.source} if event.source else {}
    return row | source | ({ITEM_ID: event.item_id} if event.item_id else {})


def _table(
    rows: list[dict[str, Any]], fixed: Mapping[str, pa.DataType], columns: pa.Schema, misfits: Misfits
) -> pa.Table:
    named = {field.name: field.type for field in columns}
    kinds = {**fixed, **named} if rows else dict(fixed)
    for row in rows:
        for name in row.keys() - kinds.keys():
            misfits[name] += 1
    arrays = []
    for name, kind in kinds.items():
        fit = _fitting(kind)
        values = []
        for row in rows:
            given = row.get(name)
            value = None if given is None else fit(given)
            if value is None and given is not None:
                misfits[name] += 1
            values.append(value)
        arrays.append(pa.array(values, kind))
    return pa.Table.from_arrays(arrays, names=list(kinds))


def _fitting(kind: pa.DataType) -> Callable[[Value], Value]:
    if pa.types.is_boolean(kind):
        return _boolean
    if pa.types.is_integer(kind):
        most = 2 ** (kind.bit_width - 1)
        return lambda value: _integer(value, most)
    if pa.types.is_floating(kind):
        return _number
    return _string if pa.types.is_string(kind) else lambda value: _other(value, kind)


def _string(value: Value) -> Value:
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _number(value: Value) -> Value:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def _integer(value: Value, most: int) -> Value:
    try:
        whole = int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = _number(value)
        if not isinstance(number, float) or not number.is_integer():
            return None
        whole = int(number)
    return whole if -most <= whole < most else None


def _boolean(value: Value) -> Value:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())


def _other(value: Any, kind: pa.DataType) -> Any:
    try:
        return pa.scalar(value, kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):
        return None


def _named(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
