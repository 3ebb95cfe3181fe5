"""Schedules: what is due is asked for as jobs, like anyone's wish; the sink alone runs here."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable
from secrets import token_hex
from typing import Any

from endcap.errors import EndcapError
from endcap.jobs import due as dues
from endcap.jobs.due import Attribution, Due, Follower, Recommender, Solution, State, Trained, due
from endcap.jobs.sinking import sink_all
from endcap.jobs.workspace import Workspace
from endcap.registry.everywhere import every
from endcap.registry.jobs import Job
from endcap.registry.quotas import is_unfinished
from endcap.registry.resources import Resource
from endcap.registry.solution_versions import planned_version
from endcap.registry.versions import HIDDEN
from endcap.types import DAY, Micros

TICK = 1.0
"""Seconds between looks."""
_RATE = re.compile(r"rate\((\d+) days?\)")


class Schedules:
    """Fires under the workspace's clock. A tick that was cut off is simply looked at again: rows say what was done."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._sunk = workspace.clock.now()

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop. What fails is told, holds nothing else up, and is tried again."""
        while not stop.wait(TICK):
            try:
                self.tick()
            except Exception as error:  # nothing else would look after schedules from then on
                _complain(error)

    def tick(self) -> list[Due]:
        """Ask for everything that is due now."""
        found = due(self._workspace.clock.now(), self.state())
        for each in found:
            try:
                self._fire(each)
            except EndcapError as error:
                _complain(error)
        return found

    def state(self) -> State:
        """What is there, as far as schedules care."""
        rows = every(self._workspace.database, ("solution", "solution-version", "campaign", "recommender"))
        rows += every(self._workspace.database, ("metric-attribution",))
        of: dict[str, list[Resource]] = {}
        for row in rows:
            of.setdefault(row.kind, []).append(row)
        active = {kind: [row for row in rows if row.status == "ACTIVE"] for kind, rows in of.items()}
        unfinished = self._workspace.jobs.list(statuses=("pending", "running"))
        busy = {(job.account, job.kind, job.resource) for job in unfinished}
        versions = of.get("solution-version", [])
        return State(
            [_solution(row, versions) for row in active.get("solution", [])],
            [self._recommender(row, _is_in(row, busy)) for row in active.get("recommender", [])],
            [each for row in active.get("campaign", []) for each in _follower(row, versions, _is_in(row, busy))],
            [self._attribution(row, _is_in(row, busy)) for row in active.get("metric-attribution", [])],
            self._sunk,
            self._workspace.settings.sink_seconds * 1_000_000,
        )

    def _recommender(self, row: Resource, busy: bool) -> Recommender:
        trained = [version.created for version in self._workspace.versions.list(row.shop_key, f"{HIDDEN}{row.id}")]
        return Recommender(row.arn, max([row.created, *trained, *_asked(self._jobs(row), "train")]), busy)

    def _attribution(self, row: Resource, busy: bool) -> Attribution:
        return Attribution(row.arn, max([row.created, *_asked(self._jobs(row), "write")]), busy)

    def _jobs(self, row: Resource) -> list[Job]:
        return self._workspace.jobs.on(row)

    def _fire(self, what: Due) -> None:
        resources = self._workspace.resources
        if what.what == "sink":
            self._sunk = self._workspace.clock.now()
            sink_all(self._workspace)
            return
        resource = resources.find(what.arn)
        if what.what == "train-solution":
            resources.create(planned_version(resource, token_hex(4), training="AUTOMATIC"), verb="create")
        elif what.what == "train-recommender":
            resources.change(resource, verb="train")
        elif what.what == "write-metrics":
            resources.change(resource, verb="write")
        else:
            self._follow(resource)

    def _follow(self, campaign: Resource) -> None:
        """An update like anyone's, to the solution's newest version."""
        from endcap.jobs.deploying import newest_version  # noqa: PLC0415 - kept out of the way of `due`'s tests

        now, document = self._workspace.clock.now(), campaign.document
        solution = self._workspace.resources.find(_solution_arn(document))
        asked: dict[str, Any] = {name: document[name] for name in _CONFIGURED if name in document}
        asked |= {"solutionVersionArn": newest_version(self._workspace, solution).arn, "status": "UPDATE PENDING"}
        asked |= {"creationDateTime": now, "lastUpdatedDateTime": now}
        self._workspace.resources.change(campaign, document={"latestCampaignUpdate": asked}, verb="update")


_CONFIGURED = ("minProvisionedTPS", "campaignConfig")


def _complain(error: Exception) -> None:
    sys.stderr.write(f"schedules: {type(error).__name__}: {error}\n")


def _is_in(row: Resource, busy: Iterable[tuple[Any, str, str]]) -> bool:
    return (row.account, row.kind, row.id) in busy


def _asked(jobs: Iterable[Job], verb: str) -> list[Micros]:
    return [job.created for job in jobs if job.verb == verb]


def _solution(row: Resource, versions: Iterable[Resource]) -> Solution:
    config = row.document.get("solutionConfig", {}).get("autoTrainingConfig", {})
    found = _RATE.fullmatch(str(config.get("schedulingExpression", "")))
    mine = [
        Trained(each.created, each.document.get("trainingType") == "AUTOMATIC", is_unfinished(each.status))
        for each in _versions_of(row, versions)
    ]
    days = int(found[1]) * DAY if found else dues.WEEKLY
    return Solution(row.arn, row.created, bool(row.document.get("performAutoTraining")), days, mine)


def _versions_of(solution: Resource, versions: Iterable[Resource]) -> list[Resource]:
    return [each for each in versions if each.account == solution.account and each.parent == solution.id]


def _follower(row: Resource, versions: Iterable[Resource], busy: bool) -> list[Follower]:
    config = row.document.get("campaignConfig") or {}
    if not config.get("syncWithLatestSolutionVersion"):
        return []
    latest = row.document.get("latestCampaignUpdate") or {}
    tried = str(latest.get("solutionVersionArn", "")) if latest.get("status") == "UPDATE FAILED" else ""
    solution = _solution_arn(row.document)
    newest = [each.arn for each in versions if each.status == "ACTIVE" and each.arn.startswith(f"{solution}/")][-1:]
    has = str(row.document.get("solutionVersionArn", ""))
    return [Follower(row.arn, tried if tried in newest else has, newest[0] if newest else "", busy)]


def _solution_arn(document: Any) -> str:
    return str(document.get("solutionVersionArn", "")).rpartition("/")[0]
