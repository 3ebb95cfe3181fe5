"""What feature groups that were made of a shop's data know of users who are deleted, removed with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from endcap.errors import UnknownName
from endcap.features.groups import FeatureGroup
from endcap.features.online import BOUNDS, OnlineStore
from endcap.features.reference import GROUPS
from endcap.jobs.feature_windows import IDENTIFIERS, list_windows
from endcap.jobs.sinking import sink_all
from endcap.jobs.workspace import Workspace
from endcap.lake.feature_tables import FeatureTables
from endcap.lake.links import owned
from endcap.registry.feature_groups import FeatureGroups
from endcap.storage.state import open_state
from endcap.types import ShopKey

SHOPPERS = ("user_id", "session_id", "user_item")
"""Record identifiers that say whose a record is."""
WHOSE: Mapping[str, str] = {"orders": "customer"}
"""Columns that say so of groups whose records are something else."""


def erase_features(workspace: Workspace, shop: ShopKey, users: Sequence[str]) -> int:
    """Remove these users, and the sessions that became theirs, from the reference groups and the groups of declared
    windows of a shop: from the lake, and from the online store; how many rows. Once more is harmless.

    A running server with an online store of its own notices within seconds. Groups that a shop's own pipelines write
    are theirs to clean, with `DeleteRecord`.
    """
    groups = list(_groups(workspace, shop))
    if not groups:
        return 0
    sink_all(workspace)
    gone = [str(each) for each in owned(workspace.lake.links(shop), pa.array(list(users), pa.string())).to_pylist()]
    tables, url, removed = FeatureTables(workspace.lake), workspace.settings.state_url, 0
    for group, column in groups:
        if url and column == "_record_id" and "online" in group.stores:
            shared = OnlineStore(open_state(url, bounds=BOUNDS, clock=workspace.clock), workspace.clock)
            shared.forget(group, tables.identities(group.account, group.key, gone))
        removed += tables.remove(group.account, group.key, column, gone)
    return removed


def _groups(workspace: Workspace, shop: ShopKey) -> Iterator[tuple[FeatureGroup, str]]:
    """The groups that were made of the shop's data, and the column that says whose a row is."""
    store = FeatureGroups(workspace.database, clock=workspace.clock)
    columns = {shop.name_of(name): WHOSE.get(name, "") for name in GROUPS}
    columns |= {each.group: "" for each in list_windows(workspace, shop) if IDENTIFIERS[each.key] in SHOPPERS}
    for name, column in columns.items():
        try:
            group = store.get(shop.account, name)
        except UnknownName:
            continue
        if column or group.identifier in SHOPPERS:
            yield group, column or "_record_id"
