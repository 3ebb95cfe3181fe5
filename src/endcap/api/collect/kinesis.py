"""Kinesis-shaped producers: `put_record` and `put_records` land in the same log.

A stream is a shop, or one of its event trackers, by name. A record's data is a call in any dialect; the
partition key is not used: the shopper decides the partition here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from endcap.api.collect import decoded, records
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
        given = validated(read_json(exchange.body), self._model.operation_model(operation).input_shape)
        told = await self._operations[operation](given, exchange)
        return Reply(200, msgspec.json.encode(told))

    async def _put_record(self, given: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
        shop = await self._stream(given, exchange)
        made, reason = self._read(shop, given)
        if reason:
            await self._refuse(shop, [(given, reason)])
            raise Refusal(400, "InvalidArgumentException", reason)
        (first,) = await self._taken([made])
        return {**first, "EncryptionType": "NONE"}

    async def _put_records(self, given: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
        shop = await self._stream(given, exchange)
        read_ones = [self._read(shop, each) for each in given["Records"]]
        placed = iter(await self._taken([made for made, reason in read_ones if not reason]))
        refused = [(each, reason) for each, (_, reason) in zip(given["Records"], read_ones, strict=True) if reason]
        await self._refuse(shop, refused)
        told = [
            {"ErrorCode": "InvalidArgumentException", "ErrorMessage": reason} if reason else next(placed)
            for _, reason in read_ones
        ]
        return {"FailedRecordCount": len(refused), "Records": told, "EncryptionType": "NONE"}

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
        placed = await asyncio.wrap_future(self._log.submit(flat)) if flat else ()
        offsets = iter(placed)
        self._metrics.taken("event", len(flat))
        return [_placed([next(offsets) for _ in each]) for each in made]

    async def _refuse(self, shop: ShopKey, refused: list[tuple[Mapping[str, Any], str]]) -> None:
        if not refused:
            return
        self._metrics.taken("rejected", len(refused))
        now = self._clock.now()
        lines = [
            msgspec.json.encode(
                {"time": now, "reason": reason, "partitionKey": each["PartitionKey"], "data": each["Data"]}
            )
            for each, reason in refused
        ]
        await asyncio.to_thread(self._set_aside.keep, shop, lines)

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
