"""`InvokeEndpoint`: the endpoint is a campaign of the caller's account, by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from secrets import token_hex

import msgspec
from scipy import sparse

from endcap.api.callers import Caller
from endcap.api.door import Exchange, Route
from endcap.api.featurestore.faults import renamed
from endcap.api.inference.reading import RECORDIO, read_instances
from endcap.api.metrics import Metrics
from endcap.api.personalize.finding import Finder
from endcap.api.wire import Headers, Refusal, Reply, invalid
from endcap.errors import EndcapError, InputError
from endcap.seams import Clock
from endcap.serving.predicting import Oracle, Pair, Prediction
from endcap.serving.snapshot import Snapshot
from endcap.types import ShopKey

PATH = "/endpoints/{EndpointName}/invocations"
BODY_LIMIT = 6_291_456
"""Bytes: what the service takes."""
NAMES: Mapping[str, str] = {
    "InvalidInputException": "ValidationError",
    "ResourceNotFoundException": "ValidationError",
    "ServiceUnavailableException": "ServiceUnavailable",
}
"""What `sagemaker-runtime` calls a refusal."""
PREFIX = b"x-amzn-sagemaker-"
UNKNOWN: Mapping[bytes, str] = {
    b"target-model": "TargetModel",
    b"target-container-hostname": "TargetContainerHostname",
    b"inference-component": "InferenceComponentName",
    b"enable-explanations": "EnableExplanations",
}
"""What an endpoint of several models takes and a campaign has not."""
ANYTHING = (b"", b"*/*", b"application/*", b"application/json")
_ENCODER = msgspec.json.Encoder()


class Inference:
    """The handler of the service."""

    def __init__(self, finder: Finder, metrics: Metrics, clock: Clock) -> None:
        self._finder, self._metrics, self._clock = finder, metrics, clock

    def routes(self) -> tuple[Route, ...]:
        """The service's rows of the table."""
        return (Route("POST", PATH, self.invoke_endpoint, BODY_LIMIT, access="runtime", types=(RECORDIO,)),)

    async def invoke_endpoint(self, exchange: Exchange) -> Reply:
        """InvokeEndpoint."""
        try:
            return await self._invoked(exchange)
        except Refusal as refusal:
            raise renamed(refusal, NAMES) from None
        except InputError as error:
            raise Refusal(400, "ValidationError", str(error)) from None
        except EndcapError as error:
            raise Refusal(503, "ServiceUnavailable", str(error), ((b"retry-after", b"1"),)) from error

    async def _invoked(self, exchange: Exchange) -> Reply:
        for name, member in UNKNOWN.items():
            if exchange.header(PREFIX + name):
                raise invalid(f"{member} was given: a campaign is one model, and explains in its recommendations.")
        accepted = exchange.header(b"accept").partition(b";")[0].strip().lower()
        if accepted not in ANYTHING:
            raise invalid(f"Accept is {accepted.decode('latin-1')}: answers are application/json.")
        snapshot = await self._found(exchange.part, exchange.caller)
        kind = exchange.header(b"content-type").partition(b";")[0].strip().lower()
        variant = exchange.header(PREFIX + b"target-variant").decode("latin-1")
        oracle, told = await asyncio.to_thread(self._predicted, snapshot, exchange.body, kind, variant)
        headers: Headers = (
            (b"content-type", b"application/json"),
            (b"x-amzn-invoked-production-variant", oracle.variant.name.encode()),
            (b"x-endcap-version", oracle.model.version.encode()),
        )
        self._metrics.answered(snapshot.deployment.campaign, "predicted")
        return Reply(200, _ENCODER.encode({"predictions": [shaped(each) for each in told]}), headers)

    async def _found(self, name: str, caller: Caller) -> Snapshot:
        try:
            arn = ShopKey(caller.account, "any").arn("campaign", name)
            return await self._finder.snapshot(arn, "campaign", caller)
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            said = refusal.message.partition("does not exist.")[2].strip()
            whose = f"Endpoint {name[:128]} of account {caller.account.account} not found."
            raise invalid(f"{whose} An endpoint is a campaign's name. {said}".strip()) from None

    def _predicted(
        self, snapshot: Snapshot, body: bytes, kind: bytes, variant: str
    ) -> tuple[Oracle, Sequence[Prediction]]:
        given: list[Pair] | sparse.csr_matrix = read_instances(body, kind)
        key = given[0].user_id if isinstance(given, list) else ""
        oracle = Oracle.of(snapshot, key or token_hex(8), self._clock.now(), variant)
        return oracle, oracle.pairs(given) if isinstance(given, list) else oracle.features(given)


def shaped(told: Prediction) -> dict[str, float | int | None]:
    """As SageMaker's factorization machines answer: binary classification where there is a label, else regression."""
    if told.label is None:
        return {"score": told.score}
    return {"score": told.score, "predicted_label": told.label}
