"""The built pages: `/shop` and `/console` with everything below them, and the files they load.

The pages are built by `make web` into `endcap/web`. A page is one HTML file for all addresses below it (the script
reads the address), sent with a policy that lets nothing in from elsewhere and no inline script; style elements of the
UI kit carry the reply's own nonce. Files have their content's hash in their names and may be kept for ever.
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from secrets import token_urlsafe

from endcap.api.door import Exchange, Handler, Route
from endcap.api.wire import Refusal, Reply

APPS = ("shop", "console")
NONCE = b"__CSP_NONCE__"
"""What the built HTML has where the nonce goes."""
TYPES = {
    "js": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "svg": b"image/svg+xml",
    "json": b"application/json",
    "woff2": b"font/woff2",
    "png": b"image/png",
    "webp": b"image/webp",
    "ico": b"image/x-icon",
    "webmanifest": b"application/manifest+json",
}
SQUEEZED = ("js", "css", "svg", "json", "webmanifest")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def built(folder: str = "") -> Traversable:
    """The folder of what was built: the package's own, unless another is named."""
    return Path(folder) if folder else files("endcap").joinpath("web")


class Pages:
    """`GET /shop…`, `/console…` and `/web/{file}`: the same for everyone; what they show, their calls are asked for."""

    def __init__(self, folder: str = "", draw: Callable[[], str] = token_urlsafe) -> None:
        self._folder, self._draw = built(folder), draw
        self._file = lru_cache(maxsize=512)(self._read)

    def routes(self) -> tuple[Route, ...]:
        """Their rows of the table."""
        rows = [Route("GET", "/web/{file}", self.file, public=True)]
        for app in APPS:
            rows += [Route("GET", path, self._page(app), public=True) for path in (f"/{app}", f"/{app}/*")]
        return tuple(rows)

    def _page(self, app: str) -> Handler:
        async def page(exchange: Exchange) -> Reply:
            del exchange
            found = self._folder.joinpath(f"{app}.html")
            if not found.is_file():
                raise Refusal(404, "ResourceNotFoundException", f"The {app} is not built here. Run make web.")
            nonce = self._draw()
            policy = _POLICY.format(nonce=nonce).encode()
            fresh = ((b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-cache"))
            body = found.read_bytes().replace(NONCE, nonce.encode())
            return Reply(200, body, (*fresh, (b"content-security-policy", policy), *_SAFE))

        return page

    async def file(self, exchange: Exchange) -> Reply:
        """One built file, compressed where that helps and the browser takes it."""
        name = exchange.part
        ending = name.rpartition(".")[2]
        if not _NAME.fullmatch(name) or ending not in TYPES:
            raise Refusal(404, "ResourceNotFoundException", "There is no such file.")
        whole, small = await asyncio.to_thread(self._file, name)  # reads and squeezes it the first time
        headers = ((b"content-type", TYPES[ending]), (b"cache-control", b"public, max-age=31536000, immutable"), *_SAFE)
        if small and b"gzip" in exchange.header(b"accept-encoding"):
            return Reply(200, small, (*headers, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")))
        return Reply(200, whole, headers)

    def _read(self, name: str) -> tuple[bytes, bytes]:
        found = self._folder.joinpath(name)
        if not found.is_file():
            raise Refusal(404, "ResourceNotFoundException", "There is no such file.")
        whole = found.read_bytes()
        small = gzip.compress(whole, 9, mtime=0) if name.rpartition(".")[2] in SQUEEZED and len(whole) > 1024 else b""
        return whole, small
