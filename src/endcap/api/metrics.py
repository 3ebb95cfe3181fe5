"""What Prometheus reads at /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from endcap.api.tail import Tail
from endcap.serving.decisions import Decisions
from endcap.serving.watch import Watch

LATENCIES = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
BATCHES = (1, 2, 4, 8, 16)


class Metrics:
    """Counters of one server process."""

    def __init__(self, watch: Watch) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("endcap_requests", "Requests answered.", ("route", "status"), registry=self._registry)
        self._latency = Histogram(
            "endcap_request_seconds", "Time inside the server.", ("route",), buckets=LATENCIES, registry=self._registry
        )
        self._rungs = Counter(
            "endcap_answers",
            "Answers by campaign and the rung of the ladder they came from.",
            ("campaign", "rung"),
            registry=self._registry,
        )
        self._batches = Histogram(
            "endcap_batch_size", "Requests answered by one pass over a model.", buckets=BATCHES, registry=self._registry
        )
        self._throttled = Counter(
            "endcap_throttled", "Requests above a campaign's rate while busy.", ("campaign",), registry=self._registry
        )
        self._events = Counter("endcap_events", "Records taken from outside.", ("kind",), registry=self._registry)
        # Looking a child up by its labels costs more than counting it.
        self._bound: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._bound_rungs: dict[tuple[str, str], Counter] = {}
        self._registry.register(_Served(watch))

    def observe(self, route: str, status: int, seconds: float) -> None:
        """One request answered."""
        bound = self._bound.get((route, status))
        if bound is None:
            bound = self._requests.labels(route, status), self._latency.labels(route)
            self._bound[route, status] = bound
        bound[0].inc()
        bound[1].observe(seconds)

    def answered(self, campaign: str, rung: str) -> None:
        """One slate served."""
        counter = self._bound_rungs.get((campaign, rung))
        if counter is None:
            counter = self._bound_rungs[campaign, rung] = self._rungs.labels(campaign, rung)
        counter.inc()

    def batched(self, size: int) -> None:
        """One batch answered."""
        self._batches.observe(size)

    def throttled(self, campaign: str) -> None:
        """One request refused because its campaign asked for more than it is guaranteed."""
        self._throttled.labels(campaign).inc()

    def taken(self, kind: str, count: int) -> None:
        """Events, items, users or actions that are durable now."""
        self._events.labels(kind).inc(count)

    def follow(self, decisions: Decisions) -> None:
        """Show how writing answers down goes."""
        self._registry.register(_Written(decisions))

    def follow_log(self, tail: Tail, stale: Callable[[], int]) -> None:
        """Show how the log does; `stale` counts answers made without knowing what others had acknowledged."""
        self._registry.register(_Tailed(tail, stale))

    def follow_live(self, refused: Callable[[], Mapping[str, int]]) -> None:
        """Show how many numbers beside live events could be none, by column."""
        self._registry.register(_Refused(refused))

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Every number, by name and sorted labels."""
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): float(sample.value)
            for metric in self._registry.collect()
            for sample in metric.samples
        }

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


def gathered(texts: Mapping[str, bytes]) -> bytes:
    """The texts of several processes as one: every series with the label `worker`, families together."""
    heads: dict[str, list[str]] = {}
    series: dict[str, list[str]] = {}
    for worker, text in texts.items():
        family = ""
        for line in text.decode().splitlines():
            if line.startswith("# "):
                family = line.split(" ", 3)[2]
                if line not in heads.setdefault(family, []):
                    heads[family].append(line)
                continue
            name, brace, rest = line.partition("{")
            label = f'worker="{worker}"'
            if not brace:
                name, _, value = line.partition(" ")
                rest = f"}} {value}"
            comma = "" if rest.startswith("}") else ","
            series.setdefault(family, []).append(f"{name}{{{label}{comma}{rest}")
    lines = [line for family, head in heads.items() for line in (*head, *series.get(family, ()))]
    return ("\n".join(lines) + "\n").encode()


class _Served(Collector):
    """What is loaded, read from the watcher when asked."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        generation = GaugeMetricFamily("endcap_campaign_generation", "Generation that serves.", labels=("campaign",))
        weight = GaugeMetricFamily(
            "endcap_variant_weight", "Per cent of shoppers.", labels=("campaign", "variant", "version", "recipe")
        )
        recall = GaugeMetricFamily(
            "endcap_index_recall", "Share of the best that a version's index finds.", labels=("version",)
        )
        indexed = {
            name: model.index.recall
            for snapshot in self._watch.snapshots.values()
            for name, model in snapshot.models.items()
            if model.index is not None
        }
        for version, share in indexed.items():
            recall.add_metric((version,), share)
        for arn, snapshot in self._watch.snapshots.items():
            generation.add_metric((arn,), snapshot.generation)
            for variant in snapshot.deployment.variants:
                recipe = snapshot.models[variant.version_id].recipe_name
                weight.add_metric((arn, variant.name, variant.version_id, recipe), variant.weight)
        status = self._watch.status
        swaps = CounterMetricFamily("endcap_swaps", "Generations swapped in.", status.swaps)
        failed = CounterMetricFamily(
            "endcap_swap_failures", "Generations that could not be loaded.", status.failed_swaps
        )
        stale = GaugeMetricFamily("endcap_stale_campaigns", "Campaigns whose newest generation failed to load.")
        stale.add_metric((), len(status.failures))
        away = GaugeMetricFamily("endcap_registry_away", "1 while the metadata database does not answer.")
        away.add_metric((), float(bool(status.error)))
        return [generation, weight, recall, swaps, failed, stale, away]


class _Written(Collector):
    """What became of the answers' records."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    def collect(self) -> Iterable[Metric]:
        held = self._decisions
        waiting = GaugeMetricFamily("endcap_decisions_waiting", "Answers that are not written down yet.")
        waiting.add_metric((), held.waiting)
        return [
            CounterMetricFamily("endcap_decisions", "Answers written down.", held.noted),
            CounterMetricFamily("endcap_decisions_dropped", "Answers not written down: too many waited.", held.dropped),
            CounterMetricFamily("endcap_decisions_failed", "Answers not written down: the log refused.", held.failed),
            waiting,
        ]


class _Tailed(Collector):
    """How the log does, as this process saw it last."""

    def __init__(self, tail: Tail, stale: Callable[[], int]) -> None:
        self._tail, self._stale = tail, stale

    def collect(self) -> Iterable[Metric]:
        tail, seen = self._tail, self._tail.seen()
        ends = GaugeMetricFamily("endcap_log_end", "Newest offset of the log.", labels=("partition",))
        lag = GaugeMetricFamily("endcap_log_lag", "Records that this process has not folded.", labels=("partition",))
        sink = GaugeMetricFamily("endcap_log_sink_lag", "Records that are not in the lake.", labels=("partition",))
        for partition, end in enumerate(seen.ends):
            told = seen.told[partition] if partition < len(seen.told) else 0
            ends.add_metric((str(partition),), end)
            lag.add_metric((str(partition),), max(0, end - told))
            sink.add_metric((str(partition),), max(0, end - seen.sunk.get(partition, 0)))
        single = (
            ("endcap_log_rate", "Records a second that the log took lately.", seen.rate),
            ("endcap_log_away", "1 while the shared log cannot be reached.", float(bool(tail.away))),
            ("endcap_log_durable", "1 where the log flushes before it acknowledges.", tail.durability == "always"),
            ("endcap_log_spooled", "Records that wait here for a log that is away.", tail.spooled),
            ("endcap_log_poison", "Records that could not be folded and are not set aside yet.", tail.poisoned),
        )
        gauges = [GaugeMetricFamily(name, text, value=float(value)) for name, text, value in single]
        stale = CounterMetricFamily(
            "endcap_stale_answers", "Answers that may miss what others acknowledged.", self._stale()
        )
        return [ends, lag, sink, *gauges, stale]


class _Refused(Collector):
    """What live events said that could not be."""

    def __init__(self, refused: Callable[[], Mapping[str, int]]) -> None:
        self._refused = refused

    def collect(self) -> Iterable[Metric]:
        found = GaugeMetricFamily(
            "endcap_refused_numbers", "Numbers beside live events that count as not told.", labels=("column",)
        )
        for column, count in sorted(self._refused().items()):
            found.add_metric((column,), count)
        return [found]
