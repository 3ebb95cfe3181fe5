"""Which variant a shopper gets: 100 slots of hash space, each owned by one variant.

A key always falls into the same slot of its campaign. Giving a variant more weight hands it slots of the others and
moves nothing else, so that a shopper who sees a variant keeps it while its weight grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

SLOTS = 100
"""One slot is one per cent of the shoppers."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One version's share of a campaign; `weight` is in per cent of the shoppers."""

    name: str
    version_id: str
    weight: int


def slot_of(campaign: str, key: str) -> int:
    """0 … 99, the same for ever: the generation is no part of it. `campaign` is an ARN, so that tests of different
    campaigns fall independently."""
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, person=_person(campaign)).digest()
    return int.from_bytes(digest, "big") % SLOTS


def _person(campaign: str) -> bytes:
    return blake2b(campaign.encode(), digest_size=16).digest()


def assign(owners: Sequence[str], version: str, weight: int) -> tuple[str, ...]:
    """The owner of each slot after `version` is given `weight` (1 … 100) of them.

    The others give, or get, in proportion to what they have (largest remainder, ties by first slot).
    """
    counts = {owner: list(owners).count(owner) for owner in dict.fromkeys(owners) if owner != version}
    if weight == SLOTS or not counts:
        return (version,) * SLOTS
    quotas = _shares(counts, SLOTS - weight)
    result: list[str | None] = []
    for owner in owners:
        kept = quotas.get(owner, weight)
        result.append(owner if result.count(owner) < kept else None)
    wanted = {owner: quota - result.count(owner) for owner, quota in (quotas | {version: weight}).items()}
    free = iter([owner for owner, count in wanted.items() for _ in range(count)])
    return tuple(owner if owner is not None else next(free) for owner in result)


def _shares(counts: dict[str, int], total: int) -> dict[str, int]:
    whole = sum(counts.values())
    shares = {owner: count * total // whole for owner, count in counts.items()}
    by_remainder = sorted(counts, key=lambda owner: -(counts[owner] * total % whole))
    for owner in by_remainder[: total - sum(shares.values())]:
        shares[owner] += 1
    return shares


def runs(owners: Sequence[str]) -> list[tuple[str, int]]:
    """Slots as (owner, length) runs: how they are stored."""
    packed: list[tuple[str, int]] = []
    for owner in owners:
        if packed and packed[-1][0] == owner:
            packed[-1] = (owner, packed[-1][1] + 1)
        else:
            packed.append((owner, 1))
    return packed
