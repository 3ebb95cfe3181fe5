"""Who is served when there is more to do than time: each campaign's guaranteed rate (`minProvisionedTPS`).

The service scales above the guaranteed rate by itself, and so does a server that has time left: nothing is refused
then. Once requests queue up, a campaign is let in as long as its token bucket lasts, and refused above.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from endcap.api.wire import Refusal

BURST_SECONDS = 2.0
"""How many seconds' worth of its rate a campaign may ask for at once."""
BUSY = 64
"""So many requests that wait for an answer mean that there is no time left."""


class Admission:
    """One bucket for each campaign; belongs to the event loop."""

    def __init__(self, waiting: Callable[[], int], *, tick: Callable[[], float] = time.monotonic) -> None:
        self._waiting, self._tick = waiting, tick
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, arn: str, rate: int) -> None:
        """Take a token. Raises `Refusal` (429) where there is none and the server is busy."""
        now = self._tick()
        most = rate * BURST_SECONDS
        tokens, since = self._buckets.get(arn, (most, now))
        tokens = min(most, tokens + (now - since) * rate)
        if tokens < 1 and self._waiting() >= BUSY:
            self._buckets[arn] = (tokens, now)
            after = ((b"retry-after", b"1"),)
            message = f"Rate exceeded: the server is busy, and {arn} is guaranteed {rate} requests per second."
            raise Refusal(429, "ThrottlingException", message, after)
        self._buckets[arn] = (max(tokens - 1, 0.0), now)
