"""The click protocol: how well a model tells the rows of a table whose label is 1, and whether its numbers are true.

Every column but the label is a field; files of numbered features (LibSVM, RecordIO) hold labels and have no columns.
Rows are the unit of resampling; the draws of one seed are the same for every model of the same rows, so that
differences are paired.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from endcap.errors import DataError, InputError, SchemaError, StateError
from endcap.evaluation.compare import LEVEL, RESAMPLES, Estimate
from endcap.evaluation.evaluate import peak_memory_mb
from endcap.evaluation.tables import whole_table
from endcap.lake.row_files import is_row_file, read_row_files
from endcap.recipes import RECIPES, create, recipe_class, recipe_name
from endcap.recipes.base import Recipe
from endcap.recipes.clicks import ClickModel, LearnsRows
from endcap.recipes.row_machine import RowMachine
from endcap.seams import Progress, no_progress, rng
from endcap.types import Float32, Float64, Int32

LABEL = "label"
METRICS = ("auc", "logloss", "calibration_error")
BINS = 20
LEAST = 1e-7
"""No probability is taken for nearer to 0 or 1."""
_TRUE, _FALSE = ("1", "1.0", "true"), ("0", "0.0", "-1", "-1.0", "false")
_CELLS = 4_000_000  # draws held at once (16 MB)


@dataclass(frozen=True)
class ClickResult:
    """What `evaluate_clicks` found: `metrics` by the names of `METRICS`, `probabilities` float32 [rows] behind them.

    Of numbered features there are no `fields`: `features` is how many of them training met, `machine` the model.
    """

    recipe: str
    metrics: dict[str, Estimate]
    rows: int
    fields: tuple[str, ...]
    train_seconds: float
    score_seconds: float
    peak_memory_mb: float
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    probabilities: Float32 = field(default_factory=lambda: np.zeros(0, np.float32), repr=False, compare=False)
    features: int = 0
    machine: RowMachine | None = field(default=None, repr=False, compare=False)

    @property
    def rows_per_second(self) -> float:
        """How many rows were given a probability in a second."""
        return self.rows / max(self.score_seconds, 1e-9)

    def json(self) -> dict[str, Any]:
        """The document that `endcap evaluate --protocol click --json` prints."""
        return {
            "recipe": self.recipe,
            "protocol": "click",
            "metrics": {name: estimate.json() for name, estimate in self.metrics.items()},
            "rows": self.rows,
            "fields": list(self.fields),
            **({"features": self.features} if self.machine is not None else {}),
            "seconds": {"train": self.train_seconds, "score": self.score_seconds},
            "rows_per_second": self.rows_per_second,
            "peak_memory_mb": self.peak_memory_mb,
            "notes": list(self.notes),
        }


def evaluate_clicks(
    recipe: str | Recipe,
    train: Any,
    test: Any,
    valid: Any = None,
    *,
    label: str = LABEL,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> ClickResult:
    """Train a click model on `train`, stopped by `valid` where there is one, and judge it on `test`.

    The data are paths, Arrow tables or frames; `label` names a column of 0 and 1 (or -1 and 1, or booleans), all
    other columns are fields. Or they are paths of files of numbered features, all of one kind, which hold their labels.
    Raises `InputError` for a recipe that is no click model, or cannot learn from such files, `SchemaError` for a column
    that is missing, `DataError` for labels that are empty, not binary, or all the same.
    """
    made = create(recipe, settings) if isinstance(recipe, str) else recipe
    name = recipe if isinstance(recipe, str) else recipe_name(recipe)
    if any(is_row_file(each) for each in (train, test, valid)):
        if label != LABEL:
            raise InputError(f"Files of numbered features have no column {label!r}.", fix="Leave --label out.")
        learnt = _of_rows(made, name, {"training": train, "test": test, "validation": valid}, progress)
    else:
        learnt = _of_tables(made, name, (train, test, valid), label, progress)
    if not np.isfinite(learnt.probabilities).all():
        raise StateError(f"{name} found no probabilities: its training diverged.", fix="Lower its learning rate.")
    return ClickResult(
        recipe=name,
        metrics=judge_clicks(learnt.truth, learnt.probabilities, seed=seed),
        rows=len(learnt.truth),
        fields=learnt.fields,
        train_seconds=learnt.train_seconds,
        score_seconds=learnt.score_seconds,
        peak_memory_mb=peak_memory_mb(),
        notes=learnt.notes,
        settings=made.settings(),
        probabilities=learnt.probabilities,
        features=0 if learnt.machine is None else len(learnt.machine.features),
        machine=learnt.machine,
    )


class _Learnt(NamedTuple):
    """What came of training, and of asking about the test."""

    truth: Float32
    probabilities: Float32
    train_seconds: float
    score_seconds: float
    notes: tuple[str, ...]
    fields: tuple[str, ...] = ()
    machine: RowMachine | None = None


def _of_tables(made: Recipe, name: str, sources: tuple[Any, Any, Any], label: str, progress: Progress) -> _Learnt:
    if not isinstance(made, ClickModel):
        raise InputError(
            f"{name} does not predict labels of rows.", fix=f"Recipes that do: {', '.join(_models(ClickModel))}."
        )
    train, test, valid = sources
    learned, known = labelled(train, label, "training")
    fields = tuple(column for column in learned.column_names if column != label)
    if not fields:
        raise SchemaError("The training data has no column beside the label.", column=label, fix="Add fields.")
    asked, truth = labelled(test, label, "test", fields)
    held = None if valid is None else labelled(valid, label, "validation", fields)[0]
    start = time.perf_counter()
    model = made.fit_table(learned, label, held, progress)
    trained = time.perf_counter() - start
    questions = asked.drop_columns([label])
    found, scored = _timed(model.probabilities, questions, questions.slice(0, 1))
    notes = (_note(known, truth), *_giving_away(learned, label))
    return _Learnt(truth, found, trained, scored, notes, fields)


def _of_rows(made: Recipe, name: str, sources: Mapping[str, Any], progress: Progress) -> _Learnt:
    if not isinstance(made, LearnsRows):
        raise InputError(
            f"{name} does not learn from numbered features, of which it is not known what they mean.",
            fix=f"Recipes that do: {', '.join(_models(LearnsRows))}. Or give tables.",
        )
    given = {what: source for what, source in sources.items() if source is not None}
    if odd := [what for what, source in given.items() if not isinstance(source, (str, Path))]:
        raise InputError(f"The {odd[0]} data is a {type(given[odd[0]]).__name__}.", fix="Give files of one kind.")
    files = {
        what: replace(rows, labels=_both(_zero_or_one(pa.array(rows.labels), LABEL, what), LABEL, what))
        for what, rows in read_row_files({what: Path(source) for what, source in given.items()}).items()
    }
    test, truth = files["test"], np.asarray(files["test"].labels)
    start = time.perf_counter()
    machine = made.fit_rows(files["training"], files.get("validation"), progress)
    trained = time.perf_counter() - start
    found, scored = _timed(machine.probabilities, test, replace(test, rows=test.rows[:1]))
    notes = (_note(np.asarray(files["training"].labels), truth),)
    return _Learnt(truth, found, trained, scored, notes, machine=machine)


def _timed(ask: Callable[[Any], Float32], questions: Any, one: Any) -> tuple[Float32, float]:
    """(answers, seconds they took); what is compiled or loaded at the first question, `one`, is not counted."""
    ask(one)
    start = time.perf_counter()
    return ask(questions), time.perf_counter() - start


def labelled(source: Any, label: str, what: str, fields: tuple[str, ...] = ()) -> tuple[pa.Table, Float32]:
    """(the table with its label as float32 of 0 and 1, that column); only `fields` and the label where they are named.

    Raises the errors of `evaluate_clicks`; `what` names the table in them.
    """
    table = whole_table(source, what=what)
    for name in (label, *fields):
        if name not in table.column_names:
            raise SchemaError(
                f"The {what} data has no column {name!r}; it has {', '.join(table.column_names)}.",
                column=name,
                fix="Name the label by --label." if name == label else "Every table needs the fields of the training.",
            )
    if not table.num_rows:
        raise DataError(f"The {what} data has no rows.", fix="Check the file, or the split that made it.")
    column = table[label].combine_chunks()
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    truth = _both(_zero_or_one(plain, label, what), label, what)
    table = table.set_column(table.column_names.index(label), label, pa.array(truth))
    return (table.select([*fields, label]) if fields else table), truth


def _both(truth: Float32, label: str, what: str) -> Float32:
    """The labels, where both kinds are there."""
    if truth.min() == truth.max():
        raise DataError(
            f"Column {label} of the {what} data is {truth[0]:.0f} in all {len(truth):,} rows.",
            column=label,
            fix="Give rows of both kinds: clicks and what was not clicked.",
        )
    return truth


def judge_clicks(truth: Float32, probabilities: Float32, *, seed: int = 0) -> dict[str, Estimate]:
    """AUC, logloss and expected calibration error of float32 [rows], with 95 % bootstrap intervals over rows.

    AUC counts ties half. Logloss is the mean negative log-likelihood in nats. The calibration error is the mean over
    `BINS` bins of equal size of |mean probability - share of label 1| (Nguyen & O'Connor, 2015, "Posterior
    calibration and exploratory analysis"); noise alone makes it larger than 0, and larger again in a resample, so
    its interval is moved by what the resamples lie above it on average.
    """
    values = _measured(truth, probabilities, np.arange(len(truth), dtype=np.int32)[None, :])[0]
    drawn = _resampled(truth, probabilities, seed)
    drawn[:, 2] -= np.nanmean(drawn[:, 2]) - values[2]
    return _estimates(values, drawn, least=0.0)


def click_differences(truth: Float32, first: Float32, second: Float32, *, seed: int = 0) -> dict[str, Estimate]:
    """first - second of every metric, paired by row."""
    every = np.arange(len(truth), dtype=np.int32)[None, :]
    values = _measured(truth, first, every)[0] - _measured(truth, second, every)[0]
    return _estimates(values, _resampled(truth, first, seed) - _resampled(truth, second, seed), least=-np.inf)


def _estimates(values: Float64, drawn: Float64, least: float) -> dict[str, Estimate]:
    tail = (1 - LEVEL) / 2
    low, high = np.maximum(np.nanquantile(drawn, [tail, 1 - tail], axis=0), least)
    return {name: Estimate(float(values[at]), float(low[at]), float(high[at])) for at, name in enumerate(METRICS)}


def _resampled(truth: Float32, probabilities: Float32, seed: int) -> Float64:
    rows, draws = len(truth), rng(seed)
    block = max(1, _CELLS // rows)
    sizes = [min(block, RESAMPLES - start) for start in range(0, RESAMPLES, block)]
    parts = [_measured(truth, probabilities, draws.integers(0, rows, (size, rows), np.int32)) for size in sizes]
    return np.concatenate(parts)


def _measured(truth: Float32, probabilities: Float32, drawn: Int32) -> Float64:
    """float64 [r, 3]: the metrics on the rows of each draw, int32 [r, rows]."""
    sure = np.clip(probabilities.astype(np.float64), LEAST, 1 - LEAST)
    loss = -np.where(truth > 0, np.log(sure), np.log1p(-sure))
    order = np.argsort(probabilities, kind="stable")
    tie = np.empty(len(truth), np.int32)
    tie[order] = np.cumsum(np.diff(probabilities[order], prepend=probabilities[order[:1]]) > 0)
    cell = np.empty(len(truth), np.int32)
    cell[order] = np.arange(len(truth)) * BINS // len(truth)
    out = np.empty((len(drawn), 3))
    _measure(drawn, truth, probabilities, loss, tie, cell, out)
    return out


@njit(cache=True, nogil=True)
def _measure(
    drawn: Int32, truth: Float32, probabilities: Float32, loss: Float64, tie: Int32, cell: Int32, out: Float64
) -> None:
    """Into `out` [r, 3]: AUC (NaN of one class), logloss, calibration error of each draw."""
    rows = drawn.shape[1]
    ties = tie.max() + 1
    for r in range(len(drawn)):
        clicks, others = np.zeros(ties), np.zeros(ties)
        surplus = np.zeros(BINS)
        total = 0.0
        for row in drawn[r]:
            if truth[row] > 0:
                clicks[tie[row]] += 1
            else:
                others[tie[row]] += 1
            total += loss[row]
            surplus[cell[row]] += probabilities[row] - truth[row]
        below, won = 0.0, 0.0
        for place in range(ties):
            won += clicks[place] * (below + 0.5 * others[place])
            below += others[place]
        pairs = clicks.sum() * below
        out[r, 0] = won / pairs if pairs > 0 else np.nan
        out[r, 1] = total / rows
        out[r, 2] = np.abs(surplus).sum() / rows


def _zero_or_one(column: pa.Array, label: str, what: str) -> Float32:
    text = pc.utf8_lower(column.cast(pa.string()))
    wrong = pc.invert(pc.is_in(text, value_set=pa.array((*_TRUE, *_FALSE))))
    if column.null_count or pc.any(wrong).as_py():
        row = int(np.flatnonzero(np.asarray(pc.fill_null(wrong, True)))[0])
        given = column[row].as_py()
        raise DataError(
            f"Column {label} of the {what} data is {given!r} in row {row + 1}, expected 0 or 1.",
            row=row + 1,
            column=label,
            fix="Labels are 0 and 1, -1 and 1, or booleans; ratings are made one by a threshold.",
        )
    return np.asarray(pc.is_in(text, value_set=pa.array(_TRUE))).astype(np.float32)


def _note(known: Float32, truth: Float32) -> str:
    constant = np.full(len(truth), known.mean(dtype=np.float64), np.float32)
    loss = _measured(truth, constant, np.arange(len(truth), dtype=np.int32)[None, :])[0, 1]
    share = f"{truth.mean():.1%} of the test rows have label 1"
    return f"{share}; the training's share, said of every row, has logloss {loss:.4f}."


def _giving_away(learned: pa.Table, label: str) -> list[str]:
    return [
        f"Column {name} alone tells the label of every training row: is it known when one asks?"
        for name in learned.column_names
        if name != label and _gives_away(learned[name], learned[label])
    ]


def _gives_away(column: pa.ChunkedArray, label: pa.ChunkedArray) -> bool:
    """Whether the column has few values, each with one label only."""
    codes = column.combine_chunks()
    codes = codes if pa.types.is_dictionary(codes.type) else codes.dictionary_encode()
    if len(codes.dictionary) > len(codes) // 10 + 1 or codes.null_count:
        return False
    share = np.bincount(codes.indices.to_numpy(), np.asarray(label)) / np.bincount(codes.indices.to_numpy()).clip(1)
    return bool(np.isin(share, (0.0, 1.0)).all())


def _models(kind: type[ClickModel] | type[LearnsRows]) -> list[str]:
    return [name for name in RECIPES if issubclass(recipe_class(name), kind)]
