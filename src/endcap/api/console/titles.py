"""What items are called and look like, by what serving holds of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from endcap.api.console.operation import Shape
from endcap.jobs.answering import TITLE_COLUMNS
from endcap.serving.snapshot import Snapshot

CATEGORIES = ("category_l1", "category_l2", "category_l3")
ALONE = ("category", "product_category", "product_type", "department", "genres")
IMAGES = ("image_url", "image_link", "image")


class SeenItem(Shape, frozen=True):
    """An item as lists show it: what its picture is made of, too. `title` is its id where it has no name."""

    item: str
    title: str
    category: str = ""
    """From the top, levels parted by " > "."""
    colour: str = ""
    material: str = ""
    image: str = ""


def titles_of(snapshot: Snapshot) -> Callable[[str], str]:
    """From an item's id to its name; the id itself where it has none."""

    def title(item: str) -> str:
        return _first(snapshot, snapshot.ordinal(item), TITLE_COLUMNS[:4]) or item

    return title


def sights_of(snapshot: Snapshot, items: Sequence[str]) -> tuple[SeenItem, ...]:
    """How each of these is shown."""
    return tuple(_seen(snapshot, item, snapshot.ordinal(item)) for item in items)


def _seen(snapshot: Snapshot, item: str, ordinal: int) -> SeenItem:
    levels = [_first(snapshot, ordinal, (column,)) for column in CATEGORIES]
    category = " > ".join(level for level in levels if level) or _first(snapshot, ordinal, ALONE)
    return SeenItem(
        item=item,
        title=_first(snapshot, ordinal, TITLE_COLUMNS[:4]) or item,
        category=category,
        colour=_first(snapshot, ordinal, ("colour", "color")),
        material=_first(snapshot, ordinal, ("material",)),
        image=_first(snapshot, ordinal, IMAGES),
    )


def _first(snapshot: Snapshot, ordinal: int, columns: Sequence[str]) -> str:
    items = snapshot.attributes.items
    if ordinal < 0:
        return ""
    found = (items.value(ordinal, column) for column in columns)
    return next((str(value) for value in found if value is not None and value != ""), "")
