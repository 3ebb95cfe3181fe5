"""One connection: uvicorn's own, which sets no bounds to a request's head."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 << 10
"""Of a request's line and headers, as far as they come in pieces; one piece has at most 256 KiB."""
HEAD_SECONDS = 20.0
"""How long a head may take to arrive, from its first byte on or, on a new connection, from the start."""


class Connection(HttpToolsProtocol):
    """Closed when a head is too long, or takes too long."""

    _read, _is_within, _timer, _ended = 0, True, None, False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._ended = False
        super().data_received(data)
        # A piece that ends a message is not counted to the next head: most of it may be a body.
        if self._ended or not self._is_within or self.transport.is_closing():
            return
        self._read += len(data)
        if self._read > HEAD_BYTES:
            self.send_400_response(f"The head of the request is longer than {HEAD_BYTES} bytes.")
        elif self._timer is None:
            self._wait()

    def on_headers_complete(self) -> None:
        self._arrived()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_within, self._read, self._ended = True, 0, True
        super().on_message_complete()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._close)

    def _arrived(self) -> None:
        self._is_within = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        self.transport.close()
