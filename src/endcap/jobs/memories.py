"""How a shop's files were read, kept in the shop's own record: what `--map` said once need not be said again."""

from __future__ import annotations

import msgspec

from endcap.errors import UnknownName
from endcap.jobs.workspace import Workspace
from endcap.lake.importers.remembering import Remembered, with_memory
from endcap.registry.resources import Resource, Stale
from endcap.types import ShopKey

MEMBER = "_mappings"
"""Of the dataset group's document; no answer of the service has a member of this name."""
TRIES = 5


def memories(workspace: Workspace, shop: ShopKey) -> tuple[Remembered, ...]:
    """Newest first; none for a shop that is not there yet."""
    try:
        return _held(workspace.resources.get(shop.account, "dataset-group", shop.group))
    except UnknownName:
        return ()


def remember(workspace: Workspace, shop: ShopKey, said: Remembered) -> None:
    """Read files with these columns so the next time, too; nothing said makes what was remembered of them go.

    A dialect in a file of its own is not remembered: the file may change, or go.
    """
    is_file = (said.dialect or "").lower().endswith((".toml", ".json"))
    new = msgspec.structs.replace(said, dialect=None) if is_file else said
    for _ in range(TRIES):
        record = workspace.resources.get(shop.account, "dataset-group", shop.group)
        known = _held(record)
        after = with_memory(known, new)
        if after == known:
            return
        try:
            workspace.resources.change(record, document={MEMBER: msgspec.to_builtins(after)})
        except Stale:
            continue
        return


def _held(record: Resource) -> tuple[Remembered, ...]:
    try:
        return tuple(msgspec.convert(record.document.get(MEMBER, []), list[Remembered]))
    except msgspec.ValidationError:  # written by a newer version: nothing that it knows is of use here
        return ()
