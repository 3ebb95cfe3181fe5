"""Online Retail II from the file to an answered request: import, train, publish, recommend, in an empty home."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
MUST = 60.0


def main() -> int:
    """One row: seconds from nothing to a served campaign's answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=REPOSITORY / "../shared/data", help="folder of the public sets")
    source = parser.parse_args().data / "online_retail_ii.parquet"
    if not source.exists():
        sys.exit(f"There is no {source}; give the folder that holds it with --data.")
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "ENDCAP_HOME": home}
        steps = {
            "import": ["import", str(source), "--shop", "online-retail", "--dialect", "online-retail"],
            "train": ["train", "blend"],
            "publish": ["publish"],
            "recommend": ["recommend", "13085", "--json"],
        }
        seconds = {}
        for name, arguments in steps.items():
            started = time.perf_counter()
            command = [sys.executable, "-m", "endcap.cli", *arguments]
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            seconds[name] = round(time.perf_counter() - started, 2)
        shown = len(json.loads(done.stdout)["items"])
    assert shown == 10, f"expected ten items, got {shown}"
    row = {
        "row": "Online Retail II, from file to an answer, seconds",
        "must": MUST,
        "aim": MUST / 2,
        "measured": round(sum(seconds.values()), 1),
        "better": "lower",
        "unit": "s",
        "detail": seconds,
    }
    print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
