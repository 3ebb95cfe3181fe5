"""What operators ask: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from endcap.api.callers import NOBODY
from endcap.api.door import Exchange, Route
from endcap.api.metrics import Metrics
from endcap.api.wire import Refusal, Reply
from endcap.serving.decisions import Decisions
from endcap.serving.watch import Watch


class Health:
    """Rows that answer without a campaign."""

    def __init__(
        self, watch: Watch, metrics: Metrics, decisions: Decisions, *, draining: Callable[[], bool], owner: str
    ) -> None:
        """`owner` is the account that the server belongs to."""
        self._owner = owner
        self._watch, self._metrics, self._decisions, self._draining = watch, metrics, decisions, draining

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
        """200 once models are loaded; 503 before and while stopping. A stale campaign is told, and still served.

        Off loopback only the word is told: names are not for everyone.
        """
        status = self._watch.status
        ok = status.ready and not self._draining()
        word = "stopping" if self._draining() else "ready" if ok else "loading"
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
        }
        return Reply(200 if ok else 503, msgspec.json.encode(body))

    async def metrics(self, exchange: Exchange) -> Reply:
        """Prometheus' text format. It names everyone's campaigns: off loopback it is for the server's own account."""
        if exchange.caller is not NOBODY and exchange.caller.account.account != self._owner:
            raise Refusal(403, "AccessDeniedException", f"The metrics are for keys of the account {self._owner}.")
        return Reply(200, self._metrics.text(), ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))
