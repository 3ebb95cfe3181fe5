"""What a training of transformer blocks holds in memory, and whether blocks are to be computed twice to hold less.

Computing a block again when its gradient is wanted (Chen et al. 2016, "Training deep nets with sublinear memory cost")
gives the same model to the last digit, for a third more time.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from endcap.recipes.neural.extras import needed

OF_A_BLOCK = 93
"""Bytes that a block keeps for its gradient of each number of each step: 90 to 93 measured, of vectors of 64 to 256;
computed twice, 6 to 8."""
OF_AN_ITEM = 50
"""Bytes of each number of each item's vector: weight, gradient, two moments, average, best, and what a step makes of
them; 51 measured, with categories 56."""
LEAST_SHARE = 1 / 8
"""Below this share of all that is held, blocks are no help."""
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux tells how much memory a container may use."""


def pays(held_steps: int, blocks: int, width: int, items: int, room: float) -> bool:
    """Whether blocks are to be computed twice: a batch of so many steps (padding included) beside the vectors of so
    many items does not fit in `room` bytes, and the blocks are a good part of it."""
    of_blocks, of_items = OF_A_BLOCK * held_steps * blocks * width, OF_AN_ITEM * items * width
    return of_blocks + of_items > room and of_blocks > LEAST_SHARE * (of_blocks + of_items)


def room(device: Any) -> float:
    """Bytes that a training may take: half of the memory of the GPU, or of the machine or container; the other half is
    for the data, for logits, and for what else runs there."""
    if device.type == "cuda":
        return float(needed("torch").cuda.get_device_properties(device).total_memory) / 2
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in LIMITS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            limits.append(int(path.read_text("ascii")))
    return min(limits) / 2
