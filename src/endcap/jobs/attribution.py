"""Metric attribution: what shoppers did, by quarter of an hour and by what had shown them the way, as CSV.

Each run writes the windows that have ended since the last one, and what came late for windows written before: the
rows that the table has now and did not have at the version of the last run. So all rows of one window, metric and
source, over all files, add up to all its events. State: how far it wrote, and at which version of the table.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import Dataset, dataset

from endcap.errors import InputError, StateError
from endcap.jobs.attribution_sources import RECOMMENDATION, SOURCE, Sources
from endcap.jobs.batch import never
from endcap.jobs.workspace import Workspace
from endcap.lake.columns import INGESTION, PUT
from endcap.registry.resources import Resource
from endcap.seams import Progress, no_progress
from endcap.storage.objects import Location, open_objects
from endcap.types import EVENT_TYPE, HOUR, ITEM_ID, MINUTE, SECOND, TIMESTAMP, ShopKey

WINDOW = 15 * MINUTE
LATE = 6 * HOUR
"""An event that becomes durable later than this after its window was written is not counted any more."""
HEADER = ("METRIC_NAME", "EVENT_TYPE", "VALUE", "MATH_FUNCTION", "EVENT_ATTRIBUTION_SOURCE", "TIMESTAMP")
STATE = "_attribution"
"""Member of the document that holds the state."""
_EXPRESSION = re.compile(r"(?i)\s*(?:(SAMPLECOUNT)\s*\(\s*\)|SUM\s*\(\s*(Items|Interactions)\.([A-Za-z_]\w*)\s*\))\s*")

Key = tuple[int, int, str]
"""Start of the window in microseconds, place of the metric, source."""


class State(msgspec.Struct, frozen=True):
    """All windows before `upto` are written, as of `version` of the table; those before `until` are being written."""

    upto: int
    version: int | None = None
    until: int = 0
    target: int | None = None
    """The version that is being written from; None where nothing is being written."""


class Written(msgspec.Struct, frozen=True):
    """The file that was written (empty where there was nothing to tell), its rows, and how far it goes."""

    location: str
    rows: int
    upto: int


@dataclass(frozen=True)
class Metric:
    """`table` and `column` are what is summed; both empty where events are counted. Made by `parse`."""

    name: str
    event_type: str
    table: str = ""
    column: str = ""

    @property
    def function(self) -> str:
        """As the file calls it."""
        return "sum" if self.column else "samplecount"

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Metric:
        """From `{eventType, metricName, expression}`. Raises `InputError` for any other expression."""
        found = _EXPRESSION.fullmatch(str(given["expression"]))
        if not found:
            raise InputError(
                f"The expression {given['expression']!r} of metric {given['metricName']} cannot be computed.",
                fix="Write SUM(Items.COLUMN), SUM(Interactions.COLUMN) or SAMPLECOUNT().",
            )
        return cls(
            str(given["metricName"]), str(given["eventType"]), (found[2] or "").lower(), (found[3] or "").lower()
        )


def write_metric_attribution(
    workspace: Workspace,
    resource: Resource,
    *,
    progress: Progress = no_progress,
    cancelled: Callable[[], bool] = never,
) -> Written:
    """Write what has ended by now: one file in the folder of `metricsOutputConfig`, or none where nothing happened.

    Safe to run again at any time: a run that was killed is repeated under the same name before anything else is
    written. Raises `InputError` for a metric that cannot be computed.
    """
    del cancelled  # a run takes seconds, and what it began is finished by the next one anyway
    metrics = [Metric.parse(each) for each in resource.document.get("metrics", ())]
    state = _state(resource)
    if state.target is not None:  # it was killed
        _write(workspace, resource, metrics, state)
        resource, state = _keep(workspace, resource, State(state.until, state.target))
    until = workspace.clock.now() // WINDOW * WINDOW
    version = _version(workspace, resource.shop_key)
    if until <= state.upto or version is None:
        return Written("", 0, state.upto)
    with progress("metric attribution", total=1, unit="files") as tick:
        resource, state = _keep(workspace, resource, State(state.upto, state.version, until, version))
        written = _write(workspace, resource, metrics, state)
        _keep(workspace, resource, State(until, version))
        tick(1)
    return written


def write_imported_metrics(workspace: Workspace, resource: Resource, job: str, version: int) -> Written:
    """The metrics of the events that an import brought: one file of its own, none where nothing counted.

    `version` is the one of the interactions table that the import made. Safe to run again. Raises `InputError` for a
    metric that cannot be computed.
    """
    metrics = [Metric.parse(each) for each in resource.document.get("metrics", ())]
    shop = resource.shop_key
    totals, _ = _Events(workspace, shop, metrics, Sources.of(workspace, shop)).imported(version)
    return _put(workspace, resource, metrics, totals, f"import-{job}", 0)


def _state(resource: Resource) -> State:
    kept = resource.document.get(STATE)
    return msgspec.convert(kept, State) if kept else State(resource.created // WINDOW * WINDOW)


def _keep(workspace: Workspace, resource: Resource, state: State) -> tuple[Resource, State]:
    now = workspace.resources.get(resource.account, resource.kind, resource.id)
    return workspace.resources.change(now, document={STATE: msgspec.to_builtins(state)}), state


def _version(workspace: Workspace, shop: ShopKey) -> int | None:
    if not workspace.lake.exists(shop, "interactions"):
        return None
    return int(workspace.lake.open(shop, "interactions").version())


def _write(workspace: Workspace, resource: Resource, metrics: Sequence[Metric], state: State) -> Written:
    shop = resource.shop_key
    events = _Events(workspace, shop, metrics, Sources.of(workspace, shop))
    totals, _ = events.totals(state.upto, state.until, state.target)
    for key, value in _late(events, state, resource.created // WINDOW * WINDOW):
        totals[key] = value
    return _put(workspace, resource, metrics, totals, str(state.until // SECOND), state.until)


def _put(
    workspace: Workspace,
    resource: Resource,
    metrics: Sequence[Metric],
    totals: Mapping[Key, float],
    name: str,
    upto: int,
) -> Written:
    path = ((resource.document.get("metricsOutputConfig") or {}).get("s3DataDestination") or {}).get("path")
    if not totals or not path:
        return Written("", 0, upto)
    target = Location.parse(str(path)) / f"AggregatedAttributionMetrics-{resource.id}-{name}.csv"
    stored = open_objects(workspace.settings, resource.account.account).write(target, [_csv(metrics, totals)])
    return Written(str(stored.location), len(totals), upto)


def _late(events: _Events, state: State, born: int) -> Iterator[tuple[Key, float]]:
    """What came since the last run for windows that were written before."""
    first = max(born, state.upto - LATE)
    if state.version is None or state.version == state.target:
        return
    try:
        before, known = events.totals(first, state.upto, state.version)
    except StateError:  # the version was erased: what it held can no longer be told from what came since
        return
    now, counts = events.totals(first, state.upto, state.target)
    for key, count in counts.items():
        if count > known[key]:
            yield key, now[key] - before.get(key, 0.0)


def _csv(metrics: Sequence[Metric], totals: Mapping[Key, float]) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(HEADER)
    for (window, place, source), value in sorted(totals.items()):
        metric = metrics[place]
        rows.writerow([metric.name, metric.event_type, value, metric.function, source, window // SECOND])
    return out.getvalue().encode()


class _Events:
    """Events of a shop, added up."""

    def __init__(self, workspace: Workspace, shop: ShopKey, metrics: Sequence[Metric], sources: Sources) -> None:
        self._lake, self._shop, self._metrics, self._sources = workspace.lake, shop, metrics, sources
        self._prices: dict[str, tuple[pa.Array, pa.Array]] = {}

    def totals(self, start: int, stop: int, version: int | None) -> tuple[dict[Key, float], Counter[Key]]:
        """(value, events) of each window, metric and source, of streamed events from `start` to before `stop`.

        Raises `StateError` where the version of the table cannot be read, `InputError` for a column that is not there.
        """
        table = self._lake.open(self._shop, "interactions", version).to_pyarrow_dataset()
        if INGESTION not in table.schema.names:  # nothing was ever streamed
            return {}, Counter()
        wanted = (pc.field(INGESTION) == PUT) & (pc.field(TIMESTAMP) >= start) & (pc.field(TIMESTAMP) < stop)
        return self._added_up(table, wanted)

    def imported(self, version: int) -> tuple[dict[Key, float], Counter[Key]]:
        """The same of the events that this version of the table brought by import. Raises as `totals`."""
        files = set(self._lake.files(self._shop, "interactions", version))
        if version:
            files -= set(self._lake.files(self._shop, "interactions", version - 1))
        if not files:
            return {}, Counter()
        table = dataset(sorted(files), format="parquet")
        streamed = pc.field(INGESTION) == PUT if INGESTION in table.schema.names else pc.scalar(False)
        return self._added_up(table, ~pc.coalesce(streamed, pc.scalar(False)))

    def _added_up(self, table: Dataset, wanted: pc.Expression) -> tuple[dict[Key, float], Counter[Key]]:
        names = set(table.schema.names)
        if EVENT_TYPE not in names:
            return {}, Counter()
        summed = {metric.column for metric in self._metrics if metric.table == "interactions"}
        if missing := sorted(summed - names):
            raise InputError(f"The Interactions dataset has no column {missing[0].upper()} to be summed.")
        columns = [*{EVENT_TYPE, TIMESTAMP, ITEM_ID, *summed, *({RECOMMENDATION, SOURCE} & names)}]
        totals: dict[Key, float] = {}
        counts: Counter[Key] = Counter()
        for batch in table.to_batches(columns=columns, filter=wanted):
            for key, value, count in self._of_batch(pa.table(batch) if batch.num_rows else None):
                totals[key] = totals.get(key, 0.0) + value
                counts[key] += count
        return totals, counts

    def _of_batch(self, events: pa.Table | None) -> Iterator[tuple[Key, float, int]]:
        if events is None:
            return
        types = pc.utf8_lower(events[EVENT_TYPE])
        events = events.append_column("window", pc.multiply(pc.divide(events[TIMESTAMP], WINDOW), WINDOW))
        events = events.append_column("source", self._sources.of_events(events))
        for place, metric in enumerate(self._metrics):
            mine = events.filter(pc.fill_null(pc.equal(types, metric.event_type.lower()), False))
            if not mine.num_rows:
                continue
            mine = mine.append_column("value", self._values(mine, metric))
            sums = mine.group_by(["window", "source"]).aggregate([("value", "sum"), ("value", "count")])
            for row in sums.to_pylist():
                yield (row["window"], place, row["source"]), float(row["value_sum"]), int(row["value_count"])

    def _values(self, events: pa.Table, metric: Metric) -> pa.Array:
        """float64 of each event: 1 where events are counted, 0 where the value is missing."""
        if not metric.column:
            return pa.repeat(1.0, events.num_rows)
        if metric.table == "interactions":
            values = events[metric.column]
        else:
            ids, held = self._item_column(metric.column)
            values = held.take(pc.index_in(events[ITEM_ID], value_set=ids))
        if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
            raise InputError(f"The column {metric.column.upper()} of metric {metric.name} holds no numbers.")
        return pc.fill_null(values.cast(pa.float64()), 0.0)

    def _item_column(self, column: str) -> tuple[pa.Array, pa.Array]:
        """(ids, values) of the items as they are now."""
        if column not in self._prices:
            if not self._lake.exists(self._shop, "items"):
                raise InputError(f"There is no Items dataset whose {column.upper()} could be summed.")
            table = self._lake.read(self._shop, "items", columns=[ITEM_ID, column])
            self._prices[column] = table[ITEM_ID].combine_chunks(), table[column].combine_chunks()
        return self._prices[column]
