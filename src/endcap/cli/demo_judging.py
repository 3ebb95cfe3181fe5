"""What `endcap demo` judges while its shop is served already: `python -m endcap.cli.demo_judging SHOP SERVER HOME`.

The process that was started ends at once, and another, which nobody waits for, does the work: the server takes the
place of the process that started this one, and would not notice that it is done.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from endcap.jobs.running import is_alive, is_served_by
from endcap.settings import Settings

QUIETER = 10
"""How much nicer than the server it is."""
LOOK_SECONDS = 0.5


def begin(shop: str, home: Path) -> None:
    """Judge a shop as soon as what this process becomes serves the home, and print it here; it ends with it."""
    subprocess.run([sys.executable, "-P", "-m", __name__, shop, str(os.getpid()), str(home)], check=True)


def _end_with(server: int) -> None:
    while is_alive(server):
        time.sleep(LOOK_SECONDS)
    os._exit(0)


def _main(shop: str, server: int, home: Path) -> None:
    if os.fork():
        os._exit(0)
    os.nice(QUIETER)
    threading.Thread(target=_end_with, args=(server,), daemon=True).start()
    while not is_served_by(Settings(home=home), server):  # loading comes first: a page waits for it
        time.sleep(LOOK_SECONDS)
    from endcap.cli.demo_command import evaluate
    from endcap.cli.output import complain
    from endcap.errors import EndcapError
    from endcap.processes import without_pandas

    without_pandas()
    try:
        evaluate(shop)
    except EndcapError as error:
        complain(error.message, error.fix, error.exit_code)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
