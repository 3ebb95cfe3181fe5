"""What operators ask: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from endcap.api.callers import NOBODY
from endcap.api.door import Exchange, Route
from endcap.api.metrics import Metrics
from endcap.api.tail import Tail
from endcap.api.wire import Refusal, Reply
from endcap.serving.decisions import Decisions
from endcap.serving.watch import Watch


class Health:
    """Rows that answer without a campaign."""

    def __init__(
        self,
        watch: Watch,
        metrics: Metrics,
        decisions: Decisions,
        tail: Tail,
        *,
        draining: Callable[[], bool],
        owner: str,
        gather: Callable[[bytes], bytes] = lambda own: own,
    ) -> None:
        """`owner` is the account that the server belongs to; `gather` adds the metrics of its other processes."""
        self._owner, self._gather = owner, gather
        self._watch, self._metrics, self._decisions, self._draining = watch, metrics, decisions, draining
        self._tail = tail

    def routes(self) -> tuple[Route, ...]:
        """Their rows of the table."""
        return (
            Route("GET", "/healthz", self.alive, public=True, guarded=False),
            Route("GET", "/readyz", self.ready, public=True, guarded=False),
            Route("GET", "/metrics", self.metrics, local=True, guarded=False, access="read"),
        )

    async def alive(self, exchange: Exchange) -> Reply:
        """200 while the process can answer at all."""
        return Reply(200, b'{"status":"ok"}')

    async def ready(self, exchange: Exchange) -> Reply:
        """200 once models are loaded; 503 before and while stopping. Where a campaign cannot be loaded (it is served as
        it was before, if it was) or a shared log is away (answers are what this process knows) it says `degraded`.

        Off loopback only the word is told: names are not for everyone.
        """
        status, degraded = self._watch.status, self._degraded()
        ok = status.ready and not self._draining()
        word = "stopping" if self._draining() else "loading" if not ok else "degraded" if degraded else "ready"
        if not exchange.local:
            return Reply(200 if ok else 503, msgspec.json.encode({"status": word}))
        campaigns = {
            arn: {"generation": snapshot.generation, "versions": sorted(snapshot.models)}
            for arn, snapshot in self._watch.snapshots.items()
        }
        failures = {
            arn: {"generation": failure.generation, "message": failure.message}
            for arn, failure in status.failures.items()
        }
        written = self._decisions
        body = {
            "status": word,
            "campaigns": campaigns,
            "failures": failures,
            "registry": status.error or "ok",
            "decisions": {"waiting": written.waiting, "dropped": written.dropped, "failed": written.failed},
            "log": {"lag": self._tail.seen().lag, "spooled": self._tail.spooled, "poisoned": self._tail.poisoned},
            "degraded": degraded,
        }
        return Reply(200 if ok else 503, msgspec.json.encode(body))

    async def metrics(self, exchange: Exchange) -> Reply:
        """Prometheus' text format. It names everyone's campaigns: off loopback it is for the server's own account."""
        if exchange.caller is not NOBODY and exchange.caller.account.account != self._owner:
            raise Refusal(403, "AccessDeniedException", f"The metrics are for keys of the account {self._owner}.")
        text = self._gather(self._metrics.text())
        return Reply(200, text, ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))

    def _degraded(self) -> dict[str, str]:
        """What answers do without just now, and why."""
        found, failed = dict[str, str](), len(self._watch.status.failures)
        if failed:
            found["campaigns"] = f"{failed} cannot be loaded, or are served as they were before: see failures."
        if self._tail.behind:
            found["log"] = self._tail.behind
        elif self._tail.spooled:
            found["log"] = f"{self._tail.spooled:,} records wait here to be sent to the log."
        return found
