"""Attributes as of now: a table from the lake with what was put since laid over it, and bitmaps kept for both."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from endcap.serving.attributes import SEPARATOR, AttributeTable, Plain
from endcap.stream.ids import IdIndex
from endcap.stream.records import Value
from endcap.types import Bool

BYTES = 32 << 20
"""Of bitmaps kept by one `Attributes`."""
EACH = 8 << 10
"""What an entry counts beside its bitmap: its key may hold a request's values, up to 25,000 characters."""


@dataclass(frozen=True)
class Overlay:
    """Properties put since the table was read: a number that rises with every change, and what changed since one."""

    revision: Callable[[], int]
    changed: Callable[[int], Iterable[tuple[str, Mapping[str, Value]]]]


NOTHING = Overlay(lambda: 0, lambda _: ())


@dataclass(frozen=True)
class Patch:
    """One revision of an overlay: `rows` are properties by ordinal; `size` counts all ordinals, new ones last.

    `nowhere` are properties of ids that have no ordinal yet.
    """

    stamp: tuple[int, int]
    size: int
    rows: Mapping[int, Mapping[str, Value]]
    nowhere: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


class GrowingIndex:
    """Ordinals of ids: those of a base index, then further ones in the order in which they were asked for."""

    def __init__(self, base: IdIndex) -> None:
        self._base, self._fresh, self._lock = base, dict[str, int](), Lock()

    def __len__(self) -> int:
        return len(self._base) + len(self._fresh)

    def find(self, name: str) -> int:
        """Ordinal of an id, -1 where it has none."""
        place = self._base.find(name)
        return place if place >= 0 else self._fresh.get(name, -1)

    def place(self, name: str) -> int:
        """Ordinal of an id, the next one where it had none."""
        place = self.find(name)
        if place < 0:
            with self._lock:
                place = self._fresh.setdefault(name, len(self))
        return place


class Attributes:
    """Attributes of a shop's items, users or actions as they are now. Safe to use from several threads.

    `ordinal_of` gives the ordinal of an id, always the same once it is not -1 (one to leave out for now); see
    `GrowingIndex.place`. `size` is how many ordinals there are; the bitmaps cover them, and all of the overlay.
    """

    def __init__(
        self,
        table: AttributeTable,
        overlay: Overlay = NOTHING,
        ordinal_of: Callable[[str], int] | None = None,
        size: Callable[[], int] | None = None,
    ) -> None:
        self.table, self.bitmaps = table, Bitmaps()
        self._overlay, self._ordinal_of = overlay, ordinal_of or (lambda _: -1)
        self._size = size or (lambda: table.size)
        self._patch = Patch((0, -1), table.size, {})

    def now(self) -> Patch:
        """What lies over the table at this moment."""
        revision = self._overlay.revision()
        patch = self._patch
        if patch.stamp != (revision, self._size()):
            patch = self._patch = self._read(patch, revision)
        return patch

    def __len__(self) -> int:
        return max(self._size(), self.table.size)

    def value(self, ordinal: int, column: str) -> Plain:
        """What a row holds now, several texts joined by `|`; None where it is missing."""
        patch = self.now()
        properties = patch.rows.get(ordinal)
        if properties is not None and column in properties:
            value = properties[column]
            return SEPARATOR.join(value) if isinstance(value, list) else value
        return self.table.value(ordinal, column)

    def row(self, ordinal: int) -> dict[str, Plain]:
        """All that is known of a row now."""
        found = self.table.row(ordinal) if ordinal < self.table.size else {}
        put = self.now().rows.get(ordinal, {})
        told = {name: SEPARATOR.join(value) if isinstance(value, list) else value for name, value in put.items()}
        return {name: value for name, value in {**found, **told}.items() if value is not None}

    def _read(self, before: Patch, revision: int) -> Patch:
        """What changed since, laid over what was read before."""
        # The stamp is of before the rows are read: a change meanwhile leads to another reading, never to a stale one.
        stamp = (revision, self._size())
        changed = {**before.nowhere, **dict(self._overlay.changed(before.stamp[0]))}
        if not changed:
            return Patch(stamp, max(self._size(), before.size), before.rows)
        rows, nowhere = dict(before.rows), dict[str, Mapping[str, Value]]()
        for name, properties in changed.items():
            ordinal = self._ordinal_of(name)
            if ordinal >= 0:
                rows[ordinal] = properties
            else:
                nowhere[name] = properties
        return Patch(stamp, max(self._size(), before.size, max(rows, default=-1) + 1), rows, nowhere)


class Bitmaps:
    """Bitmaps by key, the least recently used leaving above a number of bytes; each belongs to one stamp."""

    def __init__(self, limit: int = BYTES) -> None:
        self._limit, self._bytes, self._lock = limit, 0, Lock()
        self._held: OrderedDict[Hashable, tuple[tuple[int, int], Bool]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable, stamp: tuple[int, int]) -> Bool | None:
        """The bitmap, None where there is none of this stamp."""
        with self._lock:
            found = self._held.get(key)
            if found is None or found[0] != stamp:
                return None
            self._held.move_to_end(key)
            return found[1]

    def put(self, key: Hashable, stamp: tuple[int, int], bitmap: Bool) -> Bool:
        """Keep a bitmap, from now on read-only."""
        bitmap.flags.writeable = False
        with self._lock:
            before = self._held.pop(key, None)
            self._bytes += EACH + bitmap.nbytes - (EACH + before[1].nbytes if before else 0)
            self._held[key] = (stamp, bitmap)
            while self._bytes > self._limit and len(self._held) > 1:
                _, (_, dropped) = self._held.popitem(last=False)
                self._bytes -= EACH + dropped.nbytes
        return bitmap
