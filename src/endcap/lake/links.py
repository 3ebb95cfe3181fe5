"""Which user each anonymous session became, told by streamed events that carry both.

The first such event in (time, event id) decides, as in `stream.links`. An anonymous row has the session as its user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from endcap.lake.columns import INGESTION, PUT
from endcap.lake.intake import parquet
from endcap.lake.offsets import TableKind
from endcap.types import SESSION_ID, TIMESTAMP, USER_ID

_NEEDED = (USER_ID, SESSION_ID, TIMESTAMP, "event_id", INGESTION)


def links(files: Mapping[TableKind, Sequence[str]]) -> pa.Table:
    """(session_id, user_id, last), a row per session that became a user's; `last` is the time of the newest event that
    says so. `files` are those of the tables of events; tables without streamed rows tell nothing."""
    with duckdb.connect() as connection:
        parts = []
        for paths in files.values():
            if not paths:
                continue
            there = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {parquet(paths)}").fetchall()}
            if there.issuperset(_NEEDED):
                parts.append(f"""SELECT {SESSION_ID}, {USER_ID}, {TIMESTAMP}, event_id FROM {parquet(paths)}
                    WHERE {INGESTION} = '{PUT}' AND {SESSION_ID} IS NOT NULL AND {SESSION_ID} <> {USER_ID}""")
        if not parts:
            return pa.table(
                {SESSION_ID: pa.nulls(0, pa.string()), USER_ID: pa.nulls(0, pa.string()), "last": _NO_TIMES}
            )
        query = f"""SELECT {SESSION_ID}, arg_min({USER_ID}, ({TIMESTAMP}, event_id)) AS {USER_ID},
            max({TIMESTAMP}) AS last FROM ({" UNION ALL ".join(parts)}) GROUP BY {SESSION_ID} ORDER BY {SESSION_ID}"""
        return connection.sql(query).to_arrow_table()


def owned(linked: pa.Table, users: pa.Array) -> pa.Array:
    """The users, and the sessions that became theirs."""
    mine = pc.is_in(linked[USER_ID].combine_chunks(), value_set=users)
    return pa.concat_arrays([users, linked[SESSION_ID].combine_chunks().cast(pa.string()).filter(mine)])


def resolved(interactions: pa.Table, linked: pa.Table) -> pa.Table:
    """Interactions whose anonymous rows (their user is their session) have the user that the session became, where it
    became one. Rows may come in another order."""
    if not linked.num_rows or not {SESSION_ID, INGESTION} <= set(interactions.column_names):
        return interactions
    users, sessions = (_texts(interactions[name]) for name in (USER_ID, SESSION_ID))
    streamed = pc.equal(_texts(interactions[INGESTION]), PUT)
    anonymous = pc.fill_null(pc.and_(streamed, pc.equal(users, sessions)), False)
    places = pc.index_in(sessions, value_set=linked[SESSION_ID].combine_chunks().cast(pa.string()))
    became = linked[USER_ID].combine_chunks().cast(pa.string()).take(places)
    merged = pc.if_else(pc.and_(anonymous, pc.is_valid(places)), became, users)
    return interactions.set_column(interactions.column_names.index(USER_ID), USER_ID, merged)


_NO_TIMES = pa.nulls(0, pa.int64())


def _texts(column: pa.ChunkedArray) -> pa.Array:
    whole = column.cast(pa.string()).combine_chunks()  # dictionaries of files in which all are null do not combine
    return whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
