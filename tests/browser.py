"""A real Chromium for the pages; tests skip, counted, where there is none."""

import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--v=0",
)


@dataclass(frozen=True)
class Page:
    """What Chromium made of a page: its DOM after loading, its console lines, and a picture."""

    dom: str
    console: list[str]
    picture: Path

    def colours(self) -> int:
        """How many different colours the picture has, counted on every tenth pixel: a blank page has one or two."""
        return len(_sample(self.picture.read_bytes()))


def open_page(url: str, folder: Path, width: int = 1280, height: int = 1600) -> Page:
    """Load a page twice: for its DOM and for its picture."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("there is no Chromium")
    profile, picture = folder / "profile", folder / "page.png"
    base = [binary, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
    dumped = subprocess.run([*base, "--dump-dom", url], capture_output=True, text=True, timeout=60, check=True)
    subprocess.run([*base, f"--screenshot={picture}", url], capture_output=True, timeout=60, check=True)
    console = [line for line in dumped.stderr.splitlines() if ":CONSOLE" in line]
    return Page(dumped.stdout, console, picture)


def _sample(png: bytes) -> set[bytes]:
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8
    data, place = b"", 8
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        if name == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += 12 + length
    raw, stride = zlib.decompress(data), width * channels + 1
    # Filter bytes differ by line; lines as stored vary with the picture, which is all that blankness needs.
    lines = (raw[y * stride + 1 : (y + 1) * stride] for y in range(0, height, 10))
    return {line[x : x + channels] for line in lines for x in range(0, len(line), 10 * channels)}
