"""Feature records of the log as rows of their groups' offline tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from endcap.errors import StateError
from endcap.lake.feature_tables import OWN, FeatureTables, Make
from endcap.lake.tables import Lake
from endcap.storage.log import Offset, Record
from endcap.stream.records import FeatureRecord
from endcap.types import AccountKey

Read = tuple[int, Record, FeatureRecord]
"""An offset in the log's partition, the record that is there, and what it holds."""


class Columns(Protocol):
    """What is asked of a feature group here."""

    @property
    def arrow(self) -> pa.Schema:
        """The features as columns."""

    def columns(self, values: Mapping[str, str | list[str]]) -> dict[str, Any]:
        """Values as written, in the columns' types."""


Groups = Callable[[AccountKey, str], Columns | None]
"""A feature group by account and `FeatureRecord.group`; None where it was deleted."""


def sink_features(
    lake: Lake, groups: Groups | None, account: AccountKey, read: Sequence[Read], log: str, upto: Offset
) -> int:
    """Append what an account's groups have of a partition, exactly once; how many rows. Of deleted groups none is kept.

    Raises `StateError` where nobody can say what the groups are: then the records stay in the log.
    """
    if groups is None:
        raise StateError("Feature records are in the log, and no feature groups were given.", fix="Sink by a job.")
    by_group: dict[str, list[Read]] = {}
    for each in read:
        by_group.setdefault(each[2].group, []).append(each)
    tables, added = FeatureTables(lake), 0
    for key, mine in by_group.items():
        group = groups(account, key)
        if group is not None:
            added += tables.append(
                account, key, group.arrow, _making(group, mine), log=log, partition=upto.partition, upto=upto.n
            )
    return added


def _making(group: Columns, read: Sequence[Read]) -> Make:
    def make(held: int) -> pa.Table:
        rows = [_row(group, n, record, told) for n, record, told in read if n > held]
        return pa.Table.from_pylist(rows, pa.schema([*OWN, *group.arrow]))

    return make


def _row(group: Columns, n: int, record: Record, told: FeatureRecord) -> dict[str, Any]:
    return {
        **group.columns(told.values),
        "_record_id": told.id,
        "_event_time": told.time,
        "write_time": record.time,
        "_order": n,
        "is_deleted": told.deleted,
        "_until": told.until or None,
        "_stores": told.stores or None,
        "_record": record.payload,
    }
