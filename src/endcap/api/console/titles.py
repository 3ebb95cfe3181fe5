"""What items are called, by what serving holds of them."""

from __future__ import annotations

from collections.abc import Callable

from endcap.jobs.answering import TITLE_COLUMNS
from endcap.serving.snapshot import Snapshot


def titles_of(snapshot: Snapshot) -> Callable[[str], str]:
    """From an item's id to its name; the id itself where it has none."""
    items = snapshot.attributes.items

    def title(item: str) -> str:
        ordinal = snapshot.ordinal(item)
        if ordinal >= 0:
            for column in TITLE_COLUMNS[:4]:
                if (name := items.value(ordinal, column)) is not None:
                    return str(name)
        return item

    return title
