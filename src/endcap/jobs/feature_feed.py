"""Declared windows of all shops, kept up with the log: what the online store adds to a record when it is asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from endcap.errors import EndcapError
from endcap.features.declared import Declaration
from endcap.features.declared_events import categories_of, events_of_table
from endcap.features.declared_live import LiveWindows
from endcap.features.declared_state import Amount
from endcap.features.groups import FeatureGroup
from endcap.jobs.feature_closes import events_where
from endcap.jobs.feature_windows import list_windows
from endcap.jobs.workspace import Workspace
from endcap.storage.log import Log
from endcap.stream.replay import Feed
from endcap.stream.windows import LATE
from endcap.types import SESSION_ID, TIMESTAMP, USER_ID, ShopKey

LOOK = 1.0
"""Seconds between looks for what was declared."""
PATIENCE = 5.0
"""Seconds that closing waits for the thread."""
_log = logging.getLogger("endcap.features")


@dataclass(frozen=True)
class _Shop:
    declarations: tuple[Declaration, ...]
    live: LiveWindows


class WindowFeed:
    """For a process that serves features: every event it is told of is in the windows before it is acknowledged. A
    window that was declared a moment ago is filled from the lake and the log first."""

    def __init__(self, workspace: Workspace, log: Log) -> None:
        self._workspace, self._feed = workspace, Feed[LiveWindows](log)
        self._shops: Mapping[ShopKey, _Shop] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Follow what is declared, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="windows", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def refresh(self) -> None:
        """Take over what is declared now; shops whose windows are the same keep them."""
        found: dict[ShopKey, _Shop] = {}
        for shop in self._workspace.lake.shops():
            declared = tuple(each for each in list_windows(self._workspace, shop) if each.group)
            held = self._shops.get(shop)
            if held is not None and held.declarations == declared:
                found[shop] = held
            elif declared:
                found[shop] = _Shop(declared, self._filled(shop, declared))
        self._shops = found
        self._feed.keep(each.live for each in found.values())

    def values(self, group: FeatureGroup, ids: Sequence[str]) -> list[dict[str, str]]:
        """For each record id, by feature name, what the windows amount to now. An id that no window has anything of
        has nothing here, or what is so of everyone in `idle`."""
        told: list[dict[str, str]] = [{} for _ in ids]
        for held in self._of(group):
            nothing, *rows = held.live.windows.of_group(group.name, ["", *ids])
            for row, amounts in enumerate(rows):
                if amounts != nothing:
                    told[row] |= _texts(amounts)
        return told

    def idle(self, group: FeatureGroup) -> dict[str, str]:
        """What the windows amount to where nothing happened."""
        told: dict[str, str] = {}
        for held in self._of(group):
            told |= _texts(held.live.windows.of_group(group.name, [""])[0])
        return told

    def _of(self, group: FeatureGroup) -> list[_Shop]:
        mine = [held for shop, held in self._shops.items() if shop.account == group.account]
        return [held for held in mine if any(each.group == group.name for each in held.declarations)]

    def _filled(self, shop: ShopKey, declared: tuple[Declaration, ...]) -> LiveWindows:
        lake, clock = self._workspace.lake, self._workspace.clock
        items = lake.read(shop, "items") if lake.exists(shop, "items") else None
        categories = categories_of(items)
        live = LiveWindows(shop, declared, clock=clock, category=lambda item: categories.get(item, ""), listed=False)
        since = clock.now() - LATE - max(each.length for each in declared)
        if lake.exists(shop, "interactions"):
            links = lake.links(shop)
            users = dict(zip(links[SESSION_ID].to_pylist(), links[USER_ID].to_pylist(), strict=True))
            rows = events_where(lake, shop, pc.field(TIMESTAMP) >= since, links)
            live.prime(events_of_table(rows, categories), users)
        return self._feed.add(shop, live)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.refresh()
            except (EndcapError, OSError) as error:
                _log.warning("Declared windows cannot be followed now: %s", error)
            except Exception:  # a thread that died would leave the windows as they are for ever
                _log.exception("Following declared windows failed; it is tried again")
            self._stop.wait(LOOK)


def _texts(amounts: Mapping[str, Amount]) -> dict[str, str]:
    told = {name: amount for name, amount in amounts.items() if amount is not None}
    return {name: amount if isinstance(amount, str) else repr(amount) for name, amount in told.items()}
