"""What comes from outside, into the log: answered when it is durable, or refused in words that clients try again on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from endcap.api.wire import Refusal
from endcap.errors import ResourceError, UnavailableError
from endcap.storage.log import Log, Record


async def acknowledged(log: Log, records: Sequence[Record]) -> None:
    """Return when these survive a power cut and were folded here.

    Raises `Refusal` (429, throttled) where a shared log is away and this machine can take no more in its place;
    `ResourceError` where the disk of the process's own log refuses. Sent again, nothing is taken twice.
    """
    try:
        await asyncio.wrap_future(log.submit(records))
    except (ResourceError, UnavailableError) as error:
        if isinstance(error, ResourceError) and not log.away:
            raise
        after = ((b"retry-after", b"1"),)
        message = f"Rate exceeded: the event log is away and no more can be kept here ({error.message}) Try again."
        raise Refusal(429, "ThrottlingException", message, after) from None
