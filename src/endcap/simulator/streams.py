"""Random streams of one seed: each purpose and each block has its own, so that nothing depends on the order of work."""

from __future__ import annotations

import numpy as np

from endcap.seams import rng

CATALOGUE, POPULATION, SESSIONS, STAPLES, BROWSING, AFTERMATH, CROWD = range(7)
"""Purposes."""


def stream(seed: int, *place: int) -> np.random.Generator:
    """The stream of a purpose and, where there are several, a block."""
    state = np.random.SeedSequence((seed, *place)).generate_state(1, np.uint64)
    return rng(int(state[0]))
