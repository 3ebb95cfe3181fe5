"""What became of each answer: which of the items that were seen were acted on later."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from endcap.lake.intake import parquet
from endcap.types import DAY, EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID

SEEN = pa.schema(
    [
        ("recommendation_id", pa.string()),
        (TIMESTAMP, pa.int64()),
        *((name, pa.string()) for name in ("operation", "target", "variant", "version", USER_ID, ITEM_ID)),
        ("position", pa.int32()),
        *((name, pa.float64()) for name in ("score", "propensity")),
        *((name, pa.string()) for name in ("source", "reason", "promotion", "impression")),
        (
            "events",
            pa.list_(
                pa.struct(
                    [
                        (EVENT_TYPE, pa.string()),
                        (TIMESTAMP, pa.int64()),
                        ("event_value", pa.float64()),
                        ("event_id", pa.string()),
                    ]
                )
            ),
        ),
    ]
)
"""A row for each item that an answer showed; `impression` says how that is known. `position` to `promotion` are null
where only the shop's page says that the item was seen; `events` are in order of time, empty where nothing followed."""

_NEEDED = {"recommendation_id", "impression", "event_id", "event_value"}
_QUERY = """
WITH told AS (SELECT recommendation_id, item_id, event_type, timestamp, event_value, event_id, impression
    FROM ({events}) WHERE recommendation_id IS NOT NULL),
answers AS (SELECT * FROM {decisions} WHERE timestamp >= $since AND timestamp < $until),
explicit AS (SELECT DISTINCT recommendation_id, unnest(string_split(impression, '|')) AS item_id
    FROM told WHERE impression IS NOT NULL),
shown AS (SELECT recommendation_id, unnest(shown, recursive := true) FROM answers),
seen AS (
    SELECT recommendation_id, item_id, 'explicit' AS impression FROM explicit
        WHERE recommendation_id IN (SELECT recommendation_id FROM answers)
    UNION ALL SELECT recommendation_id, item_id, 'implicit' FROM shown
        WHERE recommendation_id NOT IN (SELECT recommendation_id FROM explicit)),
later AS (SELECT told.recommendation_id, told.item_id, list(struct_pack(event_type := told.event_type,
        timestamp := told.timestamp, event_value := CAST(told.event_value AS DOUBLE), event_id := told.event_id)
        ORDER BY told.timestamp, told.event_id) AS events
    FROM told JOIN answers ON told.recommendation_id = answers.recommendation_id
        AND told.timestamp BETWEEN answers.timestamp AND answers.timestamp + $window
    GROUP BY ALL)
SELECT answers.recommendation_id, answers.timestamp, operation, target, variant, version, user_id, seen.item_id,
    position, score, propensity, source, reason, shown.promotion, seen.impression, coalesce(events, []) AS events
FROM seen JOIN answers USING (recommendation_id)
    LEFT JOIN shown ON shown.recommendation_id = seen.recommendation_id AND shown.item_id = seen.item_id
    LEFT JOIN later ON later.recommendation_id = seen.recommendation_id AND later.item_id = seen.item_id
ORDER BY answers.timestamp, answers.recommendation_id, position NULLS LAST, seen.item_id
"""
_NO_EVENTS = """SELECT NULL::VARCHAR AS recommendation_id, NULL::VARCHAR AS item_id, NULL::VARCHAR AS event_type,
    NULL::BIGINT AS timestamp, NULL::DOUBLE AS event_value, NULL::VARCHAR AS event_id, NULL::VARCHAR AS impression
    WHERE false"""


def seen_items(
    decisions: Sequence[str], events: Sequence[Sequence[str]], *, since: int = 0, until: int = 2**62, window: int = DAY
) -> pa.Table:
    """Rows of `SEEN` for answers given from `since` until before `until`; an event counts up to `window` later.

    `decisions` are the files of that table, `events` those of each table of events. What events say was seen (explicit
    impressions, all events of the answer together) takes the place of what the answer showed.
    """
    if not decisions:
        return SEEN.empty_table()
    with duckdb.connect() as connection:
        parts = [_NO_EVENTS]
        for files in events:
            there = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {parquet(files)}").fetchall()}
            if there >= _NEEDED:
                what = ITEM_ID if ITEM_ID in there else "NULL"
                kind = EVENT_TYPE if EVENT_TYPE in there else "NULL"
                columns = f"recommendation_id, {what}, {kind}, timestamp, event_value, event_id, impression"
                parts.append(f"SELECT {columns} FROM {parquet(files)}")
        query = _QUERY.format(events=" UNION ALL ".join(parts), decisions=parquet(decisions))
        found = connection.sql(query, params={"since": since, "until": until, "window": window})
        table: pa.Table = found.to_arrow_table()
        return table.cast(SEEN)
