"""Campaigns and recommenders: deploy a version, and be active only once every living server serves it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from endcap.errors import ResourceError, StateError, UnknownName
from endcap.jobs.lifecycles import Work
from endcap.jobs.workspace import Workspace
from endcap.registry.campaigns import CampaignConfig, Deployment
from endcap.registry.resources import Resource, parse_arn
from endcap.registry.versions import HIDDEN, Version

LATEST = "$LATEST"
LOAD_SECONDS = 120.0
"""How long servers may take to load a generation before its deployment is taken back."""
SILENCE_SECONDS = 20.0
"""How long servers may take to let go: longer than a lease, so one that hangs is taken for dead meanwhile."""
POLL = 0.05
UPDATING = ("update", "retrain")


def newest_version(workspace: Workspace, solution: Resource) -> Resource:
    """A solution's newest active version. Raises `StateError` when it has none."""
    found = workspace.resources.list(solution.account, "solution-version", parent=solution.id)
    active = [version for version in found if version.status == "ACTIVE"]
    if not active:
        raise StateError(f"Solution {solution.arn} has no active version.", fix="Create a solution version first.")
    return active[-1]


def resolved(workspace: Workspace, arn: str) -> Resource:
    """The version that an ARN names, `…/$LATEST` included. Raises `UnknownName`, `StateError` for one not active."""
    if arn.endswith(f"/{LATEST}"):
        return newest_version(workspace, workspace.resources.find(arn.removesuffix(f"/{LATEST}")))
    version = workspace.resources.find(arn)
    if version.status != "ACTIVE":
        raise StateError(f"Solution version {arn} is {version.status}.", fix="Deploy an active version.")
    return version


def deploy_campaign(work: Work) -> None:
    """A new generation, with the configuration asked for; an update's while the old one serves."""
    asked = work.resource.document
    if work.job.verb == "update":
        latest = asked.get("latestCampaignUpdate", {})
        asked = {**asked, **{name: latest[name] for name in _CONFIGURED if name in latest}}
    version = resolved(work.workspace, str(asked["solutionVersionArn"]))
    trained = work.workspace.versions.get(work.resource.shop_key, parse_arn(version.arn).id.rpartition("/")[2])
    members: dict[str, Any] = {name: asked[name] for name in _CONFIGURED if name in asked}
    work.facts["members"] = members | {"solutionVersionArn": version.arn}
    _deploy(work, trained, CampaignConfig.from_document(asked))


def deploy_recommender(work: Work) -> None:
    """A generation of the version just trained, else of the newest own one, with the configuration asked for."""
    asked = asked_for(work).document
    if work.job.verb in UPDATING:
        work.facts["members"] = {"recommenderConfig": asked.get("recommenderConfig")}
    versions = work.workspace.versions.list(work.resource.shop_key, f"{HIDDEN}{work.resource.id}")
    trained = work.facts.get("version")
    found = next((version for version in versions if trained in (None, version.id)), None)
    if found is None:
        raise StateError(f"{work.resource.arn} has not been trained.")
    _deploy(work, found, CampaignConfig.from_document(asked))


def asked_for(work: Work) -> Resource:
    """The recommender as it is to be: with the configuration that an update asks for."""
    document = work.resource.document
    latest = document.get("latestRecommenderUpdate") or {}
    if work.job.verb not in UPDATING or "recommenderConfig" not in latest:
        return work.resource
    return replace(work.resource, document={**document, "recommenderConfig": latest["recommenderConfig"]})


def await_servers(work: Work) -> None:
    """Wait until every living server serves the generation. Raises `ResourceError` when that takes too long."""
    generation = int(work.facts["generation"])
    deadline = time.monotonic() + LOAD_SECONDS
    while not work.workspace.servers.have_loaded(work.resource.arn, generation):
        work.cancelled.check()
        if time.monotonic() > deadline:
            raise ResourceError(f"The servers could not load generation {generation} within {LOAD_SECONDS:.0f} s.")
        time.sleep(POLL)


def await_silence(work: Work) -> None:
    """Wait until no living server answers for what was stopped or deleted."""
    deadline = time.monotonic() + SILENCE_SECONDS
    while not work.workspace.servers.have_dropped(work.resource.arn) and time.monotonic() < deadline:
        time.sleep(POLL)


def find_generation(work: Work) -> None:
    """A recommender that is started again serves its newest generation."""
    deployment = work.workspace.campaigns.current(work.resource.shop_key, work.resource.id, kind="recommender")
    work.facts["generation"] = deployment.generation


def withdraw(work: Work) -> None:
    """Take back what a failed or stopped job has deployed: serve what served before, or nothing."""
    current = _current(work)
    if current is None or current.reason != _reason(work):
        return
    shop, kind, campaigns = work.resource.shop_key, work.resource.kind, work.workspace.campaigns
    before = [each for each in campaigns.history(shop, work.resource.id, kind=kind) if each.reason != current.reason]
    if not before:
        campaigns.delete(shop, work.resource.id, kind=kind)
        return
    campaigns.restore(before[0], reason="withdrawn")


def _deploy(work: Work, version: Version, config: CampaignConfig) -> None:
    current = _current(work)
    if current is None or current.reason != _reason(work):
        shop, name, kind = work.resource.shop_key, work.resource.id, work.resource.kind
        campaigns, reason = work.workspace.campaigns, _reason(work)
        config = config if current is None else config.with_policy_of(current.config)
        if current is not None and _is_asked_to_keep(work) and version.id in _served(current):
            current = campaigns.configure(shop, name, config, reason=reason, kind=kind)  # its variants stay, too
        else:
            current = campaigns.deploy(shop, name, version, config=config, reason=reason, kind=kind)
    work.facts["generation"] = current.generation


def _is_asked_to_keep(work: Work) -> bool:
    """Whether an update leaves the version as it is."""
    latest = work.resource.document.get("latestCampaignUpdate") or {}
    before = work.resource.document.get("solutionVersionArn")
    return work.job.verb == "update" and latest.get("solutionVersionArn", before) == before


def _served(deployment: Deployment) -> set[str]:
    return {variant.version_id for variant in deployment.variants}


def _current(work: Work) -> Deployment | None:
    try:
        return work.workspace.campaigns.current(work.resource.shop_key, work.resource.id, kind=work.resource.kind)
    except UnknownName:
        return None


def _reason(work: Work) -> str:
    """Marks a generation as this job's, so that a second attempt finds it and makes no other."""
    return f"job {work.job.id}"


_CONFIGURED = ("solutionVersionArn", "minProvisionedTPS", "campaignConfig")
