"""Metric attribution: every window once, late events too, sums as done by hand, sources from recommendation ids."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from endcap.errors import InputError
from endcap.jobs.attribution import HEADER, STATE, WINDOW, Metric, write_imported_metrics, write_metric_attribution
from endcap.jobs.attribution_sources import UNDEFINED
from endcap.registry.resources import Resource
from endcap.seams import FrozenClock, rng
from endcap.serving import recommendation_id
from endcap.types import MINUTE, SECOND, Micros
from jobs_shop import SmallShop

NOW = 1_750_000_500_000_000
METRICS = [
    {"eventType": "Purchase", "metricName": "revenue", "expression": "SUM(Items.PRICE)"},
    {"eventType": "Purchase", "metricName": "value", "expression": "sum( Interactions.EVENT_VALUE )"},
    {"eventType": "click", "metricName": "clicks", "expression": "SAMPLECOUNT()"},
]


@dataclass(frozen=True)
class Happened:
    time: int
    kind: str
    item: str
    value: float | None
    recommendation: str | None = None
    source: str | None = None


class Attributed(SmallShop):
    """A shop with a metric attribution whose clock can be turned."""

    def __post_init__(self) -> None:
        self.clock = self.frozen = FrozenClock(Micros(NOW))
        super().__post_init__()
        self.streams = 0

    def attribution(self, metrics: Sequence[dict[str, str]] = METRICS) -> Resource:
        output = {"s3DataDestination": {"path": "s3://metrics/out/"}, "roleArn": "arn:aws:iam::000000000000:role/x"}
        document = {"name": "what-worked", "metrics": list(metrics), "metricsOutputConfig": output}
        record = Resource(self.shop.account, "metric-attribution", "what-worked", "shop", document=document)
        return self.workspace.resources.create(record)

    def attributed(self) -> Resource:
        """The attribution, made where there is none."""
        known = self.workspace.resources.list(self.shop.account, "metric-attribution")
        return known[0] if known else self.attribution()

    def stream(self, events: Sequence[Happened], ingestion: str | None = "PUT", mode: Any = "INCREMENTAL") -> None:
        columns = {
            "user_id": ["u1"] * len(events),
            "item_id": [each.item for each in events],
            "timestamp": pa.array([each.time for each in events], pa.int64()),
            "event_type": [each.kind for each in events],
            "event_value": pa.array([each.value for each in events], pa.float64()),
            "recommendation_id": pa.array([each.recommendation for each in events], pa.string()),
            "event_attribution_source": pa.array([each.source for each in events], pa.string()),
            "ingestion": pa.array([ingestion] * len(events), pa.string()),
        }
        table, lake = pa.table(columns), self.workspace.lake
        self.streams += 1
        job = f"stream-{self.streams}"
        lake.commit(self.shop, "interactions", table, schema=table.schema, mode=mode, job=job)

    def write(self) -> str:
        record = self.workspace.resources.get(self.shop.account, "metric-attribution", "what-worked")
        return write_metric_attribution(self.workspace, record).location

    def told(self) -> Counter[tuple[str, ...]]:
        """All files together: {(metric, event type, function, source, window): value}."""
        found: Counter[tuple[str, ...]] = Counter()
        for path in sorted(self.place("s3://metrics/out").glob("*.csv")):
            header, *rows = csv.reader(path.read_text().splitlines())
            assert tuple(header) == HEADER
            for name, kind, value, function, source, window in rows:
                found[name, kind, function, source, window] += float(value)  # type: ignore[assignment]
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Attributed:
    return Attributed(tmp_path)


def by_hand(events: Sequence[Happened], named: dict[str, str]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for each in events:
        window = str(each.time // WINDOW * WINDOW // SECOND)
        source = named.get(each.recommendation or "") or each.source or UNDEFINED
        if each.kind.lower() == "purchase":
            price = 1.5 * int(each.item[1:]) if int(each.item[1:]) < 40 else 0.0
            found["revenue", "Purchase", "sum", source, window] += price  # type: ignore[assignment]
            found["value", "Purchase", "sum", source, window] += each.value or 0.0  # type: ignore[assignment]
        if each.kind == "click":
            found["clicks", "click", "samplecount", source, window] += 1
    return found


def some_events(named: dict[str, str], start: int, stop: int, count: int, seed: int) -> list[Happened]:
    random, found = rng(seed), []
    for _ in range(count):
        time = start + int(random.integers(0, (stop - start) // SECOND)) * SECOND
        kind = ("Purchase", "click", "purchase", "view")[random.integers(4)]
        value = None if random.random() < 0.2 else float(random.integers(1, 50)) / 4
        shown = (*named, "RID-of somebody else", None)[random.integers(len(named) + 2)]
        source = (None, "", "newsletter")[random.integers(3)]
        found.append(Happened(time, kind, f"i{random.integers(45)}", value, shown, source))
    return found


def test_the_sums_are_those_done_by_hand(shop: Attributed) -> None:
    arns = {}
    for name, kind in (("front", "campaign"), ("for-you", "recommender")):
        version = shop.train("popularity")
        deployment = shop.workspace.campaigns.deploy(shop.shop, name, version, kind=kind)
        identity = recommendation_id.make(version.id, deployment.generation, 0, "popular", "0123456789abcdef")
        arns[identity] = deployment.arn
    shop.attribution()
    events = some_events(arns, NOW, NOW + 40 * MINUTE, 300, 1)
    shop.stream(events)
    shop.stream([Happened(NOW, "Purchase", "i3", 1000.0)], ingestion=None)  # imported, so not an effect of answers
    assert shop.write() == "" and not shop.told()  # no window has ended
    shop.frozen.at = Micros(NOW + 20 * MINUTE)
    first = shop.write()
    shop.frozen.at = Micros(NOW + 55 * MINUTE)
    assert shop.write() not in ("", first) and shop.write() == ""
    expected = by_hand(events, arns)
    assert shop.told() == expected and {key[3] for key in expected} == {*arns.values(), "newsletter", UNDEFINED}


def test_late_events_are_told_once_and_for_their_own_window(shop: Attributed) -> None:
    shop.attribution()
    events = some_events({}, NOW, NOW + 15 * MINUTE, 40, 2)
    shop.stream(events)
    for step in range(1, 5):
        shop.frozen.at = Micros(NOW + step * 16 * MINUTE)
        shop.write()
        late = some_events({}, NOW, NOW + step * 16 * MINUTE, 15, 10 + step)
        shop.stream(late)
        events += late
    shop.frozen.at = Micros(NOW + 5 * 16 * MINUTE)
    assert shop.write() and shop.told() == by_hand(events, {})


@pytest.mark.parametrize("stored", [False, True], ids=["before the file", "after the file"])
def test_a_killed_run_is_repeated_under_the_same_name(shop: Attributed, stored: bool) -> None:
    shop.attribution()
    events = some_events({}, NOW, NOW + 15 * MINUTE, 60, 3)
    shop.stream(events)
    shop.frozen.at = Micros(NOW + 30 * MINUTE)
    if stored:
        shop.write()
    record = shop.workspace.resources.get(shop.shop.account, "metric-attribution", "what-worked")
    version = shop.workspace.lake.open(shop.shop, "interactions").version()
    begun = {"upto": NOW // WINDOW * WINDOW, "until": shop.frozen.at // WINDOW * WINDOW, "target": version}
    shop.workspace.resources.change(record, document={STATE: begun})
    shop.stream(more := some_events({}, NOW, NOW + 40 * MINUTE, 20, 4))
    shop.frozen.at = Micros(NOW + 60 * MINUTE)
    shop.write()
    assert shop.told() == by_hand(events + more, {})


def test_two_campaigns_of_one_version_are_told_apart_by_the_logged_answer(shop: Attributed) -> None:
    version, ids = shop.train("popularity"), {}
    for name, token in (("one", "a" * 16), ("two", "b" * 16)):
        deployment = shop.workspace.campaigns.deploy(shop.shop, name, version)
        ids[recommendation_id.make(version.id, deployment.generation, 0, "popular", token)] = deployment.arn
    table = pa.table({"recommendation_id": list(ids), "target": list(ids.values())})
    (shop.workspace.lake.directory(shop.shop)).mkdir(parents=True, exist_ok=True)
    import deltalake  # noqa: PLC0415 - a table as the sink makes it, with two of its columns

    deltalake.write_deltalake(str(shop.workspace.lake.directory(shop.shop) / "decisions"), table)
    shop.attribution()
    events = [Happened(NOW + step, "click", "i1", None, identity) for identity in ids for step in range(3)]
    shop.stream(events)
    shop.frozen.at = Micros(NOW + 30 * MINUTE)
    shop.write()
    assert shop.told() == by_hand(events, ids)


def test_metrics_that_cannot_be_computed_say_why(shop: Attributed) -> None:
    for wrong in ("AVG(Items.PRICE)", "SUM(Users.AGE)", "SAMPLECOUNT(x)", "SUM(Items.PRICE) + 1", ""):
        with pytest.raises(InputError, match="cannot be computed"):
            Metric.parse({"eventType": "x", "metricName": "m", "expression": wrong})
    shop.stream([Happened(NOW, "Purchase", "i1", 1.0)])
    for expression, match in (("SUM(Interactions.NOPE)", "no column NOPE"), ("SUM(Items.GENRES)", "holds no numbers")):
        shop.frozen.at = Micros(NOW)
        record = shop.attribution([{"eventType": "Purchase", "metricName": "m", "expression": expression}])
        shop.frozen.at = Micros(NOW + 30 * MINUTE)
        with pytest.raises(InputError, match=match):
            shop.write()
        shop.workspace.resources.delete(record)


@pytest.mark.parametrize("mode", ["INCREMENTAL", "FULL"])
def test_an_import_s_metrics_are_of_its_own_events(shop: Attributed, mode: str) -> None:
    """Not of what was there before, nor of what was streamed: that is written window by window."""
    start = NOW - 40 * WINDOW
    shop.stream(some_events({}, start, NOW, 50, 1), ingestion=None)
    shop.stream(some_events({}, start, NOW, 50, 2))
    events = some_events({}, start, NOW, 80, 3)
    shop.stream(events, ingestion=None, mode=mode)
    version = shop.workspace.lake.snapshot(shop.shop).at("interactions")
    assert version is not None
    for _ in range(2):
        written = write_imported_metrics(shop.workspace, shop.attributed(), "july", version)
        assert written.location == "s3://metrics/out/AggregatedAttributionMetrics-what-worked-import-july.csv"
    assert shop.told() == by_hand(events, {})
