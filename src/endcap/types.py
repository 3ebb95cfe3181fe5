"""The words of the product as types: tenants, column names, queries and rankings.

Time inside is int64 microseconds UTC; wire units are converted in `api` and in importers only.
External ids are strings; internal ones are int32, of a distinct type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

import numpy as np
from numpy.typing import NDArray

Micros = NewType("Micros", int)
"""Microseconds since the Unix epoch, UTC."""
ItemOrdinal = NewType("ItemOrdinal", int)
"""Place of an item in its shop's append-only catalogue index; never reused."""
ItemRow = NewType("ItemRow", int)
"""Place of an item in one model version or one `Dataset`."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

USER_ID = "user_id"
ITEM_ID = "item_id"
ACTION_ID = "action_id"
SESSION_ID = "session_id"
TIMESTAMP = "timestamp"
EVENT_TYPE = "event_type"
EVENT_VALUE = "event_value"
DURATION = "duration"
RATING = "rating"
QUANTITY = "quantity"
WEIGHT = "weight"
ORDER_ID = "order_id"
POSITION = "pos"

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Int16 = NDArray[np.int16]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

ACCOUNT_LEVEL = "_account"
"""The group under which log and lake keep what belongs to an account and to none of its shops. Dataset groups cannot be
called so: their names start with a letter or digit."""
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,62}")


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """One account in one region: the owner of schemas, keys and feature groups."""

    account: str = "000000000000"
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True, order=True)
class ShopKey:
    """One shop (a Personalize dataset group): the tenant.

    Raises `ValueError` for a group name outside `[a-zA-Z0-9][a-zA-Z0-9-_]{0,62}` that is not `ACCOUNT_LEVEL`.
    """

    account: AccountKey
    group: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.group) and self.group != ACCOUNT_LEVEL:
            raise ValueError(f"shop name {self.group!r} must be 1-63 of [a-zA-Z0-9-_], starting with a letter or digit")

    def arn(self, kind: str, name: str) -> str:
        """Personalize's ARN of a resource of this shop's account, `arn:aws:personalize:REGION:ACCOUNT:KIND/NAME`."""
        return f"arn:aws:personalize:{self.account.region}:{self.account.account}:{kind}/{name}"

    def name_of(self, purpose: str) -> str:
        """The default name of this shop's resource for a purpose: names are unique in the account, so it says both."""
        return f"{self.group}-{purpose}"[:63]

    def parts(self) -> tuple[str, str, str]:
        """Path parts under which everything of this shop is kept."""
        return self.account.account, self.account.region, self.group


@dataclass(frozen=True, slots=True)
class Query:
    """One question to a recipe, in external ids: a recent history (oldest first) and its context.

    `times` and `event_types` are as long as `items`, or empty when unknown.
    """

    items: tuple[str, ...] = ()
    times: tuple[int, ...] = ()
    event_types: tuple[str, ...] = ()
    now: Micros | None = None
    current_item: str | None = None
    user_id: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Top-k of a batch: `items` int32 [q, k] of model rows (-1 past the end), `scores` float32 [q, k], descending.

    A NaN score marks an item placed by popularity because the recipe itself could not score it.
    """

    items: Int32
    scores: Float32
