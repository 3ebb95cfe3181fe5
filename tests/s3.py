"""Fixture: a real S3-compatible server process, Moto's, that checks who calls."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from endcap.settings import Settings

_SERVE = """
import ctypes, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class S3Server:
    """Where it listens. It lets everybody in until a test says otherwise."""

    url: str

    def client(self, service: str = "s3", key: str = "test", secret: str = "test") -> Any:
        """The real boto3 client of it."""
        import boto3  # noqa: PLC0415 - half a second, which few tests need

        return boto3.client(
            service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret
        )

    def settings(self, home: object, **other: object) -> Settings:
        """Settings under which `s3://` is this server."""
        keys = {"s3_endpoint": self.url, "s3_access_key": "test", "s3_secret_key": "test"}
        return Settings(home=home, **{**keys, **other})


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A running server, empty at first; tests take buckets of their own."""
    command = [sys.executable, "-c", _SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        yield S3Server(f"http://127.0.0.1:{port}")
        server.kill()
