"""Columns of the processed tables: which are required, and how foreign Arrow types become ones that Delta keeps."""

from __future__ import annotations

import pyarrow as pa

from endcap.errors import SchemaError
from endcap.lake.offsets import TableKind
from endcap.types import DURATION, EVENT_TYPE, EVENT_VALUE, ITEM_ID, ORDER_ID, RATING, SESSION_ID, TIMESTAMP, USER_ID

REQUIRED: dict[TableKind, tuple[str, ...]] = {
    "interactions": (USER_ID, ITEM_ID, TIMESTAMP),
    "items": (ITEM_ID,),
    "users": (USER_ID,),
    "actions": ("action_id",),
    "action_interactions": (USER_ID, "action_id", TIMESTAMP),
    "decisions": ("recommendation_id", TIMESTAMP),
    "other_events": (USER_ID, TIMESTAMP),
}
"""Columns that must be there, without nulls. Kinds with one of them are records, upserted by it; others are events."""

NUMBERS = (EVENT_VALUE, DURATION, RATING)
"""What may have been measured beside an event: `signals.Numbers`."""
INGESTION = "ingestion"
PUT = "PUT"
"""What `INGESTION` says of rows that were streamed; it is null in rows that were imported."""
_EVENT_COLUMNS = {
    SESSION_ID: pa.string(),
    "event_id": pa.string(),
    "event_value": pa.float64(),
    DURATION: pa.float64(),
    RATING: pa.float64(),
    "recommendation_id": pa.string(),
    "impression": pa.string(),
    "event_attribution_source": pa.string(),
    INGESTION: pa.string(),
}
_ACTION_COLUMNS = {name: _EVENT_COLUMNS[name] for name in (SESSION_ID, "event_id", "recommendation_id", "impression")}
STREAMED: dict[TableKind, dict[str, pa.DataType]] = {
    "interactions": _EVENT_COLUMNS,
    "other_events": _EVENT_COLUMNS,
    "action_interactions": {**_ACTION_COLUMNS, INGESTION: pa.string()},
    "items": {INGESTION: pa.string()},
    "users": {INGESTION: pa.string()},
    "actions": {INGESTION: pa.string()},
    "decisions": {},
}
"""Columns that streamed rows bring whatever the dataset's schema names; `impression` joins ids by `|`."""

_TEXT = frozenset({USER_ID, ITEM_ID, "action_id", SESSION_ID, ORDER_ID, EVENT_TYPE})
_KEPT = (pa.types.is_boolean, pa.types.is_signed_integer, pa.types.is_date32, pa.types.is_decimal128)


def table_schema(kind: TableKind, given: pa.Schema, existing: pa.Schema | None = None) -> pa.Schema:
    """The table's columns for rows of a given schema; columns of `existing` keep their type and their place.

    Raises `SchemaError` for a missing or repeated column and for a type that has no place in a table.
    """
    missing = [name for name in REQUIRED[kind] if name not in given.names]
    if missing:
        raise SchemaError(
            f"The {kind} have no column {', '.join(missing)}; found {', '.join(given.names) or 'none'}.",
            column=missing[0],
            fix="Name it in the mapping of the import.",
        )
    lowered = [name.lower() for name in given.names]
    if len(set(lowered)) < len(lowered):
        twice = next(name for name in lowered if lowered.count(name) > 1)
        raise SchemaError(f"Column {twice} comes twice in the {kind}.", column=twice, fix="Keep one of them.")
    kept = list(existing) if existing is not None else []
    known = {field.name for field in kept}
    nested = kind == "decisions"  # whose columns are ours, lists of structures among them
    fresh = [pa.field(field.name, field.type if nested else _type(field)) for field in given if field.name not in known]
    return pa.schema([pa.field(field.name, field.type) for field in kept] + fresh)


def with_streamed(columns: pa.Schema, existing: pa.Schema) -> pa.Schema:
    """The columns, and those that streamed rows of the existing table need beside them."""
    streamed = {name for held in STREAMED.values() for name in held}
    fresh = [field for field in existing if field.name in streamed and field.name not in columns.names]
    return pa.schema([*columns, *fresh])


def converted(batch: pa.RecordBatch, schema: pa.Schema, row: int) -> pa.RecordBatch:
    """A batch in the table's columns, those that did not come being null.

    `row` is the number of rows before it. Raises `SchemaError` where a value does not fit its column.
    """
    names = batch.schema.names
    arrays = []
    for field in schema:
        if field.name not in names:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        column = batch.column(names.index(field.name))
        try:
            arrays.append(_cast(column, field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SchemaError(
                f"Column {field.name} holds {column.type}, the table {field.type} "
                f"(in rows {row + 1} to {row + batch.num_rows}): {error}.",
                column=field.name,
                fix="Correct the values, or import with FULL to give the column another type.",
            ) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    elif _is_list(column.type) and _is_text(kind):
        import pyarrow.compute as pc  # noqa: PLC0415 - 20 ms, which most imports need not wait for

        texts = column.cast(pa.list_(pa.string()))
        column = pc.binary_join(texts, "|")
    return column if column.type == kind else column.cast(kind)


def combinable(table: pa.Table) -> pa.Table:
    """The table, its dictionaries without nulls: that of a file whose values are all null holds one, and Arrow combines
    no such chunk with others."""
    for place, column in enumerate(table.columns):
        if not pa.types.is_dictionary(column.type) or not any(each.dictionary.null_count for each in column.chunks):
            continue
        chunks = [
            each.cast(column.type.value_type).dictionary_encode() if each.dictionary.null_count else each
            for each in column.chunks
        ]
        table = table.set_column(place, table.column_names[place], pa.chunked_array(chunks))
    return table


def plain(table: pa.Table) -> pa.Table:
    """The table with its dictionaries decoded and views of texts as texts: a column reads the same however the frame
    it came from held it (a categorical of pandas, an enum of polars)."""
    for place, (field, column) in enumerate(zip(table.schema, table.columns, strict=True)):
        coded = pa.types.is_dictionary(field.type)
        kind = field.type.value_type if coded else field.type
        kind = pa.string() if pa.types.is_string_view(kind) else kind
        if coded:  # by hand: Arrow decodes no dictionary of views
            chunks = [chunk.dictionary.cast(kind).take(chunk.indices) for chunk in column.chunks]
            table = table.set_column(place, field.name, pa.chunked_array(chunks, kind))
        elif kind != field.type:
            table = table.set_column(place, field.name, column.cast(kind))
    return table


def _type(field: pa.Field) -> pa.DataType:
    """Delta's nearest type: text for ids and categories, lists joined by `|`, points in time as int64 microseconds."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if field.name in _TEXT or pa.types.is_null(kind) or _is_text(kind) or _is_list(kind):
        return pa.string()
    if field.name == TIMESTAMP or pa.types.is_timestamp(kind) or pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64() if kind == pa.float64() else pa.float32()
    if pa.types.is_date64(kind):
        return pa.date32()
    if any(is_kept(kind) for is_kept in _KEPT):
        return kind
    raise SchemaError(
        f"Column {field.name} holds {kind}, expected text, numbers, booleans, dates or lists of text.",
        column=field.name,
        fix="Flatten it or leave it out in the mapping.",
    )


def _is_text(kind: pa.DataType) -> bool:
    return any((pa.types.is_string(kind), pa.types.is_large_string(kind), pa.types.is_string_view(kind)))


def _is_list(kind: pa.DataType) -> bool:
    return any((pa.types.is_list(kind), pa.types.is_large_list(kind)))
