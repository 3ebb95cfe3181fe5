"""`personalize`: the control plane, 71 operations on the registry's records. What takes time is asked for, not done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import msgspec

from endcap.api.door import Exchange, Route
from endcap.api.personalize.control.desk import Call, Desk
from endcap.api.personalize.control.faults import refused
from endcap.api.personalize.control.operations import OPERATIONS, access_of
from endcap.api.personalize.shaping import shaped
from endcap.api.personalize.validation import validated
from endcap.api.shapes import service
from endcap.api.targets import JSON_1_1, Targets, unknown_operation
from endcap.api.wire import Refusal, Reply, read_json
from endcap.errors import EndcapError
from endcap.jobs.workspace import Workspace
from endcap.registry.dependencies import Dependencies
from endcap.registry.quotas import Quotas, Rate
from endcap.registry.versions import random_id
from endcap.types import AccountKey

SERVICE = "personalize"
PREFIX = "AmazonPersonalize"
THREADS = 4
"""Calls answered at once: they wait for the database, and must not keep requests for recommendations waiting."""


class Control:
    """The handlers of the service. `draw` gives 8 hex digits, `uuids` random UUIDs, `tick` seconds that only grow."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        quotas: Quotas | None = None,
        draw: Callable[[], str] = random_id,
        uuids: Callable[[], str] = lambda: str(uuid4()),
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        quotas = quotas or Quotas()
        dependencies = Dependencies(workspace.database, clock=workspace.clock, quotas=quotas)
        self._desk = Desk(workspace, dependencies, draw, uuids)
        self._rate = Rate(quotas.requests_per_second, tick)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="control")
        self._model = service(SERVICE)

    def routes(self) -> tuple[Route, ...]:
        """The service alone at `POST /`; where others share the row, give `answer` to `Targets` with theirs."""
        return Targets({PREFIX: self.answer}).routes()

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False)

    async def answer(self, operation: str, exchange: Exchange) -> Reply:
        """One operation. Raises `Refusal` with the modelled error."""
        if operation not in OPERATIONS:
            raise unknown_operation(f"The service {SERVICE} has no operation {operation[:64]!r}.")
        exchange.caller.require(access_of(operation))
        account = exchange.caller.account
        model = self._model.operation_model(operation)
        if not self._rate.admits(account):
            modelled = {shape.name for shape in model.error_shapes}
            kind = "LimitExceededException" if "LimitExceededException" in modelled else "ThrottlingException"
            raise Refusal(400, kind, "Rate exceeded: too many requests of this account in this second.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._answer, operation, account, exchange.body)

    def _answer(self, operation: str, account: AccountKey, body: bytes) -> Reply:
        """In a thread: it reads and writes the database."""
        model = self._model.operation_model(operation)
        given = validated(read_json(body or b"{}"), model.input_shape)
        try:
            answer: Mapping[str, Any] = OPERATIONS[operation](Call(self._desk, account, given))
        except EndcapError as error:
            refusal = refused(error, {shape.name for shape in model.error_shapes})
            if refusal is None:
                raise
            raise refusal from error
        output = shaped(answer, model.output_shape) if model.output_shape else None
        return Reply(200, b"" if output is None else msgspec.json.encode(output), (JSON_1_1,))
