import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from endcap.errors import InputError, UnavailableError
from endcap.simulator.transport import HttpTransport

OK = b"HTTP/1.1 200 OK\r\nX-Kind: test\r\nContent-Length: 2\r\n\r\nhi"


class Script:
    """A socket that gives prepared answers, one a request, and then closes."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.connections, self.requests = list(answers), 0, list[bytes]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            writer.write(self.answers.pop(0))
            await writer.drain()
            if self.answers and self.answers[0] == b"":
                self.answers.pop(0)
                break
        writer.close()

    @asynccontextmanager
    async def running(self, **options: float) -> AsyncIterator[HttpTransport]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = HttpTransport(f"http://127.0.0.1:{port}", "key:secret", **options)
        try:
            yield transport
        finally:
            await transport.close()
            server.close()


def test_a_connection_is_kept_and_the_token_sent() -> None:
    async def ask() -> Script:
        script = Script(OK, OK)
        async with script.running() as transport:
            for _ in range(2):
                answer = await transport.post("/events", b"{}")
                assert (answer.status, answer.body, answer.headers["x-kind"]) == (200, b"hi", "test")
        return script

    script = asyncio.run(ask())
    assert script.connections == 1
    assert b"POST /events HTTP/1.1" in script.requests[0]
    assert b"authorization: Bearer key:secret" in script.requests[0]
    assert script.requests[0].endswith(b"{}")


def test_a_connection_closed_meanwhile_is_replaced() -> None:
    async def ask() -> Script:
        script = Script(OK, b"", OK)
        async with script.running() as transport:
            for _ in range(2):
                assert (await transport.post("/", b"")).status == 200
                await asyncio.sleep(0.01)
        return script

    assert asyncio.run(ask()).connections == 2


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", b"nothing", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
)
def test_a_broken_answer_is_no_answer(answer: bytes) -> None:
    async def ask() -> None:
        async with Script(answer).running(timeout=1) as transport:
            with pytest.raises(UnavailableError, match="does not answer"):
                await transport.post("/", b"{}")

    asyncio.run(ask())


def test_nobody_there() -> None:
    with pytest.raises(UnavailableError, match="Is it running"):
        asyncio.run(HttpTransport("http://127.0.0.1:9", "x").post("/", b""))
    with pytest.raises(InputError, match="expected http://host:port"):
        HttpTransport("ftp://x", "x")
