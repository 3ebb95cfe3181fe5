"""Training, import and publish killed at any moment: the old campaign answers on, and the next try works."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from endcap.jobs.answering import open_snapshot
from endcap.jobs.intake import bring_in
from endcap.jobs.publishing import publish
from endcap.jobs.training import train
from endcap.jobs.workspace import open_workspace
from endcap.serving.recommend import Request, recommend
from endcap.settings import Settings

MOMENTS = 60 if os.environ.get("SOAK") else 4


def endcap(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "endcap.cli", *arguments]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ENDCAP_HOME": str(home)}


def answer(home: Path) -> tuple[str, list[str]]:
    """What a freshly opened home answers: the version that serves, and its items."""
    workspace = open_workspace(Settings(home=home))
    deployment = workspace.campaigns.current(workspace.shop("mine"), "live")
    slate = recommend(open_snapshot(workspace, deployment), Request(k=5, user_id="c1"))
    workspace.database.close()
    return slate.model.version, slate.items


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    rng = np.random.Generator(np.random.PCG64(1))
    lines = ["user_id,item_id,timestamp"]
    for user in range(100):
        for step, item in enumerate(rng.integers(0, 100, 50)):
            lines.append(f"c{user},i{item},{1_700_000_000 + user * 97 + step * 86_400}")
    (folder / "orders.csv").write_text("\n".join(lines) + "\n")
    workspace = open_workspace(Settings(home=folder / "home"))
    shop = workspace.new_shop("mine")
    bring_in(workspace, shop, [folder / "orders.csv"])
    train(workspace, shop, "popularity")
    publish(workspace, shop, None, "live")
    workspace.database.close()
    return folder / "home"


@pytest.mark.parametrize(
    "work",
    [
        ("train", "item-item", "--solution", "killed"),
        ("import", "orders.csv", "--shop", "mine"),
        ("publish", "--campaign", "other"),
    ],
    ids=lambda work: work[0],
)
def test_a_kill_at_any_moment_leaves_the_old_campaign_serving(home: Path, work: tuple[str, ...]) -> None:
    before = answer(home)
    started = time.perf_counter()
    subprocess.run(endcap(*work), env=environment(home), check=True, capture_output=True, cwd=home.parent)
    whole = time.perf_counter() - started
    moments = np.random.Generator(np.random.PCG64(7)).uniform(0.05, whole, MOMENTS)
    for moment in moments:
        with subprocess.Popen(
            endcap(*work),
            env=environment(home),
            cwd=home.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as child:
            time.sleep(moment)
            os.killpg(child.pid, signal.SIGKILL)
        assert answer(home) == before
    subprocess.run(endcap(*work), env=environment(home), check=True, capture_output=True, cwd=home.parent)
    assert answer(home) == before
