"""The id of one answer, which itself says where the answer came from, so that attribution survives a crash.

`RID-VVVVVVVV-GGGG-NNRF-XXXX-XXXXXXXXXXXX`: version id, generation modulo 65536, number of the variant, rung of the
fallback ladder and format, then 64 random bits. 40 characters, as many as Personalize allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from endcap.errors import InputError

RUNGS = ("personal", "similar", "general", "trending", "popular", "catalogue", "new", "explored", "segment", "alike")
"""Where an item came from, best first: the shopper's model, the model asked about an item, a model that is the same for
all, what rises in the shop, what sells in the shop, and the catalogue's own order; then what is new, what exploration
drew, what sells in the shopper's segments, and what is most like others. Their numbers are part of stored ids: only
ever append."""

_FORMAT = 1
_ID = re.compile(r"RID-([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{2})([0-9a-f])([0-9a-f])-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Origin:
    """What a recommendation id carries; `generation` is modulo 65536."""

    version: str
    generation: int
    variant: int
    rung: str


def make(version: str, generation: int, variant: int, rung: str, token: str) -> str:
    """The id of one answer; `token` is 16 random hex digits."""
    place = f"{variant & 0xFF:02x}{RUNGS.index(rung):x}{_FORMAT:x}"
    return f"RID-{version}-{generation & 0xFFFF:04x}-{place}-{token[:4]}-{token[4:16]}"


def read(text: str) -> Origin:
    """What an id says. Raises `InputError` for one that this server did not make."""
    found = _ID.fullmatch(text)
    if not found or int(found[5], 16) != _FORMAT or int(found[4], 16) >= len(RUNGS):
        raise InputError(f"{text!r} is no recommendation id of this server.", fix="Send it as it was answered.")
    return Origin(found[1], int(found[2], 16), int(found[3], 16), RUNGS[int(found[4], 16)])


def token_of(text: str) -> str:
    """The 16 random hex digits of an id, which repeat what was left to chance. Raises `InputError` as `read` does."""
    read(text)
    return text[-17:].replace("-", "")
