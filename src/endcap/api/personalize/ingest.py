"""What may be sent where: event trackers and datasets by their ids, with the schemas that values must fit."""

from __future__ import annotations

from dataclasses import dataclass

from endcap.api.callers import Caller
from endcap.api.known import Known
from endcap.api.wire import Refusal
from endcap.errors import InputError, UnknownName
from endcap.lake.schemas import DatasetKind, Schema
from endcap.registry.resources import Resource, Resources, parse_arn
from endcap.types import AccountKey, ShopKey

GOING = ("DELETE PENDING", "DELETE IN_PROGRESS")
NOT_YET = ("CREATE PENDING", "CREATE IN_PROGRESS", "CREATE FAILED")


@dataclass(frozen=True)
class Place:
    """A shop, and the schema of the dataset that is sent to; None where it has none."""

    shop: ShopKey
    schema: Schema | None


class Places:
    """Looked up in the registry, within the caller's account."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._trackers: Known[tuple[AccountKey, str], Resource | None] = Known(self._tracker)
        self._datasets: Known[tuple[AccountKey, str], tuple[Resource | None, Schema | None]] = Known(self._dataset)

    async def tracked(self, caller: Caller, tracking_id: str, kind: DatasetKind) -> Place | None:
        """Where a tracker's events go; None for a tracking id that is not the caller's.

        Raises `Refusal` (409) for action interactions whose dataset is not ready; other events are taken at any time.
        """
        tracker = await self._trackers.get((caller.account, tracking_id))
        if tracker is None:
            return None
        found, schema = await self._datasets.get((caller.account, f"{tracker.shop}/{kind.upper()}"))
        if kind == "action_interactions" and found is not None and found.status in NOT_YET:
            raise _not_ready(found)
        return Place(tracker.shop_key, schema)

    async def dataset(self, caller: Caller, arn: str, kind: DatasetKind) -> Place:
        """Where records of a dataset go. Raises `Refusal` for one that is not the caller's, or not ready."""
        missing = Refusal(404, "ResourceNotFoundException", f"Resource with ARN {arn} does not exist.")
        try:
            reference = parse_arn(arn)
        except InputError:
            raise missing from None
        if reference.kind != "dataset" or reference.account != caller.account:
            raise missing
        found, schema = await self._datasets.get((reference.account, reference.id))
        if found is None or found.status in GOING:
            raise missing
        if reference.id.rpartition("/")[2].lower() != kind:
            raise Refusal(400, "InvalidInputException", f"The dataset {arn} does not hold {kind}.")
        if found.status in NOT_YET:
            raise _not_ready(found)
        return Place(found.shop_key, schema)

    def _tracker(self, key: tuple[AccountKey, str]) -> Resource | None:
        account, tracking_id = key
        for tracker in self._resources.list(account, "event-tracker"):
            if tracker.document.get("trackingId") == tracking_id and tracker.status not in GOING:
                return tracker
        return None

    def _dataset(self, key: tuple[AccountKey, str]) -> tuple[Resource | None, Schema | None]:
        account, identity = key
        try:
            found = self._resources.get(account, "dataset", identity)
            schema = self._resources.find(str(found.document["schemaArn"]))
        except (UnknownName, KeyError):
            return None, None
        return found, Schema.from_avro(str(schema.document["schema"]), schema.document.get("domain"))


def _not_ready(dataset: Resource) -> Refusal:
    message = f"The dataset {dataset.arn} is {dataset.status}; send to it when ACTIVE."
    return Refusal(409, "ResourceInUseException", message)
