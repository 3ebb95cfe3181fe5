"""Errors of ours as the service's: each operation's model says which of them its clients know."""

from __future__ import annotations

from collections.abc import Collection

from endcap.api.wire import Refusal
from endcap.errors import EndcapError, InputError, StateError, UnknownName
from endcap.registry.quotas import QuotaExceeded
from endcap.registry.resources import Exists

KINDS: tuple[tuple[type[EndcapError], str], ...] = (
    (Exists, "ResourceAlreadyExistsException"),
    (QuotaExceeded, "LimitExceededException"),
    (StateError, "ResourceInUseException"),
    (UnknownName, "ResourceNotFoundException"),
    (InputError, "InvalidInputException"),
)
INVALID = "InvalidInputException"


def refused(error: EndcapError, modelled: Collection[str]) -> Refusal | None:
    """The error as it goes out; None for one that is not the caller's doing.

    What the operation's model does not name is told as an invalid input, so that clients find a class for it.
    """
    for kind, name in KINDS:
        if isinstance(error, kind):
            return Refusal(400, name if name in modelled else INVALID, str(error))
    return None
