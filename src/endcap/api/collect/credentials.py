"""Who sends to `/collect`: a page with its shop's write key, or a back end with an access key that may send events."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from endcap.api.callers import NOBODY
from endcap.api.door import Exchange
from endcap.api.known import Known
from endcap.api.wire import Refusal, invalid
from endcap.errors import UnknownName
from endcap.registry.resources import Resources
from endcap.registry.write_keys import GROUP, WriteKey, WriteKeys
from endcap.types import AccountKey, ShopKey


@dataclass(frozen=True)
class Sender:
    """Where the events go; `key` is None for a back end, `internal` whether it sits in one of the shop's networks."""

    shop: ShopKey
    key: WriteKey | None = None
    internal: bool = False


_KEYS = "List those there are: endcap collect list --shop NAME."


class Senders:
    """Looked up in the registry."""

    def __init__(self, resources: Resources) -> None:
        keys = WriteKeys(resources)
        self._resources = resources
        self._keys: Known[str, WriteKey | None] = Known(keys.find)
        self._shops: Known[tuple[AccountKey, str], bool] = Known(self._exists)

    async def of(self, exchange: Exchange) -> Sender:
        """Raises `Refusal` (403, 404) for whoever may not send."""
        if exchange.caller is not NOBODY:
            return await self._back_end(exchange)
        text = wanted_key(exchange)
        if not text:
            fix = "Send ?key=wk.… (endcap collect create), or an Authorization header and ?shop=NAME."
            raise Refusal(403, "MissingAuthenticationTokenException", f"There is no write key. {fix}")
        key = await self._keys.get(text[:256])
        if key is None:
            raise Refusal(403, "UnrecognizedClientException", f"The write key is not known, or was revoked. {_KEYS}")
        origin = exchange.header(b"origin").decode("latin-1")
        if not key.admits(origin):
            said = f"Pages of {origin[:128]}" if origin else "Programs, which send no Origin,"
            fix = "Make one that may: endcap collect create --origin " + (origin[:128] or "'*', or use an access key")
            raise Refusal(403, "AccessDeniedException", f"{said} may not send with this write key. {fix}.")
        return Sender(key.shop, key, key.is_internal(exchange.client))

    async def _back_end(self, exchange: Exchange) -> Sender:
        exchange.caller.require("events")
        name = exchange.values().get("shop", "")
        try:
            shop = ShopKey(exchange.caller.account, name)
        except ValueError as error:
            raise invalid(f"{error}. Write /collect?shop=NAME.") from None
        if not await self._shops.get((shop.account, name)):
            raise Refusal(404, "ResourceNotFoundException", f"There is no shop {name}.")
        return Sender(shop)

    def _exists(self, key: tuple[AccountKey, str]) -> bool:
        try:
            self._resources.get(key[0], GROUP, key[1])
        except UnknownName:
            return False
        return True


def wanted_key(exchange: Exchange) -> str:
    """The write key that a request names: in the query (`key`, or GA4's `api_secret`), in a header, or, as Segment's
    clients send it, as the user of basic authentication."""
    values = exchange.values()
    if found := values.get("key") or values.get("api_secret"):
        return found
    if header := exchange.header(b"x-endcap-write-key"):
        return header.decode("latin-1")
    scheme, _, rest = exchange.header(b"authorization").partition(b" ")
    if scheme.lower() != b"basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode("latin-1").partition(":")[0]
    except (binascii.Error, ValueError):
        return ""
