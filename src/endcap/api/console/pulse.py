"""How this process has been doing for the last hour: its own metrics, read every ten seconds and kept in memory."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

EVERY, KEPT = 10.0, 361
"""Seconds between two readings, and how many are kept."""
Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
OWN = ("/console", "/web", "/healthz", "/readyz", "/metrics", "/favicon")
"""Beginnings of paths that are no traffic."""
PERSONAL = ("personal", "similar", "general")
_log = logging.getLogger("endcap.api")
_COUNTED = {"endcap_answers_total": "answers", "endcap_events_total": "events", "endcap_stale_answers_total": "stale"}


@dataclass(frozen=True)
class Reading:
    """Totals since the process began; `buckets` are requests by the seconds that they took at most."""

    at: float
    totals: Mapping[str, float]
    buckets: Mapping[float, float] = field(default_factory=dict)

    @classmethod
    def of(cls, at: float, samples: Samples) -> Reading:
        """Of what the metrics say."""
        totals = dict.fromkeys(("answers", "events", "stale", "fallback"), 0.0)
        buckets: dict[float, float] = {}
        for (name, labels), value in samples.items():
            told = dict(labels)
            counted = _COUNTED.get(name)
            if counted is not None:
                totals[counted] += value
                if counted == "answers" and told.get("rung") not in PERSONAL:
                    totals["fallback"] += value
            elif told.get("route", "").startswith(OWN) or told.get("route") in ("none", "/"):
                continue
            elif name == "endcap_request_seconds_bucket":
                edge = float(told["le"])
                buckets[edge] = buckets.get(edge, 0.0) + value
        return cls(at, totals, buckets)


@dataclass(frozen=True)
class Beat:
    """What happened in the time up to `at` (seconds since 1970): rates a minute, and the seconds that half and all but
    one per cent of the requests took at most (None where there were none)."""

    at: float
    rates: Mapping[str, float]
    half: float | None
    most: float | None


class Pulse:
    """Of one process. Reads in a thread from `start` on."""

    def __init__(self, read: Callable[[], Samples], clock: Callable[[], float] = time.time) -> None:
        self._read, self._clock = read, clock
        self._held: deque[Reading] = deque(maxlen=KEPT)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Once; the thread goes with the process."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
            self._thread.start()

    def take(self) -> None:
        """One reading now."""
        self._held.append(Reading.of(self._clock(), self._read()))

    def beats(self) -> Sequence[Beat]:
        """From one reading to the next, oldest first."""
        return [_beat(before, after) for before, after in pairwise(tuple(self._held))]

    @property
    def since(self) -> float:
        """When the first reading that is kept was taken; 0 for none."""
        return self._held[0].at if self._held else 0.0

    def _run(self) -> None:
        while True:
            try:
                self.take()
            except Exception as error:  # a part that cannot be read now may be read the next time
                _log.warning("The metrics cannot be read: %s", error)
            time.sleep(EVERY)


def _beat(before: Reading, after: Reading) -> Beat:
    minutes = max(after.at - before.at, 1e-3) / 60
    rates = {name: max(after.totals[name] - before.totals[name], 0.0) / minutes for name in after.totals}
    edges = sorted(after.buckets)
    counts = [after.buckets[edge] - before.buckets.get(edge, 0.0) for edge in edges]
    return Beat(after.at, rates, quantile(edges, counts, 0.5), quantile(edges, counts, 0.99))


def quantile(edges: Sequence[float], counts: Sequence[float], share: float) -> float | None:
    """The seconds under which this share of requests stayed, by cumulative `counts` under `edges`; within a bucket
    linearly. None where there were no requests."""
    total = counts[-1] if counts else 0.0
    if total <= 0:
        return None
    low, passed = 0.0, 0.0
    for edge, count in zip(edges, counts, strict=True):
        if count >= share * total:
            if edge == float("inf"):
                return low
            return low + (edge - low) * (share * total - passed) / max(count - passed, 1e-12)
        low, passed = edge, count
    return low
