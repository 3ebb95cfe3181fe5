"""Data locations: `s3://bucket/key`, a file or a folder, in a local directory or on an S3-compatible server.

A location names the object of that key; where there is none, all objects under `key/`. What is written is whole or
not there, and durable when the call returns. Memory stays constant however large an object is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from endcap.errors import InputError, StateError
from endcap.seams import Disk
from endcap.settings import Settings
from endcap.storage.blobs import Blob, Buckets
from endcap.storage.blobs.local import LocalBuckets
from endcap.storage.directories import check_name, disk_errors

SCHEME = "s3://"


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket and a key; the key is empty for the bucket as a whole, and never ends in a slash."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> Location:
        """From `s3://bucket/key`, with or without a slash at the end. Raises `InputError` for anything else."""
        if not text.startswith(SCHEME):
            raise InputError(f"{text!r} is no data location.", fix="Give s3://BUCKET/KEY, a file or a folder.")
        bucket, _, key = text.removeprefix(SCHEME).partition("/")
        key = key.removesuffix("/")
        try:
            for part in (bucket, *(key.split("/") if key else ())):
                check_name(part)
        except InputError as error:
            raise InputError(f"{text!r} is no data location: {error.message}", fix="Give s3://BUCKET/KEY.") from None
        return cls(bucket, key)

    def __truediv__(self, name: str) -> Location:
        """What is called `name` in this folder."""
        return Location(self.bucket, f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Stored:
    """One object that a location names: `name` is its key relative to the folder, or its last part.

    `size` is in bytes; `mark` changes whenever the content does.
    """

    location: Location
    name: str
    size: int
    mark: str


class Objects:
    """All data locations that these settings reach. Errors are `InputError`s in S3's own words, fit for a
    `failureReason`; `UnavailableError` where the server does not answer, `ResourceError` where a disk is full."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def files(self, location: str | Location) -> list[Stored]:
        """The object of this key, else all objects under it, by name; those whose name starts with a dot or `_` in a
        folder are left out, as is what is empty and ends in a slash. Raises `InputError` where there is nothing."""
        place = _location(location)
        bucket = self._buckets.open(place.bucket)
        if place.key and (blob := bucket.find(place.key)) is not None:
            return [_stored(place, blob, place.key.rpartition("/")[0])]
        found = [_stored(place, blob, place.key) for blob in bucket.list(f"{place.key}/" if place.key else "")]
        found = [stored for stored in found if not _is_hidden(stored.name)]
        if not found:
            raise InputError(f"The specified key does not exist: {place}.", fix="Name a file, or a folder with files.")
        return found

    def read(self, stored: Stored) -> Iterator[bytes]:
        """The content in pieces of a few MiB. Raises `StateError` where it changed since it was listed."""
        bucket = self._buckets.open(stored.location.bucket)
        return bucket.read(Blob(stored.location.key, stored.size, stored.mark))

    def download(self, location: str | Location, folder: Path, disk: Disk | None = None) -> list[Path]:
        """Copies of all files of a location, under their names in `folder`, durable on return."""
        return [self.fetch(stored, folder / stored.name, disk) for stored in self.files(location)]

    def fetch(self, stored: Stored, path: Path, disk: Disk | None = None) -> Path:
        """A copy of one file at `path`, durable on return; what was there is replaced once the copy is whole."""
        disk = disk or Disk()
        with disk_errors(f"Fetching {stored.location}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            with partial.open("wb") as file:
                for piece in self.read(stored):
                    file.write(piece)
            disk.fsync(partial)
            disk.rename(partial, path)
            disk.fsync(path.parent)
        return path

    def upload(self, path: Path, location: str | Location) -> Stored:
        """A local file as the object of this key, in parts where it is large."""
        return self._put(_location(location), path)

    def write(self, location: str | Location, pieces: Iterable[bytes]) -> Stored:
        """An object of bytes as they come. Where `pieces` raises, nothing is stored."""
        return self._put(_location(location), pieces)

    def exists(self, location: str | Location) -> bool:
        """Whether a location names a file, or a folder with files. Raises `InputError` for a missing bucket."""
        place = _location(location)
        bucket = self._buckets.open(place.bucket)
        if place.key and bucket.find(place.key) is not None:
            return True
        return next(bucket.list(f"{place.key}/" if place.key else ""), None) is not None

    def check(self, location: str | Location, *, write: bool = False) -> Location:
        """The location, found sound: well-formed, and its bucket there, or one that writing makes."""
        place = _location(location)
        bucket = self._buckets.open(place.bucket, write=write)
        next(bucket.list(f"{place.key}/" if place.key else "endcap-none/"), None)
        return place

    def delete(self, location: str | Location) -> None:
        """Remove one object; nothing happens where there is none."""
        place = _location(location)
        self._buckets.open(place.bucket).delete(place.key)

    def _put(self, place: Location, data: Path | Iterable[bytes]) -> Stored:
        if not place.key:
            raise InputError(f"{place} names no object.", fix="Name a key in the bucket.")
        bucket = self._buckets.open(place.bucket, write=True)
        bucket.put(place.key, data)
        blob = bucket.find(place.key)
        if blob is None:
            raise InputError(f"{place} was removed while it was being written.")
        return _stored(place, blob, place.key.rpartition("/")[0])


def open_objects(settings: Settings, account: str = "", disk: Disk | None = None) -> Objects:
    """An account's data locations: those of `s3_endpoint`, else folders `home/buckets/NAME`.

    Only the home's own account may use the credentials of the settings; another's folders are its own, below
    `home/accounts/ACCOUNT`. Raises `InputError` for an endpoint that is no URL, `StateError` for an account without.
    """
    is_own = account in ("", settings.account)
    if not settings.s3_endpoint:
        root = settings.home.absolute()
        root = root if is_own else root / "accounts" / account
        return Objects(LocalBuckets(root / "buckets", disk or Disk()))
    if not is_own:
        raise StateError(
            f"Account {account} has no credentials for {settings.s3_endpoint}: they are account {settings.account}'s.",
            fix="Serve this account from a home of its own.",
        )
    if not settings.s3_endpoint.startswith(("http://", "https://")):
        raise InputError(f"Setting s3_endpoint is {settings.s3_endpoint!r}, expected http://… or https://….")
    from endcap.storage.blobs.s3 import S3Buckets  # noqa: PLC0415 - loads obstore, which folders do not need

    return Objects(S3Buckets(settings.s3_endpoint, settings.s3_region, settings.s3_access_key, settings.s3_secret_key))


def _location(given: str | Location) -> Location:
    return given if isinstance(given, Location) else Location.parse(given)


def _stored(place: Location, blob: Blob, folder: str) -> Stored:
    name = blob.key[len(folder) + 1 :] if folder else blob.key
    return Stored(Location(place.bucket, blob.key), name, blob.size, blob.mark)


def _is_hidden(name: str) -> bool:
    """Markers that other tools leave in folders: `_SUCCESS`, `.crc` files."""
    return any(part.startswith((".", "_")) for part in name.split("/"))
