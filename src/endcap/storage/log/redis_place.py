"""A log's keys in Redis, and what is asked of them.

Every key begins with the same hash tag. `facts` says what the log is, `ends` the newest offset of each partition, one
stream each holds a partition's records under the entry ids `n-0`. Ids that were taken lie in sets, one for each span of
time, so that those that need no longer be remembered go at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from endcap.errors import InputError, StateError, UnavailableError
from endcap.storage.log.contract import MOST_PARTITIONS, RECORD_KINDS, Offset, Record, partition_of
from endcap.storage.log.redis_scripts import APPEND, MAKE, TRIM
from endcap.storage.redis_server import Server, answering, client, told_setting
from endcap.types import AccountKey, Micros, ShopKey

FORMAT = "1"
PARTITIONS = 8
REMEMBERED_SECONDS = 7 * 24 * 3600
"""How long the ids of trimmed records are kept, when the URL does not say: what comes later still is known to the lake
by its own key."""
PART = 2_000
"""Entries that one command reads at most: the server answers nobody else meanwhile."""
TRIM_PART = 20_000
_KINDS = {kind: place for place, kind in enumerate(RECORD_KINDS)}
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(tuple[int, str, bytes, int, bytes]).decode


class Facts(NamedTuple):
    """What is fixed when a log is made."""

    identity: str
    partitions: int


class Row(NamedTuple):
    """A record, as it goes over the wire."""

    partition: int
    name: bytes
    shop: bytes
    value: bytes


@dataclass(frozen=True)
class Appended:
    """The newest offset of each partition, and of each row its number, 0 where its id was known."""

    ends: tuple[int, ...]
    numbers: list[int]


class RedisPlace:
    """One log's. For any number of threads; raises as `answering` says."""

    def __init__(self, server: Server) -> None:
        """Raises `InputError` for members of the URL that mean nothing."""
        self.server, self.shown = server, server.shown
        self._client = client(server)
        name = server.options.get("name", "log")
        self._prefix = f"{{endcap:{name}}}:"
        self._append = self._client.register_script(APPEND)
        self._trim = self._client.register_script(TRIM)
        self._shops: dict[bytes, ShopKey] = {}

    def facts(self) -> Facts | None:
        """None as long as nobody has made the log. Raises `StateError` for a format that is not ours."""
        with answering(self.server):
            found = self._client.hmget(self._key("facts"), "format", "identity", "partitions")
        return self._facts(found)

    def make(self, partitions: int | None) -> Facts:
        """Make the log where there is none. Raises `StateError` when it has another number of partitions."""
        given = partitions if partitions is not None else _whole(self.server, "partitions")
        if given is not None and given not in range(1, MOST_PARTITIONS + 1):
            raise InputError(f"A log of {given} partitions is not possible, expected 1 to {MOST_PARTITIONS}.")
        remembered = _whole(self.server, "remember")
        with answering(self.server):
            seconds = REMEMBERED_SECONDS if remembered is None else remembered
            args = (FORMAT, secrets.token_hex(8), given or PARTITIONS, seconds, int(remembered is not None))
            found = self._client.register_script(MAKE)([self._key("facts")], args)
        facts = self._facts(found)
        assert facts is not None
        if given not in (None, facts.partitions):
            raise StateError(
                f"The log {self.shown} has {facts.partitions} partitions, not {given}.",
                fix="The number is fixed when a log is made: name another one, or leave it out.",
            )
        return facts

    def row(self, record: Record, facts: Facts) -> Row:
        """Raises `InputError` for an id that is not 16 bytes long."""
        if len(record.id) != 16:
            raise InputError(f"A record's id is {len(record.id)} bytes long, expected 16.")
        shop = "\0".join(record.shop.parts()).encode()
        name = blake2b(record.id + shop, digest_size=16).digest()
        value = _ENCODE((_KINDS[record.kind], record.key, record.id, record.time, record.payload))
        return Row(partition_of(record, facts.partitions), name, shop, value)

    def append(self, facts: Facts, floors: Sequence[int], rows: Sequence[Row]) -> Appended:
        """Take the rows whose id is not known, all or none; durable on return as far as the server flushes.

        `floors` are the newest offsets that this process has seen: should the server have lost some of them, they are
        never given again. A connection that broke is tried once more, since a repeat takes nothing twice.
        """
        args: list[Any] = [facts.identity, facts.partitions, *floors]
        for row in rows:
            args += row
        keys = [self._key(name) for name in ("facts", "ends", "spans", "ids:", "p")]
        with self._same_log(), answering(self.server):
            answer = self._once_more(lambda: self._append(keys, args))
        return Appended(tuple(answer[0]), answer[1])

    def ends(self, partitions: int) -> tuple[int, ...]:
        """The newest offset of each partition."""
        with answering(self.server):
            found = self._client.hmget(self._key("ends"), *range(partitions))
        return tuple(int(end or 0) for end in found)

    def read(self, partition: int, after: int, limit: int) -> list[tuple[Offset, Record]]:
        """What follows offset `after`, in order."""
        rows: list[tuple[Offset, Record]] = []
        while len(rows) < limit:
            part = min(PART, limit - len(rows))
            with answering(self.server):
                found = self._client.xrange(self._key(f"p{partition}"), f"{after + 1}-0", "+", part)
            rows += self.records(partition, found)
            if len(found) < part:
                break
            after = rows[-1][0].n
        return rows

    def follow(self, after: Sequence[int], part: int, milliseconds: int) -> list[tuple[Offset, Record]]:
        """What comes after these offsets, at most `part` of each partition; nothing when nothing comes in time."""
        streams = [self._key(f"p{partition}") for partition in range(len(after))]
        numbers = [f"{n}-0" for n in after]
        command = ("XREAD", "COUNT", part, "BLOCK", milliseconds, "STREAMS", *streams, *numbers)
        with answering(self.server):
            found = self._client.execute_command(*command)
        return [row for stream, entries in found or () for row in self.records(self.partition(stream), entries)]

    def trim(self, facts: Facts, partition: int, upto: int) -> None:
        """Forget records up to an offset, a part at a time so that appends pass between."""
        upto = min(upto, self.ends(facts.partitions)[partition])
        stream = self._key(f"p{partition}")
        keys = [self._key(name) for name in ("facts", "trimmed", "spans", "ids:")] + [stream]
        done = False
        while not done:  # also where nothing is left: ids may be due to be forgotten
            with self._same_log(), answering(self.server):
                first = self._client.xrange(stream, "-", "+", 1)
                step = min(upto, number(first[0][0]) + TRIM_PART - 1) if first else upto
                self._trim(keys, (facts.identity, facts.partitions, partition, step))
            done = step == upto

    def durability(self) -> str:
        """As `Log.durability`."""
        with answering(self.server):
            append, flush = told_setting(self._client, "appendonly"), told_setting(self._client, "appendfsync")
        if append is None or flush is None:
            return "unknown"
        return flush if append == "yes" else "off"

    def evicts(self) -> bool:
        """Whether the server throws records out of its own accord when its memory is full."""
        with answering(self.server):
            return (told_setting(self._client, "maxmemory-policy") or "").startswith("allkeys")

    def groups(self, partition: int) -> dict[str, tuple[int, int]]:
        """Of each consumer group: (the newest offset that was given out, how many of those are not done)."""
        with answering(self.server):
            if not self._client.exists(self._key(f"p{partition}")):
                return {}
            found = self._client.xinfo_groups(self._key(f"p{partition}"))
        return {each["name"].decode(): (number(each["last-delivered-id"]), each["pending"]) for each in found}

    def join(self, partition: int, group: str) -> None:
        """Make a consumer group that begins with the oldest record there is, unless it is there."""
        from redis import exceptions  # noqa: PLC0415

        with answering(self.server):
            try:
                self._client.xgroup_create(self._key(f"p{partition}"), group, "0", mkstream=True)
            except exceptions.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    def take(self, partitions: int, member: tuple[str, str], limit: int, milliseconds: int) -> list[Any]:
        """As `follow`, for one member (group, consumer): each record is given to one of them."""
        streams = [self._key(f"p{partition}") for partition in range(partitions)]
        command = ("XREADGROUP", "GROUP", *member, "COUNT", limit, "BLOCK", milliseconds, "STREAMS", *streams)
        with answering(self.server):
            found = self._client.execute_command(*command, *([">"] * partitions))
        return [row for stream, entries in found or () for row in self.records(self.partition(stream), entries)]

    def take_over(self, partition: int, member: tuple[str, str], idle: int, limit: int) -> list[Any]:
        """What other consumers of the group have had for `idle` milliseconds, and not done."""
        command = ("XAUTOCLAIM", self._key(f"p{partition}"), *member, idle, "0-0", "COUNT", limit)
        with answering(self.server):
            found = self._client.execute_command(*command)
        return self.records(partition, [entry for entry in found[1] if entry is not None])

    def done(self, partition: int, group: str, numbers: Sequence[int]) -> None:
        """Nobody in the group is given these again."""
        with answering(self.server):
            self._client.xack(self._key(f"p{partition}"), group, *(f"{n}-0" for n in numbers))

    def partition(self, stream: bytes) -> int:
        """Of the key of a partition."""
        return int(stream[len(self._prefix.encode()) + 1 :])

    def records(self, partition: int, entries: Sequence[Any]) -> list[tuple[Offset, Record]]:
        """A stream's entries as they came over the wire."""
        rows = []
        for entry, fields in entries:
            try:
                kind, key, name, time, payload = _DECODE(fields[1])
                record = Record(self._shop(fields[0]), RECORD_KINDS[kind], key, name, Micros(time), payload)
            except (msgspec.DecodeError, UnicodeError, ValueError, IndexError):
                record = _unreadable(entry, fields[1])
            rows.append((Offset(partition, number(entry)), record))
        return rows

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _shop(self, text: bytes) -> ShopKey:
        shop = self._shops.get(text)
        if shop is None:
            account, region, group = text.decode().split("\0")
            shop = self._shops[text] = ShopKey(AccountKey(account, region), group)
        return shop

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _facts(self, found: Sequence[bytes | None]) -> Facts | None:
        form, identity, partitions = found
        if form is None or identity is None or partitions is None:
            return None
        if form.decode() != FORMAT:
            raise StateError(f"The log {self.shown} has format {form.decode()}, this version reads {FORMAT}.")
        return Facts(identity.decode(), int(partitions))

    def _once_more(self, ask: Any) -> Any:
        from redis import exceptions  # noqa: PLC0415

        try:
            return ask()
        except exceptions.BusyLoadingError:
            raise
        except exceptions.ConnectionError:
            return ask()

    @contextmanager
    def _same_log(self) -> Iterator[None]:
        try:
            yield
        except StateError as error:
            if "another log" not in str(error):
                raise
            fix = "Restore what it held, or start the processes that use it again."
            raise UnavailableError(f"What lies at {self.shown} is another log than the one opened.", fix=fix) from error


def _unreadable(entry: bytes, value: bytes) -> Record:
    """What cannot be read must not hold up what follows: it stands there with a payload that is no event's either, so
    those who fold and sink count it and set it aside."""
    name = blake2b(entry + value, digest_size=16).digest()
    return Record(ShopKey(AccountKey(), "unreadable"), "event", "", name, Micros(0), value)


def number(entry: bytes) -> int:
    """The offset that an entry's id stands for."""
    return int(entry[:-2])


def _whole(server: Server, name: str) -> int | None:
    text = server.options.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise InputError(f"{name} of {server.shown} is {text!r}, expected a whole number.")
    return int(text)
