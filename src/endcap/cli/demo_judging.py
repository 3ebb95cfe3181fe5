"""What `endcap demo` judges while its shop is served already: `python -m endcap.cli.demo_judging SHOP SERVER`.

The process that was started ends at once, and another, which nobody waits for, does the work: the server takes the
place of the process that started this one, and would not notice that it is done.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

QUIETER = 10
"""How much nicer than the server it is."""
LOOK_SECONDS = 0.5


def begin(shop: str) -> None:
    """Judge a shop beside what this process becomes, and print it here; it ends with this process."""
    subprocess.run([sys.executable, "-P", "-m", __name__, shop, str(os.getpid())], check=True)


def _end_with(server: int) -> None:
    while True:
        try:
            os.kill(server, 0)
        except ProcessLookupError:
            os._exit(0)
        time.sleep(LOOK_SECONDS)


def _main(shop: str, server: int) -> None:
    if os.fork():
        os._exit(0)
    from endcap.cli import main

    os.nice(QUIETER)
    threading.Thread(target=_end_with, args=(server,), daemon=True).start()
    main(["evaluate", "--shop", shop])


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
