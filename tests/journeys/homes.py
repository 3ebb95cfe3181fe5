"""A served home for journeys: `endcap serve` as anyone starts it, with the environment that `endcap env` prints."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

BIN = Path(sys.executable).parent


@dataclass
class Home:
    """`environ` is what a client process needs: credentials, region and endpoints."""

    path: Path
    environ: Mapping[str, str]
    process: subprocess.Popen[str]

    @cached_property
    def personalize(self) -> Any:
        """boto3's client of it."""
        environ = self.environ
        return boto3.client(
            "personalize",
            endpoint_url=environ["AWS_ENDPOINT_URL_PERSONALIZE"],
            region_name=environ["AWS_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            config=Config(proxies={}),
        )

    def run(self, *command: str, timeout: float = 240) -> str:
        """Run a client in that environment; its output. Fails the test with all it printed where it fails."""
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def endcap(self, *arguments: str) -> str:
        """One endcap command on this home."""
        return self.run(str(BIN / "endcap"), *arguments)


@contextmanager
def served(path: Path, **settings: str) -> Iterator[Home]:
    """Serve an empty home on a port of the system's choice until the block ends."""
    given = {f"ENDCAP_{name.upper()}": value for name, value in settings.items()}
    # boto3 in the client must find only what `endcap env` says, and read no file of the machine's user.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ENDCAP_"))}
    nowhere = {"AWS_CONFIG_FILE": str(path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(path / "none")}
    environ = {
        **kept,
        **nowhere,
        **given,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ENDCAP_HOME": str(path / "home"),
        "ENDCAP_PORT": str(_free_port()),
    }
    command = [str(BIN / "endcap"), "serve"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            assert line.startswith("Serving on "), f"the server said {line!r}"
            said = subprocess.run(
                [str(BIN / "endcap"), "env", "--json"], env=environ, capture_output=True, text=True, check=True
            )
            yield Home(path / "home", {**environ, **json.loads(said.stdout)}, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pause() -> None:
    """Between two looks at something that changes."""
    time.sleep(0.05)
