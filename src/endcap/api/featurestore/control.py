"""`sagemaker`, as far as it is the feature store's: feature groups, their features' descriptions, their tags."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from endcap.api.callers import Access
from endcap.api.door import Exchange
from endcap.api.featurestore import describing, making, metadata, tagging
from endcap.api.featurestore.call import Call
from endcap.api.featurestore.faults import CONTROL, control_refusal, renamed
from endcap.api.personalize.shaping import shaped
from endcap.api.personalize.validation import validated
from endcap.api.shapes import service
from endcap.api.targets import JSON_1_1, unknown_operation
from endcap.api.wire import Refusal, Reply, read_json
from endcap.errors import EndcapError
from endcap.registry.feature_groups import FeatureGroups
from endcap.types import AccountKey

SERVICE = "sagemaker"
PREFIX = "SageMaker"
THREADS = 2
OPERATIONS: Mapping[str, tuple[Callable[[Call], Mapping[str, Any]], Access]] = {
    "AddTags": (tagging.add_tags, "control"),
    "CreateFeatureGroup": (making.create_feature_group, "control"),
    "DeleteFeatureGroup": (making.delete_feature_group, "control"),
    "DeleteTags": (tagging.delete_tags, "control"),
    "DescribeFeatureGroup": (describing.describe_feature_group, "read"),
    "DescribeFeatureMetadata": (metadata.describe_feature_metadata, "read"),
    "ListFeatureGroups": (describing.list_feature_groups, "read"),
    "ListTags": (tagging.list_tags, "read"),
    "UpdateFeatureGroup": (making.update_feature_group, "control"),
    "UpdateFeatureMetadata": (metadata.update_feature_metadata, "control"),
}
"""What answers each operation, and what a key must be allowed to do."""


class FeatureControl:
    """The handlers of the service."""

    def __init__(self, groups: FeatureGroups) -> None:
        self._groups, self._model = groups, service(SERVICE)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="features")

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False)

    async def answer(self, operation: str, exchange: Exchange) -> Reply:
        """One operation. Raises `Refusal` with the modelled error."""
        if operation not in OPERATIONS:
            known = ", ".join(OPERATIONS)
            raise unknown_operation(f"Of {SERVICE}, {operation[:64]!r} is not answered here; {known} are.")
        handler, access = OPERATIONS[operation]
        exchange.caller.require(access)
        loop, account = asyncio.get_running_loop(), exchange.caller.account
        return await loop.run_in_executor(self._pool, self._answer, operation, handler, account, exchange.body)

    def _answer(
        self, operation: str, handler: Callable[[Call], Mapping[str, Any]], account: AccountKey, body: bytes
    ) -> Reply:
        """In a thread: it reads and writes the database."""
        model = self._model.operation_model(operation)
        try:
            given = validated(read_json(body or b"{}"), model.input_shape)
            answer = handler(Call(self._groups, account, given))
        except Refusal as refusal:
            raise renamed(refusal, CONTROL) from None
        except EndcapError as error:
            found = control_refusal(error)
            if found is None:
                raise
            raise found from error
        output = shaped(answer, model.output_shape) if model.output_shape else None
        return Reply(200, b"" if output is None else msgspec.json.encode(output), (JSON_1_1,))
