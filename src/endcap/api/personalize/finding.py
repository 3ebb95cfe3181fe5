"""From the ARNs of a request to what answers it: snapshots, filters, within the caller's account."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from endcap.api.callers import Caller
from endcap.api.known import Known
from endcap.api.wire import Refusal, invalid
from endcap.errors import InputError, UnknownName
from endcap.registry.campaigns import SERVED
from endcap.registry.resources import Reference, Resource, Resources, parse_arn
from endcap.serving.filters import Filter, parse
from endcap.serving.restriction import Restriction
from endcap.serving.snapshot import Snapshot
from endcap.serving.watch import Watch

LOAD_SECONDS = 10.0
"""How long a request waits for a campaign that the registry knows and this process has not loaded yet."""
STEP_SECONDS = 0.02
ANSWERING = ("ACTIVE", "STOP PENDING", "STOP IN_PROGRESS")
UNUSABLE = ("CREATE FAILED", "DELETE PENDING", "DELETE IN_PROGRESS")


def missing(arn: str, also: str = "") -> Refusal:
    """The modelled error; the same whether it does not exist or belongs to someone else."""
    return Refusal(404, "ResourceNotFoundException", f"Resource with ARN {arn} does not exist. {also}".strip())


@dataclass(frozen=True)
class Expression:
    """A filter's record and its expression, read."""

    resource: Resource
    filter: Filter


class Finder:
    """Looks at what is served first, and asks the registry only where that does not help."""

    def __init__(self, watch: Watch, resources: Resources) -> None:
        self._watch, self._resources = watch, resources
        self._filters: Known[Reference, Expression] = Known(self._expression)
        self._records: Known[Reference, Resource] = Known(
            lambda reference: resources.get(reference.account, reference.kind, reference.id)
        )

    async def snapshot(self, arn: str, kind: str, caller: Caller) -> Snapshot:
        """What serves a campaign or recommender. Raises `Refusal`."""
        found = self._watch.snapshots.get(arn)
        if found is not None and found.deployment.kind == kind and found.deployment.shop.account == caller.account:
            return found
        record = await self._record(arn, kind, caller)
        deadline = time.monotonic() + LOAD_SECONDS
        self._watch.nudge()
        while time.monotonic() < deadline:
            found = self._watch.snapshots.get(arn)
            if found is not None:
                return found
            failure = self._watch.status.failures.get(arn)
            if failure is not None:
                raise _unavailable(f"{arn} cannot be served: {failure.message}")
            # A resource is not followed while it changes: its status says when it may be asked again.
            record = await self._record(arn, kind, caller)
            await asyncio.sleep(STEP_SECONDS)
        raise _unavailable(f"{arn} is {record.status} and still being loaded.")

    async def restriction(self, arn: str, values: dict[str, str] | None, snapshot: Snapshot) -> Restriction:
        """A filter of the snapshot's shop with the request's values. Raises `Refusal`."""
        shop = snapshot.deployment.shop
        try:
            reference = parse_arn(arn)
            if reference.kind != "filter" or reference.account != shop.account:
                raise missing(arn)
            found = await self._filters.get(reference)
        except UnknownName:
            raise missing(arn) from None
        except InputError as error:
            raise invalid(str(error)) from None
        if found.resource.status in UNUSABLE:
            raise missing(arn)
        if found.resource.shop != shop.group:
            raise invalid(f"The filter {arn} and {snapshot.arn} do not belong to the same dataset group.")
        return Restriction(arn, found.filter, values or {})

    async def _record(self, arn: str, kind: str, caller: Caller) -> Resource:
        try:
            reference = parse_arn(arn)
            if reference.kind != kind or kind not in SERVED or reference.account != caller.account:
                raise missing(arn, self._served(caller))
            record = await self._records.get(reference)
        except InputError:
            raise missing(arn, self._served(caller)) from None
        if record.status not in ANSWERING:
            raise invalid(f"{arn} is not ACTIVE: its status is {record.status}.")
        return record

    def _served(self, caller: Caller) -> str:
        mine = sorted(
            arn for arn, held in self._watch.snapshots.items() if held.deployment.shop.account == caller.account
        )
        return f"Served here: {', '.join(mine[:10]) or 'none yet; make one with endcap publish'}."

    def _expression(self, reference: Reference) -> Expression:
        record = self._resources.get(reference.account, reference.kind, reference.id)
        return Expression(record, parse(str(record.document.get("filterExpression", ""))))


def _unavailable(message: str) -> Refusal:
    after = ((b"retry-after", b"1"),)
    return Refusal(503, "ServiceUnavailableException", f"{message} Try again.", after)
