"""What Prometheus reads at /metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

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

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Served(Collector):
    """What is loaded, read from the watcher when asked."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        generation = GaugeMetricFamily("endcap_campaign_generation", "Generation that serves.", labels=("campaign",))
        weight = GaugeMetricFamily(
            "endcap_variant_weight", "Per cent of shoppers.", labels=("campaign", "variant", "version", "recipe")
        )
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
        return [generation, weight, swaps, failed, stale, away]


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
