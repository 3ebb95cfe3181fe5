"""Errors of ours, and refusals in Personalize's words, as the feature store's services say them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from endcap.api.wire import Refusal
from endcap.errors import EndcapError, InputError, StateError, UnknownName
from endcap.registry.quotas import QuotaExceeded
from endcap.registry.resources import Exists

RUNTIME: Mapping[str, str] = {
    "InvalidInputException": "ValidationError",
    "InvalidNextTokenException": "ValidationError",
    "AccessDeniedException": "AccessForbidden",
    "ServiceUnavailableException": "ServiceUnavailable",
}
"""What `sagemaker-featurestore-runtime` calls a refusal."""
CONTROL: Mapping[str, str] = {
    "InvalidInputException": "ValidationException",
    "InvalidNextTokenException": "ValidationException",
    "TooManyTagsException": "ResourceLimitExceeded",
}
"""What `sagemaker` calls a refusal; other names it shares with all services."""
INVALID = {"ValidationError", "ValidationException"}


def renamed(refusal: Refusal, names: Mapping[str, str]) -> Refusal:
    """The refusal under the service's name for it."""
    status = 400 if names.get(refusal.kind) in INVALID and refusal.status < 500 else refusal.status
    return Refusal(status, names.get(refusal.kind, refusal.kind), refusal.message, refusal.headers)


def runtime_refusal(error: EndcapError, modelled: Collection[str]) -> Refusal:
    """An error as the runtime says it; what an operation's model does not name is a `ValidationError`."""
    if isinstance(error, UnknownName) and "ResourceNotFound" in modelled:
        return Refusal(404, "ResourceNotFound", str(error))
    if isinstance(error, InputError):
        return Refusal(400, "ValidationError", str(error))
    return Refusal(503, "ServiceUnavailable", str(error), ((b"retry-after", b"1"),))


def control_refusal(error: EndcapError) -> Refusal | None:
    """An error as `sagemaker` says it; None for one that is not the caller's doing."""
    kinds: tuple[tuple[type[EndcapError], str], ...] = (
        (QuotaExceeded, "ResourceLimitExceeded"),
        (Exists, "ResourceInUse"),
        (StateError, "ResourceInUse"),
        (UnknownName, "ResourceNotFound"),
        (InputError, "ValidationException"),
    )
    name = next((name for kind, name in kinds if isinstance(error, kind)), None)
    return None if name is None else Refusal(400, name, str(error))
