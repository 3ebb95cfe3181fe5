"""Trainings of networks that were ended go on from their last checkpoint, and several processes train one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest
from solution_shop import made, request

from endcap.jobs.training import train_command
from endcap.jobs.training_child import Report, Request, run_training
from endcap.jobs.workspace import Workspace
from endcap.recipes.updated import weights_hash
from endcap.registry import artefacts
from endcap.seams import Tick
from endcap.types import ShopKey

NETWORK = {"factors": "8", "blocks": "1", "length": "16", "epochs": "6", "rate": "0.01"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ShopKey]:
    return made(tmp_path_factory.mktemp("resumed") / "home")


class Epochs:
    """Progress that notes how many epochs each network was said to have at first, and may end it all after some."""

    def __init__(self, until: int = 10**6) -> None:
        self.first: list[int] = []
        self.seen, self.until = 0, until

    @contextmanager
    def __call__(self, label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        del total
        begun = unit != "epochs"

        def tick(n: int = 1) -> None:
            nonlocal begun
            if not begun:
                self.first.append(n)
                begun = True
                return
            self.seen += n * (unit == "epochs")
            if self.seen >= self.until:
                raise KeyboardInterrupt(label)

        yield tick


def network(shop: tuple[Workspace, ShopKey], folder: Path, checkpoints: str) -> Request:
    """What a job would send; a checkpoint after each epoch."""
    config = {"algorithmHyperParameters": NETWORK}
    asked = request(shop[0], folder, "endcap-sasrec", solutionConfig=config)
    return msgspec.structs.replace(asked, checkpoints=checkpoints, checkpoint_seconds=0.0)


def weights(folder: Path, report: Report) -> str:
    return weights_hash(artefacts.read(folder, "0000beef", report.manifest).recipe)


def test_a_killed_job_goes_on_and_ends_as_if_it_had_not_been(shop: tuple[Workspace, ShopKey], tmp_path: Path) -> None:
    asked = network(shop, tmp_path / "killed", str(tmp_path / "checkpoints"))
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "endcap.jobs.training_child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(msgspec.json.encode(asked) + b"\n")
        child.stdin.flush()
        ticks = 0
        while ticks < 5:  # none at the start, then one for each epoch
            ticks += "tick" in json.loads(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    epochs = Epochs()
    resumed = run_training(asked, epochs)
    # Judged first on what is held back, then trained on everything: two networks, each with a checkpoint of its own.
    assert len(epochs.first) == 2 and epochs.first[0] >= 4
    assert len(list((tmp_path / "checkpoints").glob("*.safetensors"))) == 2
    whole = Epochs()
    plain = run_training(network(shop, tmp_path / "whole", ""), whole)
    assert whole.first == [0, 0]
    assert weights(tmp_path / "killed", resumed) == weights(tmp_path / "whole", plain)


def test_a_command_given_again_goes_on(shop: tuple[Workspace, ShopKey]) -> None:
    workspace, key = shop
    left = workspace.settings.home / "training"
    with pytest.raises(KeyboardInterrupt):
        train_command(
            workspace, key, "sasrec", environ={}, settings=NETWORK, checkpoint_seconds=0, progress=Epochs(until=3)
        )
    assert len(list(left.glob("command-*/training-*.safetensors"))) == 1
    epochs = Epochs()
    again = train_command(workspace, key, "sasrec", environ={}, settings=NETWORK, progress=epochs)
    assert epochs.first == [3] and not list(left.glob("command-*"))
    whole = train_command(workspace, key, "sasrec", environ={}, settings=NETWORK, progress=(fresh := Epochs()))
    assert again is not None and whole is not None and fresh.first == [0]
    assert weights_hash(workspace.versions.load(again).recipe) == weights_hash(workspace.versions.load(whole).recipe)


def test_processes_of_torchrun_train_one_version(
    shop: tuple[Workspace, ShopKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What torchrun tells its processes is told to two: the command line as the second, this one as the first."""
    workspace, key = shop
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    told = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    settings = {**NETWORK, "epochs": "2", "dropout": "0.0", "holdout": "0.0"}
    before = len(workspace.versions.list(key, key.name_of("sasrec")))
    command = ["train", "sasrec", "--shop", "mine", *(f"--set={name}={value}" for name, value in settings.items())]
    with subprocess.Popen(
        [sys.executable, "-m", "endcap.cli", *command],
        env={**os.environ, **told, "RANK": "1", "ENDCAP_HOME": str(workspace.settings.home)},
        stdout=subprocess.PIPE,
    ) as second:
        both = train_command(workspace, key, "sasrec", environ={**told, "RANK": "0"}, settings=settings)
        out, _ = second.communicate(timeout=60)
    assert second.returncode == 0 and out == b"" and both is not None
    assert len(workspace.versions.list(key, key.name_of("sasrec"))) == before + 1
    alone = train_command(workspace, key, "sasrec", environ={}, settings=settings)
    assert alone is not None
    one, other = (workspace.versions.load(each).recipe for each in (both, alone))
    # The same but for rounding: halves of a batch are summed apart.
    np.testing.assert_allclose(one.item_vectors, other.item_vectors, atol=1e-5)  # type: ignore[attr-defined]
