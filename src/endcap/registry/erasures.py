"""Whom deletion jobs are to forget: named in a job's record while it is at work, so that every server can leave them
out of answers meanwhile, and gone from it with their rows."""

from __future__ import annotations

from endcap.errors import UnknownName
from endcap.registry.jobs import Jobs
from endcap.registry.resources import Resources
from endcap.types import AccountKey, ShopKey

KIND = "data-deletion-job"
MEMBER = "_forgotten"
"""Of the job's document; no answer of the service has a member of this name."""
Erasure = tuple[AccountKey, str]
"""The account of a deletion job, and its id."""


def at_work(jobs: Jobs, resources: Resources) -> dict[Erasure, tuple[ShopKey, frozenset[str]]]:
    """(shop, users and sessions) of every deletion job that waits or runs and says whom it forgets."""
    found = {}
    for job in jobs.list(statuses=("pending", "running")):
        if job.kind != KIND:
            continue
        try:
            record = resources.get(job.account, KIND, job.resource)
        except UnknownName:
            continue
        names = record.document.get(MEMBER)
        if names:
            found[job.account, record.id] = record.shop_key, frozenset(map(str, names))
    return found


def has_failed(resources: Resources, erasure: Erasure) -> bool:
    """Whether a deletion job that is no longer at work left everything where it was."""
    account, identity = erasure
    try:
        return resources.get(account, KIND, identity).status == "FAILED"
    except UnknownName:
        return False
