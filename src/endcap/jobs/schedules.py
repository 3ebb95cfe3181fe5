"""Schedules: what is due is asked for as jobs, like anyone's wish; the sink alone runs here."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import dropwhile, takewhile
from typing import Any

from endcap.errors import EndcapError
from endcap.jobs import due as dues
from endcap.jobs.due import Attribution, Due, Follower, Recommender, Solution, State, Trained, due
from endcap.jobs.sinking import sink_all
from endcap.jobs.workspace import Workspace
from endcap.lake.tables import Snapshot
from endcap.registry.dependencies import Dependencies, serves
from endcap.registry.everywhere import every
from endcap.registry.jobs import Job
from endcap.registry.quotas import Quotas, is_unfinished
from endcap.registry.resources import Resource, parse_arn
from endcap.registry.solution_versions import TrainingMode, planned_version
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
        # Quotas are for callers: what a schedule has to do would only be refused again and again.
        unlimited = Quotas(account={}, shop={}, waiting={})
        self._dependencies = Dependencies(workspace.database, clock=workspace.clock, quotas=unlimited)

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
            self._solutions(active.get("solution", []), versions, active.get("campaign", [])),
            [self._recommender(row, _is_in(row, busy)) for row in active.get("recommender", [])],
            [each for row in active.get("campaign", []) for each in _follower(row, versions, _is_in(row, busy))],
            [self._attribution(row, _is_in(row, busy)) for row in active.get("metric-attribution", [])],
            self._sunk,
            self._workspace.settings.sink_seconds * 1_000_000,
        )

    def _solutions(
        self, rows: Sequence[Resource], versions: Sequence[Resource], campaigns: Sequence[Resource]
    ) -> list[Solution]:
        found = [_solution(row, versions, campaigns) for row in rows]
        if any(each.updated_every for each in found):
            texts = {shop: text for shop, (_, text) in self._workspace.snapshots.newest().items()}
            found = [
                replace(each, news=bool(each.updated_every) and _has_news(row, versions, texts.get(row.shop_key, "")))
                for each, row in zip(found, rows, strict=True)
            ]
        return found

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
        if resource.status != "ACTIVE":  # it was just stopped, or is going
            return
        if what.what in ("train-solution", "update-solution"):
            mode: TrainingMode = "UPDATE" if what.what == "update-solution" else "FULL"
            identity = self._workspace.versions.unused_id()
            self._dependencies.create(planned_version(resource, identity, mode=mode, training="AUTOMATIC"), [resource])
        elif what.what == "train-recommender":
            resources.change(resource, verb="train")
        elif what.what == "write-metrics":
            resources.change(resource, verb="write")
        else:
            self._follow(resource)

    def _follow(self, campaign: Resource) -> None:
        """An update like anyone's, to the version that the campaign is to follow."""
        now, document = self._workspace.clock.now(), campaign.document
        solution = parse_arn(_solution_arn(document))
        versions = self._workspace.resources.list(solution.account, "solution-version", parent=solution.id)
        newest = next((each.newest for each in _follower(campaign, versions, busy=False)), "")
        if not newest:
            return
        asked: dict[str, Any] = {name: document[name] for name in _CONFIGURED if name in document}
        asked |= {"solutionVersionArn": newest, "status": "UPDATE PENDING"}
        asked |= {"creationDateTime": now, "lastUpdatedDateTime": now}
        self._workspace.resources.change(campaign, document={"latestCampaignUpdate": asked}, verb="update")


_CONFIGURED = ("minProvisionedTPS", "campaignConfig")


def _complain(error: Exception) -> None:
    sys.stderr.write(f"schedules: {type(error).__name__}: {error}\n")


def _is_in(row: Resource, busy: Iterable[tuple[Any, str, str]]) -> bool:
    return (row.account, row.kind, row.id) in busy


def _asked(jobs: Iterable[Job], verb: str) -> list[Micros]:
    return [job.created for job in jobs if job.verb == verb]


def _solution(row: Resource, versions: Iterable[Resource], campaigns: Iterable[Resource]) -> Solution:
    config = row.document.get("solutionConfig", {}).get("autoTrainingConfig", {})
    found = _RATE.fullmatch(str(config.get("schedulingExpression", "")))
    mine = [
        Trained(each.created, _is_automatic(each), is_unfinished(each.status), _is_update(each))
        for each in _versions_of(row, versions)
    ]
    days = int(found[1]) * DAY if found else dues.WEEKLY
    updated_every = _updated_every(row, campaigns)
    return Solution(row.arn, row.created, bool(row.document.get("performAutoTraining")), days, mine, updated_every)


def _updated_every(solution: Resource, campaigns: Iterable[Resource]) -> int:
    if solution.document.get("performIncrementalUpdate"):
        return dues.INCREMENTAL
    every = dues.UPDATES.get(str(solution.document.get("recipeArn", "")).rpartition("/")[2], 0)
    return every if any(serves(campaign, solution) for campaign in campaigns) else 0


def _has_news(solution: Resource, versions: Iterable[Resource], text: str) -> bool:
    """Whether the items table is another than the one that the newest version was made from."""
    mine = [each for each in _versions_of(solution, versions) if each.status == "ACTIVE"]
    known = mine[-1].document.get("_snapshot") if mine else None
    return known is not None and Snapshot.parse(known).at("items") != Snapshot.parse(text).at("items")


def _is_automatic(version: Resource) -> bool:
    return version.document.get("trainingType") == "AUTOMATIC"


def _is_update(version: Resource) -> bool:
    return version.document.get("trainingMode") == "UPDATE"


def _versions_of(solution: Resource, versions: Iterable[Resource]) -> list[Resource]:
    return [each for each in versions if each.account == solution.account and each.parent == solution.id]


def _follower(row: Resource, versions: Iterable[Resource], busy: bool) -> list[Follower]:
    """Campaigns follow every version when they are told to, and automatic updates of the version they serve anyway."""
    latest = row.document.get("latestCampaignUpdate") or {}
    tried = str(latest.get("solutionVersionArn", "")) if latest.get("status") == "UPDATE FAILED" else ""
    solution = _solution_arn(row.document)
    there = [each for each in versions if each.status == "ACTIVE" and each.arn.startswith(f"{solution}/")]
    has = str(row.document.get("solutionVersionArn", ""))
    if not (row.document.get("campaignConfig") or {}).get("syncWithLatestSolutionVersion"):
        later = dropwhile(lambda each: each.arn != has, there)
        there = list(takewhile(lambda each: each.arn == has or (_is_automatic(each) and _is_update(each)), later))
    newest = [each.arn for each in there[-1:]]
    return [Follower(row.arn, tried if tried in newest else has, newest[0] if newest else "", busy)]


def _solution_arn(document: Any) -> str:
    return str(document.get("solutionVersionArn", "")).rpartition("/")[0]
