"""The URL of a Redis server, and TLS to it."""

import asyncio
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from endcap.errors import InputError, StateError, UnavailableError, UnknownName
from endcap.storage.log import open_log
from endcap.storage.redis_server import server
from endcap.storage.state import open_state
from endcap.testing.logs import record
from valkeys import Valkey, new_name


def test_a_url_says_where_and_what_and_shows_no_secret() -> None:
    found = server("rediss://me:s%20e@cache:6390/2?name=shop&ssl_cert_reqs=none", ("name",))
    assert found.url == "rediss://me:s%20e@cache:6390/2?ssl_cert_reqs=none"
    assert found.shown == "rediss://cache:6390/2" and found.options == {"name": "shop", "ssl_cert_reqs": "none"}
    assert server("redis://cache", ()).shown == "redis://cache:6379/0"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:secret@", "names no server"),
        ("redis://me:secret@host/db", "names no server"),
        ("redis://me:secret@host:99999/0", "is no URL"),
        ("redis://me:secret@host/0?name", "is no URL"),
        ("redis://me:secret/more@host/0", "is no URL"),
        ("redis://me:secret@host/0?name={a}", "is no name"),
    ],
)
def test_urls_that_cannot_be_used(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        server(url, ("name",))
    assert "secret" not in str(raised.value)


def test_members_that_nobody_knows() -> None:
    with pytest.raises(UnknownName, match="timeout"):
        server("redis://host/0?timeout=3", ("name",))
    with pytest.raises(StateError, match="perhaps"):
        open_state("rediss://host/0?ssl_cert_reqs=perhaps").get("a")


def test_tls_with_a_certificate_of_ones_own(valkey: Valkey, tmp_path: Path) -> None:
    certificate = certified(tmp_path)
    with wrapped(valkey.port, tmp_path) as port:
        log = open_log(f"rediss://127.0.0.1:{port}/0?name={new_name()}&ssl_ca_certs={certificate}")
        assert log.append([record("a")])[0] and log.sync(10)
        log.close()
        with pytest.raises(UnavailableError, match="certificate"):
            open_state(f"rediss://127.0.0.1:{port}/0").get("a")


def certified(folder: Path) -> Path:
    """A certificate of 127.0.0.1 that signs itself, its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = (
        made.not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
    )
    signed = made.sign(key, hashes.SHA256())
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "certificate.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem"


@contextmanager
def wrapped(port: int, folder: Path) -> Iterator[int]:
    """A port of 127.0.0.1 that speaks TLS before the server's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    loop = asyncio.new_event_loop()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    listening = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield listening.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    listening.close()
    loop.close()
