"""Where a server may listen: anywhere with keys, on loopback without."""

from __future__ import annotations

from endcap.errors import InputError, StateError
from endcap.registry.development import development_key, is_loopback
from endcap.registry.keys import AccessKey, Keys
from endcap.settings import Settings
from endcap.storage.db import open_database


def may_listen(settings: Settings) -> AccessKey | None:
    """Call this before listening: the key that loopback clients use, made where there is none; None off loopback.

    Raises `InputError` for no address, or a server off loopback that would ask nobody for a key; `StateError` for one
    that nobody has a key to.
    """
    if not settings.host:
        raise InputError("No address to listen on was given.", fix="Set ENDCAP_HOST, for example to 127.0.0.1.")
    local = is_loopback(settings.host)
    if not local and not settings.auth:
        raise InputError(
            f"The server would listen on {settings.host} and ask nobody for a key.",
            fix="Set ENDCAP_AUTH to true, or ENDCAP_HOST to 127.0.0.1.",
        )
    database = open_database(settings.database)
    try:
        database.migrate()
        keys = Keys(database)
        if local:
            return development_key(settings, keys)
        if not keys.living():
            raise StateError(
                f"The server would listen on {settings.host}, but there is no access key that could call it.",
                fix="Make one first: endcap keys create --role admin",
            )
        return None
    finally:
        database.close()
