"""The canonical request of AWS signature version 4, over the bytes as they arrived.

Source: AWS, "Create a signed AWS API request" (IAM user guide). Paths are normalised and encoded once more, as all
services but S3 do; a query is sorted and otherwise taken as sent, because its sender must have encoded it already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote_from_bytes

from endcap.api.auth.received import Received


def grouped(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """{name: value}: spaces collapsed, repeated headers joined by commas in the order of their arrival."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        trimmed = b" ".join(value.split())
        found[name] = found[name] + b"," + trimmed if name in found else trimmed
    return found


def canonical_path(path: bytes) -> bytes:
    """Without empty, `.` and `..` segments, and percent-encoded (what was encoded already, twice)."""
    if b"//" in path or b"/." in path or not path.startswith(b"/"):
        path = _without_dots(path)
    return quote_from_bytes(path, safe="/~").encode()


def canonical_query(query: bytes) -> bytes:
    """Its parameters sorted by name, then value; each with its `=`."""
    if not query:
        return b""
    pairs = [pair.partition(b"=") for pair in query.split(b"&")]
    return b"&".join(b"%b=%b" % pair for pair in sorted((name, value) for name, _, value in pairs))


def canonical_request(
    received: Received, query: bytes, headers: Mapping[bytes, bytes], signed: Iterable[bytes], payload: bytes
) -> bytes:
    """What is hashed and signed. `query` is what is signed of it, `payload` the body's SHA-256 in hexadecimal."""
    lines = [received.method.encode(), canonical_path(received.path), canonical_query(query)]
    lines += [b"%b:%b" % (name, headers[name]) for name in signed]
    return b"\n".join((*lines, b"", b";".join(signed), payload))


def _without_dots(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    return b"/" + b"/".join(kept) + (b"/" if kept and path.endswith(b"/") else b"")
