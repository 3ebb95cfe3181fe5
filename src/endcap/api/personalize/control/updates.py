"""Updates: described beside what still serves, until a job has brought them about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.personalize.control.desk import Call
from endcap.registry.dependencies import InUse
from endcap.registry.quotas import is_unfinished
from endcap.registry.resources import Resource


def begin_update(
    call: Call, resource: Resource, member: str, planned: Mapping[str, Any], *needs: Resource, verb: str = "update"
) -> None:
    """Ask for an update: `planned` goes into the document's `latest…Update`. Raises `InUse` while another runs."""
    require_still(resource, member)
    now = call.now()
    update = {**planned, "status": "UPDATE PENDING", "creationDateTime": now, "lastUpdatedDateTime": now}
    call.desk.dependencies.update(resource, {member: update}, needs, verb=verb)


def is_updating(resource: Resource, member: str) -> bool:
    """Whether the update under this member has not ended."""
    return is_unfinished(str((resource.document.get(member) or {}).get("status", "")))


def require_still(resource: Resource, member: str) -> None:
    """Raises `InUse` while an update of the resource runs."""
    if is_updating(resource, member):
        raise InUse(f"{resource.arn} is being updated.", fix="Describe it until that update has ended.")
