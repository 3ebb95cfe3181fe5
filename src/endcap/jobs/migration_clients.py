"""An account behind a boto3 client: its kinds of resources in the order they depend on each other, read generically.

What `Describe…` answers and `Create…` takes is compared by the service model that the client carries, so a field that
the service gains is carried over without a change here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from endcap.errors import InputError, UnavailableError

Document = Mapping[str, Any]
ENDED = ("ACTIVE", "INACTIVE", "CREATE FAILED", "CREATE STOPPED")
NEVER_CARRIED = ("roleArn", "kmsKeyArn")
"""Of Amazon's own access and key management; here they would mean nothing."""


@dataclass(frozen=True)
class Kind:
    """One kind of resource: its name on the wire, its plural's key in answers, and what its parent is called there."""

    wire: str
    word: str
    parent: str = "datasetGroupArn"
    listed: str = ""
    named: str = "name"

    @property
    def member(self) -> str:
        """Key of the document that `Describe…` answers with."""
        return self.wire[0].lower() + self.wire[1:]

    @property
    def arn(self) -> str:
        """Member that holds the ARN."""
        return f"{self.member}Arn"

    @property
    def method(self) -> str:
        """As boto3 spells it: `dataset_group`."""
        return self.word.replace(" ", "_")


SCHEMA = Kind("Schema", "schema", "")
GROUP = Kind("DatasetGroup", "dataset group", "")
DATASET = Kind("Dataset", "dataset", named="datasetType")
FILTER = Kind("Filter", "filter", listed="Filters")
TRACKER = Kind("EventTracker", "event tracker")
ATTRIBUTION = Kind("MetricAttribution", "metric attribution")
SOLUTION = Kind("Solution", "solution")
VERSION = Kind("SolutionVersion", "solution version", "solutionArn")
CAMPAIGN = Kind("Campaign", "campaign", "solutionArn")
RECOMMENDER = Kind("Recommender", "recommender")
EXPORT = Kind("DatasetExportJob", "dataset export job", "datasetArn", named="jobName")
IMPORT = Kind("DatasetImportJob", "dataset import job", "datasetArn", named="jobName")


class Account:
    """One side of a migration. Every call may raise `self.refused`, the service's own errors."""

    def __init__(self, client: Any, *, pause: Callable[[float], None] = time.sleep, every: float = 5.0) -> None:
        self.client, self._pause, self._every = client, pause, every
        self.refused: type[Exception] = client.exceptions.ClientError

    def summaries(self, kind: Kind, parent: str = "") -> list[Document]:
        """Summaries, oldest first; nothing for a parent that is not there."""
        given = {kind.parent: parent} if parent else {}
        try:
            pages = self.client.get_paginator(f"list_{kind.method}s").paginate(**given)
            return [each for page in pages for each in page[kind.listed or f"{kind.member}s"]]
        except self.client.exceptions.ResourceNotFoundException:
            return []

    def describe(self, kind: Kind, arn: str) -> Document:
        """The whole document, with what the service tells in calls of their own."""
        found: Document = getattr(self.client, f"describe_{kind.method}")(**{kind.arn: arn})[kind.member]
        if kind is ATTRIBUTION:
            pages = self.client.get_paginator("list_metric_attribution_metrics").paginate(metricAttributionArn=arn)
            return {**found, "metrics": [metric for page in pages for metric in page["metrics"]]}
        return found

    def named(self, kind: Kind, parent: str = "") -> dict[str, str]:
        """{name: ARN} of what is there."""
        return {each.get(kind.named, ""): each[kind.arn] for each in self.summaries(kind, parent)}

    def create(self, kind: Kind, given: Document) -> str:
        """Create and wait until it is there; its ARN. Raises `InputError` with the reason of a failure."""
        arn: str = getattr(self.client, f"create_{kind.method}")(**given)[kind.arn]
        self.wait(kind, arn)
        return arn

    def wait(self, kind: Kind, arn: str) -> Document:
        """Until it has ended one way or the other. Raises `InputError` with the reason of a failure."""
        while True:
            found = self.describe(kind, arn)
            if kind is SCHEMA or found["status"] in ENDED:
                break
            self._pause(self._every)
        if "FAILED" in found.get("status", ""):
            raise InputError(found.get("failureReason") or f"{kind.word} {arn} failed.")
        return found

    def tags(self, arn: str) -> list[Document]:
        """The tags of a resource."""
        return list(self.client.list_tags_for_resource(resourceArn=arn)["tags"])

    def takes(self, kind: Kind) -> frozenset[str]:
        """Members that `Create…` takes."""
        return frozenset(self.client.meta.service_model.operation_model(f"Create{kind.wire}").input_shape.members)


def connect(
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint: str | None = None,
    credentials: tuple[str, str] | None = None,
    every: float = 5.0,
) -> Account:
    """An account by boto3's own rules (profile, environment, configuration), proven by a first call.

    Raises `InputError` without boto3, region, or credentials, `UnavailableError` where nobody answers.
    """
    try:
        import boto3  # noqa: PLC0415
    except ModuleNotFoundError:
        fix = "Install it: pip install 'endcap[migrate]'"
        raise InputError("Moving an account in needs the package boto3, which is not installed.", fix=fix) from None
    signing = dict(zip(("aws_access_key_id", "aws_secret_access_key"), credentials or (), strict=False))
    with answering():
        session = boto3.Session(profile_name=profile, region_name=region, **signing)
        account = Account(session.client("personalize", endpoint_url=endpoint), every=every)
        account.client.list_dataset_groups(maxResults=1)
    return account


@contextmanager
def answering() -> Iterator[None]:
    """Turn what botocore raises, which this room does not import, into errors of ours.

    Raises `UnavailableError` where nobody answers, `InputError` for missing or wrong credentials, region or profile.
    """
    fix = "Say where with --profile, --region and --endpoint-url, as for any AWS client."
    try:
        yield
    except Exception as error:
        name = type(error).__name__
        if not type(error).__module__.startswith("botocore."):
            raise
        if "Connect" in name or "Timeout" in name:
            raise UnavailableError(f"The account cannot be reached: {error}.", fix=fix) from error
        raise InputError(f"The account cannot be read: {error}.", fix=fix) from error


def within(wanted: Any, there: Any) -> bool:
    """Whether everything that is wanted is there; what is there may say more."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(within(value, there.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(wanted) == len(there) and all(map(within, wanted, there))
    return bool(wanted == there)


def renamed(value: Any, arns: Mapping[str, str]) -> Any:
    """A document with the ARNs of one account replaced by those of the other, wherever they stand."""
    if isinstance(value, Mapping):
        return {name: renamed(each, arns) for name, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, arns) for each in value]
    return arns.get(value, value) if isinstance(value, str) else value
