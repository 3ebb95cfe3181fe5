"""Offers of actions with known truth: who would take which, so that a next best action can be judged.

What a shopper takes depends on what kind of person they are (a persona, of which age, gender and membership tell
something), on the part of the day, and on a will of their own. A log of offers made at random, or mostly of what is
taken most with a share of chance, says what became of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from endcap.seams import rng
from endcap.types import DAY, HOUR, Float64, Int32

START = 1_756_684_800_000_000
"""2025-09-01, midnight UTC."""
PARTS = 4
"""Parts of a day of six hours each."""
MEMBERSHIPS = ("none", "silver", "gold")
TRUE_TO_TYPE = 0.7
"""Share of shoppers whose membership is their persona's usual one."""


@dataclass(frozen=True)
class Offers:
    """`log` has user_id, item_id (the action), event_type (TAKEN, NOT_TAKEN), timestamp (int64 µs), propensity (of the
    policy that offered it); `users` user_id, age, gender, membership. `logits` float64 [users, actions] and `by_part`
    float64 [actions, PARTS] are the truth: see `rates`."""

    log: pa.Table
    users: pa.Table
    actions: tuple[str, ...]
    persona: Int32
    logits: Float64
    by_part: Float64
    end: int

    def rates(self, now: int) -> Float64:
        """float64 [users, actions]: the probability that each would take each, offered at `now` (µs)."""
        part = now % DAY // (6 * HOUR)
        return np.asarray(1 / (1 + np.exp(-(self.logits + self.by_part[:, part]))), np.float64)


def make_offers(
    seed: int,
    *,
    users: int = 2000,
    actions: int = 12,
    personas: int = 4,
    each: float = 8.0,
    days: int = 40,
    explores: float = 1.0,
    will: float = 0.7,
    part_of_day: float = 0.5,
) -> Offers:
    """Offers to `users` over `days`, `each` of them on average; the same for the same seed.

    The share `explores` of the offers is drawn at random, the others are the action taken most by all. `will` is the
    standard deviation, in log-odds, of what a shopper thinks of an action beyond their persona's opinion.
    """
    draw = rng(seed)
    kind = draw.integers(0, personas, users).astype(np.int32)
    liked = draw.normal(-2.0, 0.5, actions) + draw.normal(0, 1.2, (personas, actions))
    logits = liked[kind] + draw.normal(0, 0.4, (users, 1)) + draw.normal(0, will, (users, actions))
    by_part = draw.normal(0, part_of_day, (actions, PARTS))
    count = np.maximum(draw.poisson(each, users), 1)
    owner = np.repeat(np.arange(users), count)
    time = START + draw.integers(0, days * DAY, len(owner))
    best = int((1 / (1 + np.exp(-logits))).mean(axis=0).argmax())
    by_chance = draw.random(len(owner)) < explores
    offered = np.where(by_chance, draw.integers(0, actions, len(owner)), best)
    part = time % DAY // (6 * HOUR)
    rate = 1 / (1 + np.exp(-(logits[owner, offered] + by_part[offered, part])))
    taken = draw.random(len(owner)) < rate
    names = tuple(f"action-{at:02d}" for at in range(actions))
    propensity = explores / actions + (1 - explores) * (offered == best)
    ids = np.array([f"shopper-{at:05d}" for at in range(users)])
    log = pa.table(
        {
            "user_id": ids[owner],
            "item_id": np.array(names)[offered],
            "event_type": np.where(taken, "TAKEN", "NOT_TAKEN"),
            "timestamp": pa.array(time.astype(np.int64)),
            "propensity": propensity,
        }
    )
    about = {"user_id": ids, **_profiles(draw, kind)}
    return Offers(log, pa.table(about), names, kind, logits, by_part, START + days * DAY)


def _profiles(draw: np.random.Generator, kind: Int32) -> dict[str, np.ndarray]:
    """Age, gender and membership, which tell something of the persona, not all."""
    users = len(kind)
    own = draw.random(users) < TRUE_TO_TYPE
    membership = np.where(own, kind % len(MEMBERSHIPS), draw.integers(0, len(MEMBERSHIPS), users))
    return {
        "age": np.clip(draw.normal(25 + 12 * kind, 8), 18, 80).astype(np.int64),
        "gender": np.where(draw.random(users) < 0.4 + 0.2 * (kind % 2), "F", "M"),
        "membership": np.array(MEMBERSHIPS)[membership],
    }
