"""What comes from outside, into the log: answered when it is durable, or refused in words that clients try again on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future

from endcap.api.wire import Refusal
from endcap.errors import ResourceError, UnavailableError
from endcap.storage.log import Log, Offset, QueueFull, Record


async def acknowledged(log: Log, records: Sequence[Record]) -> tuple[Offset | None, ...]:
    """Return when these survive a power cut and were folded here: their offsets, None for each that was there before.

    Raises `Refusal` (429, throttled) where too many wait, or a shared log is away and this machine can take no more in
    its place; `ResourceError` where the disk of the process's own log refuses. Sent again, nothing is taken twice.
    """
    return await settled(log, log.submit(records))


async def settled(log: Log, submitted: Future[tuple[Offset | None, ...]]) -> tuple[Offset | None, ...]:
    """As `acknowledged`, of what was submitted already."""
    try:
        return await asyncio.wrap_future(submitted)
    except (ResourceError, UnavailableError) as error:
        if isinstance(error, ResourceError) and not isinstance(error, QueueFull) and not log.away:
            raise
        after = ((b"retry-after", b"1"),)
        message = f"Rate exceeded: the event log takes no more just now ({error.message}) Try again."
        raise Refusal(429, "ThrottlingException", message, after) from None
