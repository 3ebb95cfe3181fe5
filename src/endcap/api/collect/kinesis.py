"""Kinesis-shaped producers: `put_record` and `put_records` land in the same log.

A stream is a shop, or one of its event trackers, by name. A record's data is a call in any dialect; the
partition key is not used: the shopper decides the partition here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from endcap.api.acknowledging import acknowledged
from endcap.api.collect import LONGEST, aside_if_long, decoded, kept_aside, records
from endcap.api.door import Exchange
from endcap.api.known import Known
from endcap.api.metrics import Metrics
from endcap.api.personalize.validation import validated
from endcap.api.shapes import service
from endcap.api.wire import Refusal, Reply, read_json
from endcap.errors import InputError, UnknownName
from endcap.registry.resources import Resources
from endcap.registry.write_keys import GROUP
from endcap.seams import Clock
from endcap.storage.log import Log, Offset, Record
from endcap.storage.set_aside import SetAside
from endcap.stream.dialects import recognise
from endcap.stream.dialects.reading import read
from endcap.types import SECOND, AccountKey, ShopKey

PREFIX = "Kinesis_20131202"
SERVICE = "kinesis"
_Judged = tuple[list[list[Record]], list[dict[str, str]], list[tuple[Mapping[str, Any], str]]]
MOST = 5_000
"""Events of one call: what its further records say is to be sent again."""
THROTTLED = "ProvisionedThroughputExceededException"
READS = ("DescribeStreamSummary", "ListStreams", "ListShards")


class Kinesis:
    """Answers `PutRecord`, `PutRecords`, and what producers ask about a stream before they send."""

    def __init__(self, resources: Resources, log: Log, metrics: Metrics, clock: Clock, set_aside: SetAside) -> None:
        self._resources, self._log, self._metrics = resources, log, metrics
        self._clock, self._set_aside, self._model = clock, set_aside, service(SERVICE)
        self._streams: Known[tuple[AccountKey, str], ShopKey | None] = Known(self._shop)
        self._operations: Mapping[str, Any] = {
            "PutRecord": self._put_record,
            "PutRecords": self._put_records,
            "DescribeStreamSummary": self._describe,
            "ListStreams": self._list,
            "ListShards": self._shards,
        }

    async def answer(self, operation: str, exchange: Exchange) -> Reply:
        """One call of the service. Raises `Refusal`."""
        if operation not in self._operations:
            known = ", ".join(self._operations)
            raise Refusal(400, "UnknownOperationException", f"{operation[:64]} is not here. There are {known}.")
        exchange.caller.require("read" if operation in READS else "events")
        shape = self._model.operation_model(operation).input_shape
        given = await aside_if_long(exchange, lambda: validated(read_json(exchange.body), shape))
        told = await self._operations[operation](given, exchange)
        return Reply(200, msgspec.json.encode(told))

    async def _put_record(self, given: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
        shop = await self._stream(given, exchange)
        made, reason = await aside_if_long(exchange, lambda: self._read(shop, given))
        if reason:
            await self._refuse(shop, [(given, reason)])
            raise Refusal(400, "InvalidArgumentException", reason)
        (first,) = await self._taken([made])
        return {**first, "EncryptionType": "NONE"}

    async def _put_records(self, given: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
        shop = await self._stream(given, exchange)
        taken, told, refused = await aside_if_long(exchange, lambda: self._judged(shop, given["Records"]))
        placed = iter(await self._taken(taken))
        await self._refuse(shop, refused)
        answers = [each or next(placed) for each in told]
        failed = len(answers) - len(taken)
        return {"FailedRecordCount": failed, "Records": answers, "EncryptionType": "NONE"}

    def _judged(self, shop: ShopKey, given: Sequence[Mapping[str, Any]]) -> _Judged:
        """What each record says for the log, as far as one call may; errors in their places; those set aside."""
        taken, told, refused = list[list[Record]](), list[dict[str, str]](), list[tuple[Mapping[str, Any], str]]()
        events = size = 0
        for each in given:
            made, reason = ([], "") if events > MOST or size > LONGEST else self._read(shop, each)
            events += len(made)
            size += sum(len(record.payload) for record in made)
            if reason:
                refused.append((each, reason))
                told.append({"ErrorCode": "InvalidArgumentException", "ErrorMessage": reason})
            elif events > MOST or size > LONGEST:
                told.append({"ErrorCode": THROTTLED, "ErrorMessage": f"A call may say {MOST:,} events. Send it again."})
            else:
                taken.append(made)
                told.append({})
        return taken, told, refused

    def _read(self, shop: ShopKey, given: Mapping[str, Any]) -> tuple[list[Record], str]:
        """(records of the log, why there are none)."""
        try:
            call = decoded(base64.b64decode(given["Data"], validate=True))
            found = read(recognise(call), call, self._clock.now())
        except (binascii.Error, ValueError):
            return [], "Data is no base64."
        except (Refusal, InputError) as error:
            return [], error.message
        made = records(shop, found)
        return (made, "") if not found.rejected else ([], found.rejected[0].reason)

    async def _taken(self, made: list[list[Record]]) -> list[dict[str, str]]:
        """Where each list of records is in the log; what was there before has no place of its own."""
        flat = [record for each in made for record in each]
        try:
            offsets = iter(await acknowledged(self._log, flat) if flat else ())
        except Refusal as refusal:
            raise Refusal(400, THROTTLED, refusal.message, refusal.headers) from None
        self._metrics.taken("event", len(flat))
        return [_placed([next(offsets) for _ in each]) for each in made]

    async def _refuse(self, shop: ShopKey, refused: list[tuple[Mapping[str, Any], str]]) -> None:
        if not refused:
            return
        self._metrics.taken("rejected", len(refused))
        now = self._clock.now()
        told = (
            {"time": now, "reason": reason, "partitionKey": each["PartitionKey"], "data": each["Data"]}
            for each, reason in refused
        )
        await asyncio.to_thread(kept_aside, self._set_aside, shop, told)

    async def _describe(self, given: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
        shop = await self._stream(given, exchange)
        name = _name(given)
        record = await asyncio.to_thread(self._resources.get, shop.account, GROUP, shop.group)
        summary = {
            "StreamName": name,
            "StreamARN": _arn(shop.account, name),
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": record.created / SECOND,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "OpenShardCount": max(1, self._log.partitions),
        }
        return {"StreamDescriptionSummary": summary}

    async def _list(self, given: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
        found = await asyncio.to_thread(self._resources.list, exchange.caller.account, GROUP)
        names = sorted(each.id for each in found)
        after = given.get("ExclusiveStartStreamName") or given.get("NextToken") or ""
        rest = [name for name in names if name > after]
        page = rest[: int(given.get("Limit") or 100)]
        return {"StreamNames": page, "HasMoreStreams": len(page) < len(rest)}

    async def _shards(self, given: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
        await self._stream(given, exchange)
        count = max(1, self._log.partitions)
        width = 2**128 // count
        return {
            "Shards": [
                {
                    "ShardId": _shard(number),
                    "HashKeyRange": {
                        "StartingHashKey": str(number * width),
                        "EndingHashKey": str((number + 1) * width - 1 if number < count - 1 else 2**128 - 1),
                    },
                    "SequenceNumberRange": {"StartingSequenceNumber": "0"},
                }
                for number in range(count)
            ]
        }

    async def _stream(self, given: Mapping[str, Any], exchange: Exchange) -> ShopKey:
        name = _name(given)
        shop = await self._streams.get((exchange.caller.account, name))
        if shop is None:
            said = f"Stream {name} under account {exchange.caller.account.account} not found."
            raise Refusal(400, "ResourceNotFoundException", f"{said} A stream is a shop, or an event tracker's name.")
        return shop

    def _shop(self, key: tuple[AccountKey, str]) -> ShopKey | None:
        account, name = key
        try:
            return self._resources.get(account, GROUP, name).shop_key
        except UnknownName:
            pass
        for tracker in self._resources.list(account, "event-tracker"):
            if name in (tracker.document.get("name"), tracker.document.get("trackingId")):
                return tracker.shop_key
        return None


def _name(given: Mapping[str, Any]) -> str:
    name = given.get("StreamName") or str(given.get("StreamARN") or "").rpartition("/")[2]
    if not name:
        raise Refusal(400, "InvalidArgumentException", "StreamName or StreamARN is missing.")
    return str(name)


def _arn(account: AccountKey, name: str) -> str:
    return f"arn:aws:kinesis:{account.region}:{account.account}:stream/{name}"


def _shard(number: int) -> str:
    return f"shardId-{number:012d}"


def _placed(offsets: list[Offset | None]) -> dict[str, str]:
    known = next((offset for offset in offsets if offset is not None), Offset(0, 0))
    return {"SequenceNumber": str(known.n), "ShardId": _shard(max(known.partition, 0))}
