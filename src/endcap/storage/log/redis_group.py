"""Consumer groups: work on the log that is shared between processes, each record given to one of them.

For work whose effect may be repeated, such as calling somebody else's service. What must be done exactly once keeps
the offset with its effect, as the sink does; live state is no such work: every process folds every record.
"""

from __future__ import annotations

from collections.abc import Sequence

from endcap.errors import StateError
from endcap.storage.log.contract import Offset, Record
from endcap.storage.log.redis_place import RedisPlace

IDLE_SECONDS = 60.0


class RedisGroup:
    """One member of a group. A record that a member took and has not done after `idle` seconds goes to another."""

    def __init__(self, place: RedisPlace, group: str, member: str, *, idle: float = IDLE_SECONDS) -> None:
        """The group begins with the oldest record there is. Raises `StateError` where nobody has made the log."""
        self._place, self.group, self.member, self._idle = place, group, member, round(idle * 1000)
        facts = place.facts()
        if facts is None:
            raise StateError(f"There is no log at {place.shown} yet.", fix="Start what appends to it.")
        self.partitions = facts.partitions
        for partition in range(self.partitions):
            place.join(partition, group)

    def take(self, limit: int = 1_000, seconds: float = 0.1) -> list[tuple[Offset, Record]]:
        """What nobody else in the group is given, in order within each partition: first what others left undone.
        At most about `limit` of each partition; waits up to `seconds` (more than 0) when there is nothing."""
        who = (self.group, self.member)
        left = [self._place.take_over(number, who, self._idle, limit) for number in range(self.partitions)]
        if any(left):
            return [row for rows in left for row in rows]
        return self._place.take(self.partitions, who, limit, max(1, round(seconds * 1000)))

    def done(self, offsets: Sequence[Offset]) -> None:
        """These were worked on, and go to nobody again."""
        by_partition: dict[int, list[int]] = {}
        for partition, n in offsets:
            by_partition.setdefault(partition, []).append(n)
        for partition, numbers in by_partition.items():
            self._place.done(partition, self.group, numbers)

    def close(self) -> None:
        """Let go; what was taken and not done goes to others."""
        self._place.close()
