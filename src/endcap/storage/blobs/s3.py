"""Blobs in a bucket of an S3-compatible server, through obstore."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from endcap.errors import EndcapError, InputError, ResourceError, StateError, UnavailableError
from endcap.storage.blobs import PIECE, Blob
from endcap.storage.directories import check_name

PARTS = 9_000
"""Of at most 10,000 in one upload."""
STREAMED_PART = 16 << 20
"""Bytes of a part where the length is not known before: an upload of up to 140 GiB."""
RETRIES = 5
RETRIED = timedelta(seconds=60)
"""How long a server that does not answer is asked again."""
_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")


class S3Buckets:
    """The buckets of one endpoint, with its own credentials; without an access key requests are not signed."""

    def __init__(self, endpoint: str, region: str, access_key: str, secret_key: str) -> None:
        self.endpoint = endpoint
        self._config: dict[str, Any] = {
            # Both names: the second would otherwise be taken from the environment, and win.
            "endpoint": endpoint,
            "aws_endpoint_url_s3": endpoint,
            "region": region,
            "virtual_hosted_style_request": False,
        }
        if access_key:
            self._config |= {"access_key_id": access_key, "secret_access_key": secret_key}
        else:
            self._config["skip_signature"] = True

    def open(self, bucket: str, *, write: bool = False) -> S3Blobs:
        from obstore.store import S3Store  # noqa: PLC0415

        retry = {"max_retries": RETRIES, "retry_timeout": RETRIED}
        with told(bucket, "", self.endpoint):
            store = S3Store(
                bucket,
                config=self._config,
                client_options={"allow_http": True, "timeout": "120s"},
                retry_config=retry,
            )
        return S3Blobs(store, bucket, self.endpoint)


class S3Blobs:
    """The objects of one bucket."""

    def __init__(self, store: Any, bucket: str, endpoint: str) -> None:
        self._store, self._bucket, self._endpoint = store, bucket, endpoint

    def put(self, key: str, data: bytes | Path | Iterable[bytes]) -> None:
        import obstore  # noqa: PLC0415

        part = STREAMED_PART if not isinstance(data, (bytes, Path)) else PIECE
        if isinstance(data, Path):
            part = max(PIECE, -(-data.stat().st_size // PARTS))
        with told(self._bucket, key, self._endpoint):
            obstore.put(self._store, _checked(key), data, chunk_size=part, max_concurrency=4)

    def read(self, blob: Blob) -> Iterator[bytes]:
        """In ranges, each a request of its own: however slowly they are taken, no connection times out."""
        import obstore  # noqa: PLC0415

        for start in range(0, blob.size, PIECE):
            wanted = {"range": (start, min(start + PIECE, blob.size)), "if_match": blob.mark}
            with told(self._bucket, blob.key, self._endpoint):
                piece = bytes(obstore.get(self._store, blob.key, options=wanted).bytes())
            yield piece

    def find(self, key: str) -> Blob | None:
        import obstore  # noqa: PLC0415

        try:
            with told(self._bucket, key, self._endpoint):
                return _blob(obstore.head(self._store, _checked(key)))
        except _Missing:
            return None

    def list(self, prefix: str = "") -> Iterator[Blob]:
        import obstore  # noqa: PLC0415

        # The store takes whole folders only; the rest of the prefix is compared here.
        folder = prefix.rpartition("/")[0]
        found: list[Blob] = []
        with told(self._bucket, prefix, self._endpoint):
            for page in obstore.list(self._store, folder or None):
                found += [_blob(meta) for meta in page if meta["path"].startswith(prefix)]
        return iter(sorted(found, key=lambda blob: blob.key))

    def delete(self, key: str) -> None:
        import obstore  # noqa: PLC0415

        with told(self._bucket, key, self._endpoint):
            obstore.delete(self._store, _checked(key))


class _Missing(InputError):
    """There is no such object."""


def _blob(meta: Any) -> Blob:
    return Blob(meta["path"], int(meta["size"]), str(meta["e_tag"] or meta["last_modified"]))


def _checked(key: str) -> str:
    for part in key.split("/"):
        check_name(part)
    return key


@contextmanager
def told(bucket: str, key: str, endpoint: str) -> Iterator[None]:
    """Turn what the store raises into errors that say, in S3's words, what is wrong and with what."""
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise _error(error, bucket, key, endpoint) from error


def _error(error: Exception, bucket: str, key: str, endpoint: str) -> EndcapError:
    text, kind, place = str(error), type(error).__name__, f"s3://{bucket}/{key}"
    code = found[1] if (found := _CODE.search(text)) else ""
    said = found[1] if (found := _MESSAGE.search(text)) else code
    fix = f"Check the bucket at {endpoint}."
    if code == "NoSuchBucket":
        made: EndcapError = InputError(f"The specified bucket does not exist: {bucket}.", fix=fix)
    elif isinstance(error, FileNotFoundError) or code == "NoSuchKey":
        made = _Missing(f"The specified key does not exist: {place}.", fix=fix)
    elif kind in ("PermissionDeniedError", "UnauthenticatedError") or "403 Forbidden" in text:
        words = f"Access Denied for {place} ({said or '403'})"
        fix = "Check s3_access_key and s3_secret_key, and what they may do with this bucket."
        made = InputError(f"Insufficient privileges for accessing data in S3: {words}.", fix=fix)
    elif kind == "PreconditionError":
        made = StateError(f"{place} changed while it was being read.", fix="Start again.")
    elif kind in ("InvalidPathError", "UnknownConfigurationKeyError"):
        made = InputError(f"{place} cannot be used: {text.splitlines()[0]}.", fix=fix)
    elif code:
        made = ResourceError(f"S3 refused {place}: {said}.", fix=fix)
    else:
        fix = "Check s3_endpoint and the network."
        made = UnavailableError(f"The object store at {endpoint} does not answer ({_cause(text)}).", fix=fix)
    return made


def _cause(text: str) -> str:
    return text.splitlines()[0].rpartition(" - ")[2][:200]
