"""The offline side: what was known at a time, joined to rows of that time, and training sets made of what was logged.

No value of a later moment ever reaches a row: a join takes the newest record whose event time is not after the row's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from endcap.errors import InputError
from endcap.features.groups import FeatureGroup
from endcap.features.online import OnlineStore
from endcap.lake.feature_tables import REMOVED, FeatureTables, Joined
from endcap.lake.logged import LOGGED, logged_items
from endcap.lake.tables import Lake
from endcap.stream.records import FeatureRecord, decode
from endcap.types import DAY, ITEM_ID, TIMESTAMP, USER_ID, AccountKey, Float32, ShopKey

Names = Callable[[str], Sequence[str] | None]
"""The names of the ranking features of a `Decision.feature_set`; None where it is not known (any more)."""


@dataclass(frozen=True)
class Lookup:
    """What a join takes from a group: `features` (all but record id and event time where empty) of the record whose id
    is in the rows' column `on`, if it is not older than `max_age` (microseconds, 0 for any). Columns of the answer are
    `GROUP.FEATURE`, or `PREFIX` and the feature's name."""

    group: FeatureGroup
    on: str
    features: tuple[str, ...] = ()
    max_age: int = 0
    prefix: str | None = None

    def joined(self) -> Joined:
        """As the lake is asked. Raises `InputError` for a feature that the group has not."""
        own = (self.group.identifier, self.group.event_time)
        wanted = self.features or tuple(name for name in self.group.by_name if name not in own)
        for name in wanted:
            if name not in self.group.by_name:
                known = ", ".join(self.group.by_name)
                raise InputError(f"Feature group {self.group.name} has no feature {name!r}; it has {known}.")
        prefix = f"{self.group.name}." if self.prefix is None else self.prefix
        return Joined(self.group.key, self.on, tuple((name, f"{prefix}{name}") for name in wanted), self.max_age)


def join(lake: Lake, spine: pa.Table, lookups: Sequence[Lookup], *, time: str = TIMESTAMP) -> pa.Table:
    """The spine, its rows in their order, with features as they were at each row's `time` (int64 microseconds).

    Of the rows of one event time the one written last counts. A deletion, and a record that has expired or is older
    than its lookup allows, gives nulls. Raises `InputError` for a column or feature that is not there.
    """
    tables = FeatureTables(lake)
    for lookup in lookups:
        for column in (lookup.on, time):
            if column not in spine.column_names:
                raise InputError(f"The rows have no column {column!r}; they have {', '.join(spine.column_names)}.")
        wanted = lookup.joined()
        taken = [name for _, name in wanted.columns if name in spine.column_names]
        if taken:
            raise InputError(f"The rows have a column {taken[0]!r} already.", fix="Give the lookup another prefix.")
        spine = tables.join(lookup.group.account, spine, [wanted], time=time)
        for feature, name in wanted.columns:
            place, kind = spine.column_names.index(name), lookup.group.by_name[feature].arrow
            spine = spine.set_column(place, name, spine[name].cast(kind))
    return spine


def logged_examples(
    lake: Lake, shop: ShopKey, names: Names, *, since: int = 0, until: int = 2**62, window: int = DAY
) -> pa.Table:
    """A row for each item that was seen, with what the ranker was given for it *then*, and what became of it.

    Columns: those of `LOGGED` without the bytes, and a float32 column for each ranking feature; null where the row's
    `feature_set` has none of that name, or `names` does not know the set.
    """
    if not lake.exists(shop, "decisions"):
        return _decoded(LOGGED.empty_table(), names)
    answers = lake.read(shop, "decisions")
    if not {"feature_set", "features"} <= set(answers.column_names):  # none was ranked since there are rankers
        return _decoded(LOGGED.empty_table(), names)
    return _decoded(logged_items(answers, lake.seen_items(shop, since=since, until=until, window=window)), names)


def examples(
    lake: Lake,
    shop: ShopKey,
    lookups: Sequence[Lookup] = (),
    *,
    names: Names = lambda _: None,
    since: int = 0,
    until: int = 2**62,
    window: int = DAY,
) -> pa.Table:
    """`logged_examples` with features of groups, as they were when each answer was given: those of customers by
    `user_id`, of products by `item_id`, of orders or sessions by whatever column a lookup names."""
    return join(lake, logged_examples(lake, shop, names, since=since, until=until, window=window), lookups)


def of_customers(group: FeatureGroup, *features: str) -> Lookup:
    """Features of the user that was answered."""
    return Lookup(group, USER_ID, features)


def of_products(group: FeatureGroup, *features: str) -> Lookup:
    """Features of the item that was shown."""
    return Lookup(group, ITEM_ID, features)


BACKFILLED = "backfill"
"""Under what the offline tables note how far they were filled from history, beside the log."""


class _Look(NamedTuple):
    """How a table was: its change, how far it was backfilled, how often rows were removed."""

    changed: int = 0
    backfilled: int = 0
    removed: int = 0


class OnlineLoad:
    """Fills an online store from the offline tables of groups: all of them, and later those that were backfilled."""

    def __init__(self, lake: Lake, groups: Callable[[], Iterable[FeatureGroup]], *, shared: bool = False) -> None:
        """`groups` gives those of all accounts that there are now. Whoever removes rows from tables removes them from a
        `shared` state too."""
        self._tables, self._groups, self._shared = FeatureTables(lake), groups, shared
        self._seen: dict[tuple[AccountKey, str], _Look] = {}

    def everything(self, store: OnlineStore) -> int:
        """Load the newest values of every group; how many rows were looked at."""
        return sum(self._load(store, group, self._look(group)) for group in self._online())

    def backfilled(self, store: OnlineStore) -> int:
        """Load what was backfilled since the last time; how many rows were looked at."""
        rows = 0
        for group in self._online():
            before = self._seen.get((group.account, group.key), _Look())
            if self._tables.changed(group.account, group.key) == before.changed:
                continue
            look = self._look(group)
            if look.backfilled != before.backfilled:
                rows += self._load(store, group, look)
            elif self._shared or look.removed == before.removed:
                self._seen[group.account, group.key] = look
        return rows

    def is_erased(self) -> bool:
        """Whether rows were removed from a table that was loaded."""
        return any(
            self._tables.changed(account, key) != seen.changed
            and self._tables.filled(account, key, REMOVED) != seen.removed
            for (account, key), seen in self._seen.items()
        )

    def _online(self) -> Iterator[FeatureGroup]:
        return (group for group in self._groups() if "online" in group.stores)

    def _look(self, group: FeatureGroup) -> _Look:
        tables, which = self._tables, (group.account, group.key)
        changed = tables.changed(*which)  # asked first: what comes in between is seen again
        return _Look(changed, tables.filled(*which, BACKFILLED), tables.filled(*which, REMOVED))

    def _load(self, store: OnlineStore, group: FeatureGroup, look: _Look) -> int:
        rows = 0
        for batch in self._tables.newest(group.account, group.key):
            store.load(group.account, _records(batch))
            rows += batch.num_rows
        self._seen[group.account, group.key] = look
        return rows


def _records(batch: pa.Table) -> Iterator[tuple[FeatureRecord, tuple[int, int]]]:
    columns = (batch[name].to_pylist() for name in ("write_time", "_order", "_record"))
    for written, order, payload in zip(*columns, strict=True):
        yield decode(payload, FeatureRecord), (written, order)


def _decoded(logged: pa.Table, names: Names) -> pa.Table:
    sets, packed = logged["feature_set"].to_pylist(), logged["features"]
    columns: dict[str, Float32] = {}
    for each in dict.fromkeys(sets):
        rows = np.flatnonzero([name == each for name in sets])
        wanted = names(each) or ()
        block = np.frombuffer(b"".join(packed.take(pa.array(rows)).to_pylist()), "<f4").reshape(len(rows), -1)
        for place, name in enumerate(wanted[: block.shape[1]]):
            columns.setdefault(name, np.full(len(sets), np.nan, np.float32))[rows] = block[:, place]
    made = logged.drop_columns(["features"])
    for name, column in columns.items():
        made = made.append_column(name, pa.array(column, from_pandas=True))
    return made
