"""Write keys: what a page may send events with. Public by nature: for one shop, for writing only, from its origins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from secrets import token_hex
from typing import Any

from endcap.errors import InputError, UnknownName
from endcap.registry.resources import Resource, Resources, Stale
from endcap.seams import Clock, SystemClock
from endcap.types import AccountKey, ShopKey

GROUP = "dataset-group"
MEMBER = "_writeKeys"
"""Of the shop's document: the keys by their last part. They go when the shop goes."""
ANY = "*"
_KEY = re.compile(r"wk\.(\d{12})\.([a-z0-9-]{1,32})\.([a-zA-Z0-9][a-zA-Z0-9\-_]{0,62})\.([0-9a-f]{24})")
_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9.-]+(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class WriteKey:
    """`text` is `wk.ACCOUNT.REGION.SHOP.RANDOM`. `origins` may send with it: `https://shop.example`,
    `https://*.shop.example`, or `*` for everyone, also without an origin. Events from `internal` networks are flagged.
    """

    text: str
    shop: ShopKey
    origins: tuple[str, ...]
    internal: tuple[str, ...] = ()
    label: str = ""
    created: int = 0

    def admits(self, origin: str) -> bool:
        """Whether a page of this origin (empty: none was sent) may send with it."""
        if ANY in self.origins or origin.lower() in self.origins:
            return True
        for allowed in self.origins:
            scheme, star, rest = allowed.partition("*.")
            if star and origin.startswith(scheme) and origin.endswith(f".{rest}"):
                return True
        return False

    def is_internal(self, address: str) -> bool:
        """Whether an address of a client is in one of the shop's own networks."""
        if not self.internal:
            return False
        try:
            place = ip_address(address)
        except ValueError:
            return False
        return any(place in ip_network(each, strict=False) for each in self.internal)


class WriteKeys:
    """The write keys of all shops, kept in the shops' own records."""

    def __init__(
        self, resources: Resources, *, clock: Clock | None = None, draw: Callable[[], str] = lambda: token_hex(12)
    ) -> None:
        self._resources, self._clock, self._draw = resources, clock or SystemClock(), draw

    def create(
        self, shop: ShopKey, origins: Sequence[str], *, internal: Sequence[str] = (), label: str = ""
    ) -> WriteKey:
        """A new key. Raises `InputError` for an origin or network that is none, `UnknownName` for the shop."""
        if not origins:
            raise InputError(
                "A write key needs the origins of its pages.",
                fix="Give --origin https://shop.example, or --origin '*'.",
            )
        for origin in origins:
            if origin != ANY and not _ORIGIN.fullmatch(origin.lower()):
                raise InputError(f"{origin!r} is no origin.", fix="Write https://shop.example, without a path.")
        for network in internal:
            try:
                ip_network(network, strict=False)
            except ValueError as error:
                raise InputError(f"{network!r} is no network: {error}.", fix="Write 203.0.113.0/24.") from None
        name, now = self._draw(), self._clock.now()
        document = {
            "origins": [origin.lower() for origin in origins],
            "internal": list(internal),
            "label": label,
            "created": now,
        }
        self._change(shop, name, document)
        return _key(shop, name, document)

    def list(self, shop: ShopKey) -> list[WriteKey]:
        """The living ones, oldest first. Raises `UnknownName` for the shop."""
        held = self._resources.get(shop.account, GROUP, shop.group).document.get(MEMBER) or {}
        return sorted((_key(shop, name, each) for name, each in held.items()), key=lambda key: key.created)

    def find(self, text: str) -> WriteKey | None:
        """The living key of this text; None where there is none."""
        found = _KEY.fullmatch(text)
        if found is None:
            return None
        shop = ShopKey(AccountKey(found[1], found[2]), found[3])
        try:
            held = self._resources.get(shop.account, GROUP, shop.group).document.get(MEMBER) or {}
        except UnknownName:
            return None
        return _key(shop, found[4], held[found[4]]) if found[4] in held else None

    def revoke(self, text: str) -> WriteKey:
        """Refused from now on. Raises `UnknownName`."""
        key = self.find(text)
        if key is None:
            raise UnknownName("write key", text, (), fix="List them: endcap collect list --shop NAME.")
        self._change(key.shop, text.rpartition(".")[2], None)
        return key

    def _change(self, shop: ShopKey, name: str, document: Mapping[str, Any] | None) -> None:
        for _ in range(10):
            record = self._resources.get(shop.account, GROUP, shop.group)
            with suppress(Stale):  # somebody else changed the shop: look again
                self._resources.change(record, document={MEMBER: _without(record, name, document)})
                return
        raise Stale(f"The record of shop {shop.group} keeps changing.", fix="Try again.")


def _without(record: Resource, name: str, document: Mapping[str, Any] | None) -> dict[str, Any]:
    held = {key: value for key, value in (record.document.get(MEMBER) or {}).items() if key != name}
    return held if document is None else {**held, name: dict(document)}


def _key(shop: ShopKey, name: str, held: Mapping[str, Any]) -> WriteKey:
    text = f"wk.{shop.account.account}.{shop.account.region}.{shop.group}.{name}"
    return WriteKey(text, shop, tuple(held["origins"]), tuple(held["internal"]), held["label"], held["created"])
