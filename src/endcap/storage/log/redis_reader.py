"""Reading a log in Redis, from any process and thread."""

from __future__ import annotations

from endcap.errors import InputError
from endcap.storage.log.contract import Offset, Record
from endcap.storage.log.redis_place import Facts, RedisPlace


class RedisReader:
    """Nothing is connected before something is asked."""

    def __init__(self, place: RedisPlace) -> None:
        self._place = place
        self._facts: Facts | None = None

    @property
    def identity(self) -> str:
        """Empty as long as nobody has made the log."""
        facts = self._found()
        return facts.identity if facts is not None else ""

    @property
    def partitions(self) -> int:
        """0 as long as nobody has made the log."""
        facts = self._found()
        return facts.partitions if facts is not None else 0

    def read(self, partition: int, after: int = 0, limit: int = 10_000) -> list[tuple[Offset, Record]]:
        """What follows offset `after` of a partition, in order. Raises `InputError` for an unknown partition."""
        facts = self._found()
        if facts is None:
            return []
        if partition not in range(facts.partitions):
            raise InputError(f"The log {self._place.shown} has no partition {partition}.")
        return self._place.read(partition, after, limit)

    def ends(self) -> tuple[int, ...]:
        """The newest offset of each partition; empty as long as nobody has made the log."""
        facts = self._found()
        return self._place.ends(facts.partitions) if facts is not None else ()

    def lags(self) -> dict[str, int]:
        """Of each consumer group, how many records it has not done: those that nobody took yet, and those underway."""
        lags: dict[str, int] = {}
        for partition, end in enumerate(self.ends()):
            for group, (given, underway) in self._place.groups(partition).items():
                lags[group] = lags.get(group, 0) + end - given + underway
        return lags

    def close(self) -> None:
        """Let go of the connections; they are made again when it is used again."""
        self._place.close()

    def _found(self) -> Facts | None:
        if self._facts is None:
            self._facts = self._place.facts()
        return self._facts
