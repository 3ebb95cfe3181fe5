"""The feature store of a web process, wired: its groups, its online store kept up with the log, its rows."""

from __future__ import annotations

from dataclasses import dataclass

from endcap.api.door import Route
from endcap.api.featurestore.control import FeatureControl
from endcap.api.featurestore.finding import GroupFinder
from endcap.api.featurestore.runtime import FeatureRuntime
from endcap.api.metrics import Metrics
from endcap.api.targets import Answer
from endcap.features.offline import OnlineLoad
from endcap.features.online import BOUNDS, OnlineStore
from endcap.features.online_feed import OnlineFeed
from endcap.jobs.feature_feed import WindowFeed
from endcap.jobs.workspace import Workspace
from endcap.registry.feature_groups import FeatureGroups
from endcap.storage.log import Log
from endcap.storage.state import StateStore, open_state


@dataclass(frozen=True)
class FeatureStore:
    """What lives in the process beside the routes."""

    groups: FeatureGroups
    online: OnlineStore
    feed: OnlineFeed
    control: FeatureControl
    runtime: FeatureRuntime
    windows: WindowFeed

    @classmethod
    def open(cls, workspace: Workspace, log: Log, metrics: Metrics) -> FeatureStore:
        """Over the process's log; nothing is filled before `start`."""
        url, clock, lake = workspace.settings.state_url, workspace.clock, workspace.lake
        groups = FeatureGroups(workspace.database, clock=clock)

        def state() -> StateStore:
            return open_state(url or "memory:", bounds=BOUNDS, clock=clock)

        online = OnlineStore(state(), clock)
        feed = OnlineFeed(
            log,
            online,
            OnlineLoad(lake, groups.everywhere, shared=bool(url)),
            lambda: lake.places.sunk(log.identity),
            None if url else state,
        )
        windows = WindowFeed(workspace, log)
        runtime = FeatureRuntime(
            GroupFinder(groups), log, online, feed, metrics, clock, remote=bool(url), windows=windows
        )
        return cls(groups, online, feed, FeatureControl(groups), runtime, windows)

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
        self.windows.start()

    def close(self) -> None:
        """Let the threads end."""
        self.feed.close()
        self.windows.close()
        self.control.close()
