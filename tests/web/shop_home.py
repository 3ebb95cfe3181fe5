"""The home of a small simulated shop, trained and published: made once for all workers of a run, then copied."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from endcap.jobs.demo import SERVED
from endcap.jobs.intake import bring_in
from endcap.jobs.publishing import publish
from endcap.jobs.training import train
from endcap.jobs.workspace import open_workspace
from endcap.seams import SystemClock
from endcap.settings import Settings
from endcap.simulator import open_shop
from endcap.simulator.files import write_files
from endcap.types import ShopKey

NAME = "corner"
FILES = ("interactions.csv", "items.csv", "users.csv")


def home_of_a_shop(shared: Path, own: Path) -> Path:
    """A copy at `own` of what is made under `shared` by whoever comes first."""
    made = shared / "web-home"
    try:
        made.mkdir(parents=True)
    except FileExistsError:
        _wait(made / "done")
    else:
        build(made / "home")
        (made / "done").touch()
    shutil.copytree(made / "home", own)
    return own


def build(home: Path, users: int = 240, items: int = 160, days: int = 40) -> ShopKey:
    """Simulate a grocer whose history ended last midnight, import it as files, train and publish what pages ask for."""
    now = SystemClock().now()
    files = home.parent / "files"
    write_files(open_shop("grocery", users=users, items=items, days=days, seed=7, until=now), files, impressions=False)
    workspace = open_workspace(Settings(home=home, port=0))
    try:
        shop = workspace.new_shop(NAME)
        bring_in(workspace, shop, [files / name for name in FILES], dialect="personalize")
        dataset = workspace.lake.dataset(shop)
        for purpose, recipe in SERVED.items():
            version = train(workspace, shop, recipe, dataset=dataset)
            publish(workspace, shop, version.id, shop.name_of(purpose))
    finally:
        workspace.database.close()
    return shop


def _wait(path: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was never made"
        time.sleep(0.05)
