"""What a handler works with: the call it answers, and the records of the account that called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from endcap.errors import InputError, UnknownName
from endcap.jobs.workspace import Workspace
from endcap.lake.schemas import DatasetKind, Schema
from endcap.registry.dependencies import Dependencies, InUse
from endcap.registry.resources import Reference, Resource, Resources, parse_arn
from endcap.registry.versions import random_id
from endcap.types import AccountKey, Micros

PARTITION = "arn:aws:personalize:::"
"""How ARNs of what belongs to nobody start: recipes, algorithms, feature transformations."""
COMING = ("CREATE PENDING", "CREATE IN_PROGRESS")
"""Clients of the service import into a dataset, and train a solution, right after they made it, without describing it
first; nothing of its creation is left to be done that this would have to wait for."""


@dataclass(frozen=True)
class Desk:
    """What all calls share. `draw` gives 8 hex digits, `uuids` random UUIDs."""

    workspace: Workspace
    dependencies: Dependencies
    draw: Callable[[], str] = random_id
    uuids: Callable[[], str] = lambda: str(uuid4())

    @property
    def resources(self) -> Resources:
        """The records of all accounts."""
        return self.workspace.resources


@dataclass(frozen=True)
class Call:
    """One request: whose it is, and its members, checked against the shape."""

    desk: Desk
    account: AccountKey
    given: Mapping[str, Any]

    def now(self) -> Micros:
        """The time of the workspace's clock."""
        return self.desk.workspace.clock.now()

    def reference(self, arn: str, *kinds: str) -> Reference:
        """An ARN's parts. Raises `InputError` for another kind, `UnknownName` for another account or region."""
        reference = parse_arn(arn)
        if reference.kind not in kinds:
            wanted = " or ".join(kind.replace("-", " ") for kind in kinds)
            raise InputError(f"{arn} is the ARN of a {reference.kind.replace('-', ' ')}, expected that of a {wanted}.")
        if reference.account != self.account:
            raise self.unknown(reference, arn)
        return reference

    def find(self, arn: str, *kinds: str) -> Resource:
        """A resource of the caller's. Raises `InputError`, `UnknownName`."""
        reference = self.reference(arn, *kinds)
        try:
            return self.desk.resources.get(self.account, reference.kind, reference.id)
        except UnknownName:
            raise self.unknown(reference, arn) from None

    def usable(self, arn: str, *kinds: str) -> Resource:
        """A resource that is ACTIVE. Raises `InUse` where it is not, `InputError`, `UnknownName`."""
        return active(self.find(arn, *kinds))

    def unknown(self, reference: Reference, arn: str) -> UnknownName:
        """That it does not exist; and where it does, when that is the same account's other region."""
        fix = f"This request is for account {self.account.account} in {self.account.region}."
        if reference.account.account == self.account.account:
            wanted = AccountKey(self.account.account, self.account.region)
            regions = self.desk.dependencies.regions(wanted, reference.kind, reference.id)
            if regions:
                fix = f"It exists in region {', '.join(regions)}; this request is for {self.account.region}."
        return Absent(reference.kind, arn, fix)

    def schemas(self, group: str) -> dict[DatasetKind, Schema]:
        """The schemas of a group's datasets."""
        found: dict[DatasetKind, Schema] = {}
        for dataset in self.desk.resources.list(self.account, "dataset", shop=group):
            schema = self.schema(str(dataset.document.get("schemaArn", "")))
            found[schema.kind] = schema
        return found

    def schema(self, arn: str) -> Schema:
        """The schema of an ARN, parsed. Raises `InputError`, `UnknownName`."""
        return parsed_schema(self.find(arn, "schema"))

    def create(self, resource: Resource, *needs: Resource, verb: str = "create") -> Resource:
        """`Dependencies.create`."""
        return self.desk.dependencies.create(resource, needs, verb=verb)


class Absent(UnknownName):
    """There is no such resource in the caller's account and region."""

    def __init__(self, kind: str, arn: str, fix: str) -> None:
        super().__init__(kind, arn, (), fix=fix)
        self.message = f"The {kind.replace('-', ' ')} with ARN {arn} does not exist."


Handler = Callable[[Call], Mapping[str, Any]]
"""Answers a call with the output's members in the registry's form; raises errors of ours, or `Refusal`."""


def active(resource: Resource, *, also: Sequence[str] = ()) -> Resource:
    """The resource itself. Raises `InUse` where its status is neither ACTIVE nor one of `also`."""
    if resource.status not in ("ACTIVE", *also):
        wanted = " or ".join(("ACTIVE", *also))
        raise InUse(f"{resource.arn} is {resource.status}, expected {wanted}.", fix="Describe it until it is.")
    return resource


def parsed_schema(schema: Resource) -> Schema:
    """The schema that a record holds."""
    return Schema.from_avro(str(schema.document["schema"]), schema.document.get("domain"))


def named(given: Mapping[str, Any], *members: str) -> dict[str, Any]:
    """Those members of a request that were given."""
    return {member: given[member] for member in members if member in given}
