"""What operators and newcomers ask: is it alive, is it ready, how is it doing, what is served here."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import msgspec

from endcap.api.door import Exchange, Route
from endcap.api.metrics import Metrics
from endcap.api.wire import Reply
from endcap.serving.snapshot import Snapshot
from endcap.serving.watch import Watch

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Endcap</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}}
pre{{background:#f3f3f3;padding:.75rem;overflow:auto}}</style>
<h1>Endcap</h1><p>The open recommendation engine for online shops. It answers Amazon Personalize's clients.</p>
{body}
<p><a href="/metrics">metrics</a> · <a href="/readyz">readiness</a></p></html>"""


class Health:
    """Rows that answer without a campaign."""

    def __init__(self, watch: Watch, metrics: Metrics, draining: Callable[[], bool]) -> None:
        self._watch, self._metrics, self._draining = watch, metrics, draining

    def routes(self) -> tuple[Route, ...]:
        """Their rows of the table."""
        return (
            Route("GET", "/", self.index, public=True),
            Route("GET", "/healthz", self.alive, public=True, guarded=False),
            Route("GET", "/readyz", self.ready, public=True, guarded=False),
            Route("GET", "/metrics", self.metrics, public=True, guarded=False),
        )

    async def alive(self, exchange: Exchange) -> Reply:
        """200 while the process can answer at all."""
        return Reply(200, b'{"status":"ok"}')

    async def ready(self, exchange: Exchange) -> Reply:
        """200 once models are loaded; 503 before and while stopping. A stale campaign is told, and still served."""
        status = self._watch.status
        ok = status.ready and not self._draining()
        campaigns = {
            arn: {"generation": snapshot.generation, "versions": sorted(snapshot.models)}
            for arn, snapshot in self._watch.snapshots.items()
        }
        failures = {
            arn: {"generation": failure.generation, "message": failure.message}
            for arn, failure in status.failures.items()
        }
        word = "stopping" if self._draining() else "ready" if ok else "loading"
        body = {"status": word, "campaigns": campaigns, "failures": failures, "registry": status.error or "ok"}
        return Reply(200 if ok else 503, msgspec.json.encode(body))

    async def metrics(self, exchange: Exchange) -> Reply:
        """Prometheus' text format."""
        return Reply(200, self._metrics.text(), ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))

    async def index(self, exchange: Exchange) -> Reply:
        """What is served here, as JSON or, to a browser, as a page."""
        endpoint = f"http://{exchange.header(b'host').decode('ascii', 'replace') or '127.0.0.1'}"
        campaigns = [_described(snapshot) for snapshot in self._watch.snapshots.values()]
        if b"text/html" not in exchange.header(b"accept"):
            return Reply(200, msgspec.json.encode({"name": "Endcap", "endpoint": endpoint, "campaigns": campaigns}))
        body = "".join(_section(endpoint, campaign) for campaign in campaigns) or "<p>No campaign is served yet.</p>"
        policy = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
        return Reply(200, _PAGE.format(body=body).encode(), ((b"content-type", b"text/html; charset=utf-8"), policy))


def _described(snapshot: Snapshot) -> dict[str, Any]:
    users = snapshot.state.histories.users
    deployment = snapshot.deployment
    return {
        "name": deployment.campaign,
        "arn": deployment.arn,
        "shop": deployment.shop.group,
        "generation": deployment.generation,
        "variants": [
            {
                "name": variant.name,
                "version": variant.version_id,
                "weight": variant.weight,
                "recipe": snapshot.models[variant.version_id].recipe_name,
            }
            for variant in deployment.variants
        ],
        "sampleUser": users.name(0) if len(users) else None,
    }


def _section(endpoint: str, campaign: dict[str, Any]) -> str:
    ask = msgspec.json.encode({"campaignArn": campaign["arn"], "userId": campaign["sampleUser"] or "1"}).decode()
    ask = ask.replace("'", "'\\''")
    line = f"curl -s {endpoint}/recommendations -H 'content-type: application/json' \\\n  -d '{ask}'"
    recipes = ", ".join(f"{each['recipe']} {each['version']} ({each['weight']} %)" for each in campaign["variants"])
    return (
        f"<h2>{escape(campaign['name'])}</h2><p>Shop {escape(campaign['shop'])}, generation {campaign['generation']}: "
        f"{escape(recipes)}.</p><pre>{escape(line)}</pre>"
    )
