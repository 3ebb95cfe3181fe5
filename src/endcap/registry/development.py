"""The development key: a home served on loopback has one without being asked, in a file that only its owner reads."""

from __future__ import annotations

import errno
import ipaddress
import os
from secrets import token_hex

import msgspec

from endcap.errors import ResourceError, StateError
from endcap.registry.keys import AccessKey, Keys
from endcap.seams import Disk
from endcap.settings import Settings

FILE = "credentials"
MODE = 0o600


class _Note(msgspec.Struct, frozen=True):
    """The file's content."""

    access_key_id: str
    secret_access_key: str
    account: str


def is_loopback(host: str) -> bool:
    """Whether a server on this host is reached from this machine only."""
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback
    except ValueError:
        return False


def development_key(settings: Settings, keys: Keys, disk: Disk | None = None) -> AccessKey:
    """The home's development key, the same at every call; made where there is none or it was revoked.

    It is also in `home/credentials` (mode 0600, replaced whole). Raises `StateError` off loopback, where keys are made
    by hand, `ResourceError` when the file cannot be written.
    """
    if not is_loopback(settings.host):
        raise StateError(
            f"A server on {settings.host} has no development key.", fix="Make one: endcap keys create --role admin"
        )
    key = keys.development(settings.account)
    content = msgspec.json.format(msgspec.json.encode(_Note(key.id, key.secret, key.account)))
    path = settings.home / FILE
    try:
        there = path.read_bytes() if path.stat().st_mode & 0o777 == MODE else b""
    except OSError:
        there = b""
    if there != content:
        _replace(settings, content, disk or Disk())
    return key


def _replace(settings: Settings, content: bytes, disk: Disk) -> None:
    path = settings.home / FILE
    fresh = path.with_name(f".{FILE}-{token_hex(8)}")
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE))
        disk.write(fresh, content)
        disk.rename(fresh, path)
        disk.fsync(settings.home)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise ResourceError(f"Writing {path} failed: {what}.", fix="Mend that, then start again.") from error
