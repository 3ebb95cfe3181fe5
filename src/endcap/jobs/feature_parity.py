"""Whether what rankers were told online is what the lake says: features of logged answers, computed anew from history.

For a sample of answers the events up to the moment of asking are read from the lake and go through the same features.
What differs is skew: between the fold of live traffic and that of history, or because something else changed in between
(properties of items are compared as they are today).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import StateError
from endcap.features.candidate import CANDIDATE
from endcap.features.counts import LINGER
from endcap.features.facts import CATEGORY, INTERVAL
from endcap.features.family import Extra
from endcap.features.intervals import WEEK, usual_intervals
from endcap.features.kinds import kinds_at, kinds_of
from endcap.features.shop import ShopFeatures
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.registry.feature_windows import window_documents
from endcap.seams import Progress, no_progress, rng
from endcap.stream.histories import CAP, Past
from endcap.types import ITEM_ID, TIMESTAMP, USER_ID, Bool, Float32, Int32, Int64, ShopKey

TOLERANCE = 1e-4
"""Values differ that are further apart than this share of the larger one (or this much, below 1)."""
_COLUMNS = ("recommendation_id", USER_ID, "asked", "context", "candidates", "shown", "feature_set", "features")


@dataclass(frozen=True)
class FeatureParity:
    """One feature: how many values were compared, how many differ, and by how much at most (infinite where only one of
    the two is known)."""

    name: str
    count: int
    mismatches: int
    largest: float


@dataclass(frozen=True)
class ParityReport:
    """What was found. `left_out` counts answers that cannot be compared, by reason; `in_flight` those that agree once
    the shopper's events of the last seconds are taken away: they had not arrived when the answer was given.
    `examples` names an answer for each feature that differs."""

    decisions: int
    in_flight: int
    left_out: Mapping[str, int]
    features: tuple[FeatureParity, ...]
    examples: Mapping[str, str] = field(default_factory=dict)

    @property
    def mismatches(self) -> int:
        """Values that differ, of all features."""
        return sum(each.mismatches for each in self.features)

    def document(self) -> dict[str, Any]:
        """As JSON takes it."""
        rows = [vars(each) | {"largest": _finite(each.largest)} for each in self.features]
        members = {"decisions": self.decisions, "inFlight": self.in_flight, "leftOut": dict(self.left_out)}
        return {**members, "mismatches": self.mismatches, "features": rows, "examples": dict(self.examples)}


def check_parity(
    workspace: Workspace,
    shop: ShopKey,
    *,
    sample: int = 1000,
    since: int = 0,
    seed: int = 0,
    extras: Sequence[Extra] = (),
    progress: Progress = no_progress,
) -> ParityReport:
    """Compare the features of at most `sample` answers, drawn from those given from `since` on (microseconds).

    `extras` are further features that were served with the shop's own and those of its declared windows, over the rows
    of its dataset. Raises `StateError` where no answers with features are in the lake.
    """
    dataset = replace(workspace.lake.dataset(shop), windows=window_documents(workspace.resources, shop))
    features = ShopFeatures.of(dataset)
    features.extras = (*features.extras, *extras)
    rows, left_out = _logged(workspace, shop, features, since)
    if not rows.num_rows:
        raise StateError(
            f"No answer of {shop.group} with the features of today is in the lake yet.",
            fix="Publish a version of the recipe ranked and ask it; answers reach the lake within a minute.",
        )
    if rows.num_rows > sample:
        rows = rows.take(pa.array(np.sort(rng(seed).choice(rows.num_rows, sample, replace=False))))
    rows = rows.sort_by("asked")
    comparison = _Comparison(dataset, features, left_out)
    with progress("Comparing", total=rows.num_rows, unit="answers") as tick:
        for row in rows.to_pylist():
            comparison.take(row)
            tick(1)
    return comparison.report()


def _logged(workspace: Workspace, shop: ShopKey, features: ShopFeatures, since: int) -> tuple[pa.Table, Counter[str]]:
    """(rows of the table of decisions that can be compared, why others cannot)."""
    left_out: Counter[str] = Counter()
    there = workspace.lake.open(shop, "decisions").to_pyarrow_dataset()
    if any(name not in there.schema.names for name in _COLUMNS):
        return pa.table({"asked": pa.array([], pa.int64())}), left_out
    ranked = (pc.field(TIMESTAMP) >= since) & pc.field("features").is_valid() & (pc.field("asked") > 0)
    rows = there.to_table(columns=list(_COLUMNS), filter=ranked)
    same = pc.equal(rows["feature_set"], features.signature)
    left_out["other features"] = rows.num_rows - int(pc.sum(same).as_py() or 0)
    return rows.filter(same), left_out


class _Comparison:
    """Answers taken one after the other, in the order in which they were asked."""

    def __init__(self, dataset: Dataset, features: ShopFeatures, left_out: Counter[str]) -> None:
        self._dataset, self._features, self._left_out = dataset, features, left_out
        self._bought = kinds_at(kinds_of(dataset.event_types), dataset.interactions.event_type)
        self._usual: dict[int, Float32] = {}
        self._count: Int64 = np.zeros(len(features.names), np.int64)
        self._differ: Int64 = np.zeros(len(features.names), np.int64)
        self._largest = np.zeros(len(features.names))
        self._decisions = self._in_flight = 0
        self._examples: dict[str, str] = {}

    def take(self, row: Mapping[str, Any]) -> None:
        """Compare one answer."""
        width = len(self._features.names)
        logged = np.frombuffer(row["features"], "<f4").astype(np.float32)
        if len(logged) != width * len(row["shown"]):
            self._left_out["damaged"] += 1
            return
        past = self._past(row[USER_ID] or "", int(row["asked"]))
        if past is None:
            self._left_out["a session that became a user's"] += 1
            return
        logged = logged.reshape(-1, width)
        items, retrieval, at = self._asked(row, logged)
        known = (at >= 0) & ~np.isnan(logged).all(axis=1)
        if not known.any():
            self._left_out["nothing shown was ranked"] += 1
            return
        self._decisions += 1
        shown, at = logged[known], at[known]
        is_candidate = at < len(row["candidates"])
        for back in (0, 1):  # the state that served may have been made in the week before
            self._learn(int(row["asked"]) // WEEK - back)
            differ = self._differences(shown, self._told(row, past, items, retrieval)[at], is_candidate)
            if not (differ > 0).any():
                break
        if (differ > 0).any() and self._had_not_arrived(row, past, items, retrieval, shown, at):
            self._in_flight += 1
            return
        self._count += ~np.isnan(differ).all(axis=0) * len(shown)
        self._differ += (differ > 0).sum(axis=0)
        self._largest = np.fmax(self._largest, np.nan_to_num(differ.max(axis=0), posinf=np.inf))
        for column in np.flatnonzero((differ > 0).any(axis=0)).tolist():
            self._examples.setdefault(self._features.names[column], row["recommendation_id"])

    def report(self) -> ParityReport:
        """Of all that was taken."""
        found = zip(
            self._features.names, self._count.tolist(), self._differ.tolist(), self._largest.tolist(), strict=True
        )
        features = tuple(FeatureParity(*each) for each in found)
        left_out = {reason: count for reason, count in self._left_out.items() if count}
        return ParityReport(self._decisions, self._in_flight, left_out, features, self._examples)

    def _past(self, user_id: str, now: int) -> Past | None:
        """The newest events of a shopper as of a moment; None where the lake does not know them by this name now."""
        dataset = self._dataset
        row = int(dataset.users.rows([user_id])[0]) if user_id else -1
        if row < 0:
            linked = dataset.sessions
            if user_id and linked is not None and pc.is_in(pa.scalar(user_id), linked["session_id"]).as_py():
                return None
            low = high = 0
        else:
            low, high = int(dataset.indptr[row]), int(dataset.indptr[row + 1])
        events = dataset.interactions
        high = low + int(np.searchsorted(events.time[low:high], now, side="right"))
        rows = slice(max(low, high - CAP), high)
        columns = (events.item[rows], events.time[rows], events.event_type[rows], events.weight[rows])
        return Past(np.array([0, len(columns[0])]), *columns, events.order[rows])

    def _asked(self, row: Mapping[str, Any], logged: Float32) -> tuple[Int32, Float32, Int32]:
        """(items, retrieval scores, which of them each item shown is, -1 for one that the lake does not know)."""
        names = [each[ITEM_ID] for each in row["candidates"]]
        scores = [np.nan if each["score"] is None else each["score"] for each in row["candidates"]]
        places = {name: place for place, name in enumerate(names)}
        column = self._features.names.index("retrieval_score")
        at = []
        for shown, told in zip(row["shown"], logged, strict=True):
            name = shown[ITEM_ID]
            if name not in places or shown["promotion"]:  # promoted items are asked about by themselves
                places[name] = len(names)
                names.append(name)
                scores.append(float(told[column]))
            at.append(places[name])
        items = self._dataset.items.rows(names)
        found = np.array(at, np.int32)
        found[items[found] < 0] = -1
        return items, np.array(scores, np.float32), found

    def _told(self, row: Mapping[str, Any], past: Past, items: Int32, retrieval: Float32) -> Float32:
        now, ends = np.array([int(row["asked"])]), np.array([0, len(items)])
        return self._features.values(past, now, items, ends, retrieval, [dict(row["context"] or ())])

    def _learn(self, week: int) -> None:
        """The one fact that history tells, as it was told to a state that was made in a week."""
        if week not in self._usual:
            category = self._features.facts.codes[: self._dataset.n_items, CATEGORY]
            self._usual[week] = usual_intervals(self._dataset, self._bought, category, week * WEEK)
        self._features.facts.numbers[: self._dataset.n_items, INTERVAL] = self._usual[week]

    def _differences(self, logged: Float32, told: Float32, is_candidate: Bool) -> Float32:
        """float32 [m, features]: 0 where values agree, how far apart they are where not, NaN where not compared."""
        with np.errstate(invalid="ignore"):
            apart = np.abs(logged - told)
            differ = np.where(apart > TOLERANCE * np.maximum(1, np.maximum(np.abs(logged), np.abs(told))), apart, 0)
        differ = np.where(np.isnan(logged) != np.isnan(told), np.inf, np.where(np.isnan(apart), 0, differ))
        differ[np.ix_(~is_candidate, np.arange(len(CANDIDATE.features)))] = np.nan
        return differ.astype(np.float32)

    def _had_not_arrived(
        self,
        row: Mapping[str, Any],
        past: Past,
        items: Int32,
        retrieval: Float32,
        shown: Float32,
        at: Int32,
    ) -> bool:
        """Whether the values agree without the newest events, one after the other, of the last seconds."""
        is_candidate = at < len(row["candidates"])
        for kept in range(len(past.item) - 1, -1, -1):
            if past.time[kept] < int(row["asked"]) - LINGER:
                return False
            less = replace(past, indptr=np.array([0, kept])).slice(0)
            if not (self._differences(shown, self._told(row, less, items, retrieval)[at], is_candidate) > 0).any():
                return True
        return False


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
