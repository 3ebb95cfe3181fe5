"""`evaluate`: one recipe, one pair of tables, one protocol — numbers with their intervals."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from endcap.errors import InputError
from endcap.evaluation.baskets import ALONE, baskets, completed
from endcap.evaluation.compare import Estimate, coverage_estimate, estimates
from endcap.evaluation.metrics import Float64, per_query
from endcap.evaluation.protocols import ProtocolName, Task, rank, task, timed_rank
from endcap.lake.splits import Split
from endcap.recipes import create, recipe_name
from endcap.recipes.base import Recipe
from endcap.seams import Progress, no_progress
from endcap.types import Int32


@dataclass(frozen=True)
class Result:
    """What `evaluate` found. `metrics` are named `recall@20`; `per_query` holds the values behind them, float64 [q]."""

    recipe: str
    protocol: ProtocolName
    at: int
    metrics: dict[str, Estimate]
    users: int
    items: int
    train_seconds: float
    score_seconds: float
    peak_memory_mb: float
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    histories: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    """The same metrics with other histories (next-item), by the name of the history."""
    per_query: dict[str, Float64] = field(default_factory=dict, repr=False, compare=False)

    @property
    def users_per_second(self) -> float:
        """How many users were answered in a second of scoring."""
        return self.users / max(self.score_seconds, 1e-9)

    def json(self) -> dict[str, Any]:
        """The document that `endcap evaluate --json` prints; `histories` is there only where they are told apart."""
        document: dict[str, Any] = {
            "recipe": self.recipe,
            "protocol": self.protocol,
            "metrics": {name: estimate.json() for name, estimate in self.metrics.items()},
            "seconds": {"train": self.train_seconds, "score": self.score_seconds},
            "users_per_second": self.users_per_second,
            "peak_memory_mb": self.peak_memory_mb,
        }
        if self.histories:
            document["histories"] = {
                history: {name: estimate.json() for name, estimate in metrics.items()}
                for history, metrics in self.histories.items()
            }
        return document


def evaluate(
    recipe: str | Recipe,
    train: Any,
    test: Any = None,
    *,
    protocol: str = "top-n",
    at: int = 20,
    keep_seen: bool = False,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Result:
    """Train a recipe on `train` and judge it on `test`, the whole catalogue ranked.

    `recipe` is a name (with `settings` as its hyper-parameters) or an unfitted recipe; `train` and `test` are paths,
    Arrow tables, pandas or polars frames, or `Dataset`s, with the columns that the protocol asks for. `seed` draws
    the bootstrap. Seconds of scoring leave the compilation of kernels out. Raises `UnknownName` for a recipe or
    protocol that does not exist and `InputError` kinds for data that does not fit.
    """
    if at < 1:
        raise InputError(f"at is {at}, expected 1 or more.")
    if settings and not isinstance(recipe, str):
        raise InputError("Settings go with a recipe's name.", fix="Set them where the recipe is made.")
    made = create(recipe, settings) if isinstance(recipe, str) else recipe
    if protocol == "baskets":
        return _baskets(made, train, test, at, seed, progress)
    asked = task(protocol, train, test, keep_seen=keep_seen)
    judged, train_seconds = _fit(made, asked.split, progress)
    top, score_seconds = timed_rank(
        judged, asked.split, at, mask_history=asked.mask_history, progress=progress, label="Scoring"
    )
    columns = per_query(top, asked.split.targets)
    return Result(
        recipe=recipe if isinstance(recipe, str) else recipe_name(recipe),
        protocol=asked.protocol,
        at=at,
        metrics=metrics_of(top, columns, asked.split, at, seed),
        users=len(asked.split),
        items=asked.split.train.n_items,
        train_seconds=train_seconds,
        score_seconds=score_seconds,
        peak_memory_mb=peak_memory_mb(),
        notes=asked.notes,
        settings=judged.settings(),
        histories=_histories(made, asked, at, seed, progress),
        per_query=columns,
    )


def _baskets(made: Recipe, train: Any, test: Any, at: int, seed: int, progress: Progress) -> Result:
    """Orders completed from one item alone (the headline), and from it for this shopper (`histories`)."""
    asked = baskets(train, test, seed)
    start = time.perf_counter()
    judged = made.fit(asked.train, progress)
    fitted = time.perf_counter()
    answers = completed(judged, asked, at, progress=progress)
    scored = time.perf_counter()
    columns = {way: per_query(top, asked.targets) for way, top in answers.items()}
    found = {way: _named(answers[way], columns[way], asked.train.n_items, at, seed) for way in answers}
    return Result(
        recipe=recipe_name(made),
        protocol="baskets",
        at=at,
        metrics=found.pop(ALONE),
        users=len(asked),
        items=asked.train.n_items,
        train_seconds=fitted - start,
        score_seconds=scored - fitted,
        peak_memory_mb=peak_memory_mb(),
        notes=asked.notes,
        settings=judged.settings(),
        histories=found,
        per_query={f"{name}, {way}": values for way, each in columns.items() for name, values in each.items()},
    )


def metrics_of(top: Int32, columns: Mapping[str, Float64], split: Split, at: int, seed: int) -> dict[str, Estimate]:
    """Every metric with its interval under its public name, coverage last."""
    return _named(top, columns, split.train.n_items, at, seed)


def _named(top: Int32, columns: Mapping[str, Float64], n_items: int, at: int, seed: int) -> dict[str, Estimate]:
    named = {f"{name}@{at}": estimate for name, estimate in estimates(columns, seed=seed).items()}
    return {**named, f"coverage@{at}": coverage_estimate(top, n_items)}


def peak_memory_mb() -> float:
    """The most memory this process ever held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _fit(made: Recipe, split: Split, progress: Progress) -> tuple[Recipe, float]:
    start = time.perf_counter()
    fitted = made.fit(split.train, progress)
    return fitted, time.perf_counter() - start


def _histories(made: Recipe, asked: Task, at: int, seed: int, progress: Progress) -> dict[str, dict[str, Estimate]]:
    """The variants of a task, each judged as the headline was; recipes are trained again where the training differs."""
    found: dict[str, dict[str, Estimate]] = {}
    learned = asked.split.train
    for name, split in asked.variants.items():
        if split.train is not learned:
            made = type(made)(**made.settings()).fit(split.train, progress)
            learned = split.train
        top = rank(made, split, at, mask_history=asked.mask_history, progress=progress)
        found[name] = metrics_of(top, per_query(top, split.targets), split, at, seed)
    return found
