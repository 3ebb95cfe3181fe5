"""Click models on Frappe_x1, one JSON line per row: python benchmarks/quality_click.py

Protocol: the file's own split (202,027 train, 57,722 validation, 28,860 test rows; two drawn rows of label 0 for each
use of an app), fields user_id, item_id and the eight of the context, all categories; `resampled` says which rows were
drawn, that is the label, and is left out. Trained on train, stopped and calibrated on validation, judged once on test:
AUC, logloss in nats, expected calibration error (20 bins of equal size); 95 % bootstrap intervals over rows.

Settings were chosen on validation alone: penalty 0.1 over 0.05, two layers of 400 with two fifths left out over
three with a fifth, 20 epochs over 12 and 15 (docs/decisions/click-models.md). `default` is the recipe as it comes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from endcap.evaluation.click import click_differences, evaluate_clicks, labelled
from endcap.recipes import RECIPES

SEED = 0
TUNED = {"hidden": "400,400", "dropout": 0.4, "penalty": 0.1, "epochs": 20}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "logistic": ("ffnn", {"hidden": "", "width": 1, "penalty": 0.0, "rate": 0.01}),
    "fm": ("fm", {}),
    "deepfm": ("deepfm", TUNED),
    "deepfm, default": ("deepfm", {}),
    "ffnn": ("ffnn", TUNED),
    "dcn": ("dcn", TUNED),
    "deepfm, 5 members": ("deepfm", {**TUNED, "members": 5}),
}
GOALS: dict[str, tuple[float | None, float | None]] = {
    "fm": (0.967, None),
    **dict.fromkeys(("deepfm", "deepfm, 5 members"), (0.984, 0.9861)),
}
PUBLISHED = {
    "auc": {"FinalMLP": 0.9861, "DeepFM": 0.9842, "FM": 0.9671, "logistic": 0.9356},
    "logloss": {"FinalNet": 0.1311, "DeepFM": 0.1482, "FM": 0.2065, "logistic": 0.3076},
    "calibration_error": {},
}


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--only", nargs="*", default=list(MODELS), help="models to run")
    asked = parser.parse_args()
    table = pq.read_table(asked.data / "ctr_frappe_x1.parquet")
    split = table["split"].cast("string")
    fields = table.drop_columns(["split", "resampled"])
    train, valid, test = (fields.filter(pc.equal(split, part)) for part in ("train", "valid", "test"))
    truth = labelled(test, "label", "test")[1]
    floor: Any = None
    for model in asked.only:
        name, settings = MODELS[model]
        if name not in RECIPES:
            continue
        found = evaluate_clicks(name, train, test, valid, settings=settings, seed=SEED)
        floor = found.probabilities if floor is None else floor
        over = click_differences(truth, found.probabilities, floor, seed=SEED)
        for metric, estimate in found.metrics.items():
            must, aim = GOALS.get(model, (None, None)) if metric == "auc" else (None, None)
            detail = {
                "protocol": "click",
                "rows": found.rows,
                "settings": dict(found.settings),
                "floor": PUBLISHED[metric],
                f"over {asked.only[0]}": over[metric].json(),
                "seconds": {"train": round(found.train_seconds, 1), "score": round(found.score_seconds, 3)},
            }
            line = {"row": f"Frappe, {metric} · {model}", "must": must, "aim": aim, "measured": estimate.value}
            line["better"] = "higher" if metric == "auc" else "lower"
            print(
                json.dumps({**line, "low": estimate.low, "high": estimate.high, "seed": SEED, "detail": detail}),
                flush=True,
            )


if __name__ == "__main__":
    main()
