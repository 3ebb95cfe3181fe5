"""A Redis or Valkey server: its URL, a client for it, and its refusals in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from endcap.errors import InputError, ResourceError, StateError, UnavailableError, UnknownName

SCHEMES = ("redis", "rediss")
TLS = ("ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")
"""Members of a URL that the driver takes."""
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""A server that says nothing for so long counts as away."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_FULL = ("OOM ", "MISCONF ", "NOREPLICAS ")
"""Words of errors that say: not now, for want of memory, disk or replicas."""
_MORE = "Give it memory or disk."
Client = Any
"""A `redis.Redis` that answers in bytes, as they came."""


@dataclass(frozen=True)
class Server:
    """`url` is what the client is given, `shown` is the same without secrets, `options` are members of ours."""

    url: str
    shown: str
    options: Mapping[str, str]


def server(url: str, known: Collection[str]) -> Server:
    """What `redis[s]://[user:password@]host[:port]/db?member=value` says. Raises `InputError`, `UnknownName` for a
    member that nobody knows."""
    parts = urlsplit(url)
    try:
        port = parts.port or 6379
        members = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        # What went wrong may name a part of the password, where that has a slash in it.
        raise InputError(f"{_shown(url)} is no URL.", fix="Write redis://USER:PASSWORD@HOST:PORT/DB, quoted.") from None
    database = parts.path.strip("/") or "0"
    if not parts.hostname or not database.isdecimal():
        raise InputError(f"{_shown(url)} names no server, expected redis://HOST:PORT/DB.")
    for name in members:
        if name not in (*known, *TLS):
            raise UnknownName("member of a Redis URL", name, (*known, *TLS))
    if not _NAME.fullmatch(members.get("name", "name")):
        raise InputError(f"{members['name']!r} is no name in Redis, expected letters, digits, '.', '_' and '-'.")
    secure = {name: value for name, value in members.items() if name not in known}
    rest = parts._replace(query=urlencode(secure)).geturl()
    return Server(rest, f"{parts.scheme}://{parts.hostname}:{port}/{database}", members)


def client(place: Server) -> Client:
    """A client for any number of threads; nothing is connected yet. It never tries anything twice by itself."""
    try:
        from redis import Redis  # noqa: PLC0415 - takes 0.1 s, and most do not need it
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"{place.shown} needs the driver of Redis.", fix="Install endcap[redis].") from error

    try:
        made = Redis.from_url(
            place.url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
    except (ValueError, TypeError) as error:
        raise InputError(f"{place.shown} cannot be used: {error}.") from None
    for command in ("XRANGE", "XREAD", "XREADGROUP", "XAUTOCLAIM", "CONFIG GET"):
        made.set_response_callback(command, _as_it_came)
    return made


@contextmanager
def answering(place: Server) -> Iterator[None]:
    """What goes wrong inside is raised as `UnavailableError` (it cannot be reached, or will not talk to us),
    `ResourceError` (it is full) or `StateError` (what it holds is something else)."""
    from redis import exceptions  # noqa: PLC0415

    try:
        yield
    except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
        fix = "Check user, password and rights (ACL)."
        raise UnavailableError(f"{place.shown} refuses: {_text(error)}", fix=fix) from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ReadOnlyError, OSError) as error:
        fix = "Start it, or correct the URL; a server tries again by itself."
        raise UnavailableError(f"{place.shown} does not answer: {_text(error)}", fix=fix) from error
    except exceptions.RedisError as error:
        text = f"{type(error).__name__} {error}"
        if isinstance(error, exceptions.OutOfMemoryError) or any(word in text for word in _FULL):
            raise ResourceError(f"{place.shown} takes nothing more: {_text(error)}", fix=_MORE) from error
        raise StateError(f"{place.shown} cannot do that: {_text(error)}") from error


def told_setting(made: Client, name: str) -> str | None:
    """What the server says of one of its settings; None where it does not tell. Raises what the client raises when it
    cannot be reached."""
    from redis import exceptions  # noqa: PLC0415

    try:
        answer = made.execute_command("CONFIG GET", name)
    except exceptions.ResponseError:  # managed servers forbid it
        return None
    return answer[1].decode() if len(answer) > 1 else None


def _text(error: Exception) -> str:
    return str(error).rstrip(".") + "."


def _as_it_came(answer: Any, **options: Any) -> Any:
    del options
    return answer


def _shown(url: str) -> str:
    """Without user and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
