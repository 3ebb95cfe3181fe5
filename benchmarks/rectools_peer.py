"""SASRec of RecTools, timed for benchmarks/sequence.py: run by the environment of requirements-sequence.txt.

    python benchmarks/rectools_peer.py EVENTS.npz SETTINGS.json

EVENTS has user, item (numbers from 0) and time. Prints one JSON line: seconds (wall) and cpu of each epoch.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class Clock(Callback):
    """Wall and processor seconds of each epoch; kept by the class, for the trainer works with a copy."""

    wall: ClassVar[list[float]] = []
    cpu: ClassVar[list[float]] = []

    def on_train_epoch_start(self, *_: object) -> None:
        self.begun = time.perf_counter(), time.process_time()

    def on_train_epoch_end(self, *_: object) -> None:
        self.wall.append(time.perf_counter() - self.begun[0])
        self.cpu.append(time.process_time() - self.begun[1])


def main() -> None:
    """Train, and print the times."""
    warnings.simplefilter("ignore")
    asked = json.loads(Path(sys.argv[2]).read_text())
    torch.set_num_threads(asked["threads"])
    with np.load(sys.argv[1]) as held:
        events = pd.DataFrame({Columns.User: held["user"], Columns.Item: held["item"], "time": held["time"]})
    events[Columns.Datetime] = pd.to_datetime(events.pop("time"), unit="s")
    events[Columns.Weight] = 1.0

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=asked["epochs"],
            accelerator="cpu",
            callbacks=[Clock()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    model = SASRecModel(
        n_blocks=asked["blocks"],
        n_heads=asked["heads"],
        n_factors=asked["factors"],
        session_max_len=asked["length"],
        batch_size=asked["rows"],
        dropout_rate=asked["dropout"],
        loss="softmax",
        epochs=asked["epochs"],
        dataloader_num_workers=0,
        get_trainer_func=trainer,
    )
    data = Dataset.construct(events)
    model.fit(data)
    users = events[Columns.User].unique()
    found = model.recommend(users, data, k=10, filter_viewed=True)
    top = found.sort_values([Columns.User, Columns.Rank]).groupby(Columns.User)[Columns.Item].apply(list)
    print(
        json.dumps(
            {
                "wall": Clock.wall,
                "cpu": Clock.cpu,
                "top": {str(user): list(map(int, items)) for user, items in top.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
