"""Who calls, and what a key of each role may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from endcap.api.wire import Refusal
from endcap.types import AccountKey

Access = Literal["read", "control", "runtime", "events", "keys"]
ROLES: Mapping[str, tuple[Access, ...]] = {
    "admin": ("read", "control", "runtime", "events", "keys"),
    "operator": ("read", "control", "runtime", "events"),
    "reader": ("read", "runtime"),
    "runtime": ("runtime", "events"),
    "events": ("events",),
}
"""Describe and list; create, change and delete; ask for recommendations; send events; make keys."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated origin of a request: an account in a region, and the role of the key that was used."""

    account: AccountKey
    role: str
    key: str = ""

    def require(self, access: Access) -> None:
        """Raises `Refusal` (403) where the role does not allow it."""
        if access not in ROLES.get(self.role, ()):
            raise Refusal(
                403,
                "AccessDeniedException",
                f"Access key {self.key} has the role {self.role}, which does not allow {access}.",
            )


NOBODY = Caller(AccountKey("", ""), "")
"""Who asks where no key is asked for: of no account, and allowed nothing."""
