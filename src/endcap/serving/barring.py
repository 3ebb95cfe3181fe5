"""What one shopper must not be shown, each with why: the answer's own bars, before its campaign's rules."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from endcap.serving.actions import unofferable
from endcap.serving.histories import hidden, purchases, seen
from endcap.serving.slate import Slate
from endcap.types import Int32


def barriers(slate: Slate) -> Iterator[tuple[str, list[Int32]]]:
    """(why, int32 ordinals in parts) of each bar that holds for a slate."""
    snapshot, request = slate.snapshot, slate.request
    is_seen_hidden = snapshot.deployment.config.exclude_seen
    if request.exclude_purchased or is_seen_hidden:
        yield "bought", purchases(slate)
    if is_seen_hidden:
        yield "seen", seen(slate)
    if snapshot.hides:
        yield "done", hidden(slate)
    if snapshot.is_about_actions:
        yield "not-offered", unofferable(slate)
    if slate.current >= 0:
        yield "looked-at", [np.array([slate.current], np.int32)]
