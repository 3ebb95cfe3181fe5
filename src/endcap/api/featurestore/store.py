"""The feature store of a web process, wired: its groups, its online store kept up with the log, its rows."""

from __future__ import annotations

from dataclasses import dataclass

from endcap.api.door import Route
from endcap.api.featurestore.control import FeatureControl
from endcap.api.featurestore.finding import GroupFinder
from endcap.api.featurestore.runtime import FeatureRuntime
from endcap.api.metrics import Metrics
from endcap.api.targets import Answer
from endcap.features.groups import FeatureGroup
from endcap.features.offline import load_online
from endcap.features.online import BOUNDS, OnlineStore
from endcap.features.online_feed import OnlineFeed
from endcap.jobs.workspace import Workspace
from endcap.registry.feature_groups import FeatureGroups
from endcap.storage.log import Log
from endcap.storage.state import open_state
from endcap.types import AccountKey


@dataclass(frozen=True)
class FeatureStore:
    """What lives in the process beside the routes."""

    groups: FeatureGroups
    online: OnlineStore
    feed: OnlineFeed
    control: FeatureControl
    runtime: FeatureRuntime

    @classmethod
    def open(cls, workspace: Workspace, log: Log, metrics: Metrics) -> FeatureStore:
        """Over the process's log; nothing is filled before `start`."""
        url, clock, lake = workspace.settings.state_url, workspace.clock, workspace.lake
        groups = FeatureGroups(workspace.database, clock=clock)
        online = OnlineStore(open_state(url or "memory:", bounds=BOUNDS, clock=clock), clock)
        feed = OnlineFeed(
            log,
            online,
            lambda store: load_online(lake, store, _by_account(groups)),
            lambda: lake.places.sunk(log.identity),
        )
        runtime = FeatureRuntime(GroupFinder(groups), log, online, feed, metrics, clock, remote=bool(url))
        return cls(groups, online, feed, FeatureControl(groups), runtime)

    def routes(self) -> tuple[Route, ...]:
        """Rows of the table."""
        return self.runtime.routes()

    @property
    def answer(self) -> Answer:
        """Answers `sagemaker` at `POST /`."""
        return self.control.answer

    def start(self) -> None:
        """Fill the online store."""
        self.feed.start()

    def close(self) -> None:
        """Let the threads end."""
        self.feed.close()
        self.control.close()


def _by_account(groups: FeatureGroups) -> dict[AccountKey, list[FeatureGroup]]:
    found: dict[AccountKey, list[FeatureGroup]] = {}
    for group in groups.everywhere():
        found.setdefault(group.account, []).append(group)
    return found
