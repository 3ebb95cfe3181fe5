"""What is at `/`: for a program what is served here, for a browser the way to the storefront."""

from __future__ import annotations

import asyncio

import msgspec

from endcap.api.callers import NOBODY
from endcap.api.door import Exchange, Route
from endcap.api.wire import JSON_HEADERS, Reply
from endcap.serving.snapshot import Snapshot
from endcap.serving.watch import Watch


class Front:
    """`GET /`."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def routes(self) -> tuple[Route, ...]:
        """Its row of the table."""
        return (Route("GET", "/", self.index, local=True, access="read"),)

    async def index(self, exchange: Exchange) -> Reply:
        """What is served here, as JSON; browsers are sent to the storefront."""
        if b"text/html" in exchange.header(b"accept"):
            return Reply(303, b"{}", (*JSON_HEADERS, (b"location", b"/shop")))
        endpoint = f"http://{exchange.header(b'host').decode('ascii', 'replace') or '127.0.0.1'}"
        mine, is_open = exchange.caller.account, exchange.caller is NOBODY  # whoever sits at this machine sees all
        served = self._watch.snapshots.values()
        snapshots = [each for each in served if is_open or each.deployment.shop.account == mine]
        campaigns = await asyncio.to_thread(lambda: [described(snapshot) for snapshot in snapshots])
        return Reply(200, msgspec.json.encode({"name": "Endcap", "endpoint": endpoint, "campaigns": campaigns}))


def described(snapshot: Snapshot) -> dict[str, object]:
    """A campaign as JSON-able data."""
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
        "sampleUser": snapshot.state.busy_shopper,
    }
