"""How much of the event log each of a shop's tables holds: the other half of writing nothing twice.

A commit of streamed rows carries the Delta transaction id of (log, partition) with the offset up to which the table
has them, so rows and offset are one atomic fact. What is beyond belongs to the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from endcap.lake.schemas import KINDS, DatasetKind

TableKind = Literal[DatasetKind, "decisions", "other_events", "features"]
"""Tables of a shop: its datasets, the answers given, and events that name no item. `features` are those of an account's
feature groups, all together; see `feature_tables`."""
LINKING: tuple[TableKind, ...] = ("interactions", "other_events", "action_interactions")
"""Tables of events, which tell what user a session became."""
TABLES: tuple[TableKind, ...] = (*KINDS, "decisions", "other_events")


@dataclass(frozen=True)
class LakeOffsets:
    """Of one log, by table and partition; 0 where nothing was sunk."""

    log: str = ""
    tables: Mapping[TableKind, Mapping[int, int]] = field(default_factory=dict)

    def at(self, kind: TableKind, partition: int) -> int:
        """The newest offset of a partition that a table holds."""
        return self.tables.get(kind, {}).get(partition, 0)

    def has(self, kind: TableKind, offset: tuple[int, int]) -> bool:
        """Whether a table holds the record at (partition, n)."""
        partition, n = offset
        return n <= self.tables.get(kind, {}).get(partition, 0)


NOTHING = LakeOffsets()


def transaction(log: str, partition: int) -> str:
    """The Delta application id of a log's partition."""
    return f"log-{log}-{partition}"
