"""`endcap evaluate`: judge recipes, on a shop of the lake or on any split given as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from endcap.cli.output import AsJson, ScreenProgress, Settable, ShopName, emit, recipe_settings, say, settings, table

COLUMNS = ("coverage", "ndcg", "recall", "mrr")


def command(
    train: Annotated[Path | None, typer.Option(help="Training file; without it, a shop is judged.")] = None,
    test: Annotated[Path | None, typer.Option(help="Test file; next-item can do without.")] = None,
    recipe: Annotated[list[str] | None, typer.Option("--recipe", "-r", help="A recipe; repeat for a shop.")] = None,
    hyper_parameters: Settable = None,
    protocol: Annotated[str, typer.Option(help="top-n, next-item, sessions, baskets or click.")] = "top-n",
    at: Annotated[int, typer.Option(min=1, help="Length of the ranking that is judged.")] = 20,
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Items seen in training may be shown and count.")
    ] = False,
    shop: ShopName = None,
    days: Annotated[float, typer.Option(min=0.01, help="For a shop: the last days are the test.")] = 28,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    valid: Annotated[Path | None, typer.Option(help="click: the file that tells when to stop training.")] = None,
    label: Annotated[str, typer.Option(help="click: the column of 0 and 1; all others are fields.")] = "label",
    save: Annotated[
        Path | None, typer.Option(help="click, of numbered features: write the model here, for endcap predict --model.")
    ] = None,
    control: Annotated[
        bool, typer.Option("--control", help="For a shop: once more with the histories of other shoppers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Metrics with 95 % intervals: full ranking, of files (--train, --test) or a shop (--shop), or clicks of rows.

    Rows of clicks are tables (Parquet, CSV, JSON Lines) or numbered features with labels (.libsvm, .svm, .svmlight;
    .recordio, .pb, .protobuf), which fm learns from.
    """
    if protocol == "click":
        _clicks(recipe, train, test, valid, label, hyper_parameters, seed, save, as_json)
        return
    _unsaved(save)
    if train is None:
        _shop(shop, recipe, at, days, seed, control, as_json)
        return
    from endcap.evaluation.evaluate import evaluate

    result = evaluate(
        (recipe or ["blend"])[0],
        train,
        test,
        protocol=protocol,
        at=at,
        keep_seen=keep_seen,
        settings=recipe_settings(hyper_parameters),
        seed=seed,
        progress=ScreenProgress(),
    )
    if as_json:
        emit(result.json())
        return
    asked = "orders" if protocol == "baskets" else "users"
    say(f"{result.recipe}, {protocol}, {result.users:,} {asked}, {result.items:,} items")
    _show_metrics(result.json()["metrics"])
    for history, metrics in result.json().get("histories", {}).items():
        say(f"history: {history}")
        _show_metrics(metrics)
    _show_cost(result, f"{result.users_per_second:,.0f} {asked}/s")


def _clicks(
    recipes: list[str] | None,
    train: Path | None,
    test: Path | None,
    valid: Path | None,
    label: str,
    hyper_parameters: Settable,
    seed: int,
    save: Path | None,
    as_json: bool,
) -> None:
    from endcap.errors import InputError
    from endcap.evaluation.click import evaluate_clicks
    from endcap.lake.row_files import is_row_file

    if train is None or test is None:
        raise InputError("The protocol click needs two files.", fix="Give --train and --test.")
    if not is_row_file(train):
        _unsaved(save)
    elif save is not None and not save.parent.is_dir():
        raise InputError(f"There is no folder {save.parent} to write the model to.", fix="Make it first.")
    result = evaluate_clicks(
        (recipes or ["fm" if is_row_file(train) else "deepfm"])[0],
        train,
        test,
        valid,
        label=label,
        settings=recipe_settings(hyper_parameters),
        seed=seed,
        progress=ScreenProgress(),
    )
    if save is not None and result.machine is not None:
        result.machine.save(save)
    if as_json:
        emit(result.json())
        return
    known = f"{len(result.fields)} fields" if result.machine is None else f"{result.features:,} features"
    say(f"{result.recipe}, click, {result.rows:,} rows, {known}")
    _show_metrics(result.json()["metrics"])
    _show_cost(result, f"{result.rows_per_second:,.0f} rows/s")
    if save is not None:
        say(f"Next: endcap predict --model {save} --file {test}")


def _unsaved(save: Path | None) -> None:
    from endcap.errors import InputError

    if save is not None:
        raise InputError(
            "--save keeps what was learnt from numbered features (.libsvm, .recordio), and no other model.",
            fix="To keep a model of a shop: endcap train.",
        )


def _show_metrics(metrics: Mapping[str, Any]) -> None:
    table(("metric", "value", "95 % interval"), [[name, *_interval(found)] for name, found in metrics.items()])


def _show_cost(result: Any, rate: str) -> None:
    for note in result.notes:
        say(f"  {note}")
    seconds = f"train {result.train_seconds:.1f} s · score {result.score_seconds:.1f} s"
    say(f"{seconds} · {rate} · {result.peak_memory_mb:,.0f} MB")


def show_judgement(report: dict[str, Any]) -> None:
    """The rows of a shop's evaluation: one table for all items, one for items new to the shopper."""
    at = report["at"]
    for population in dict.fromkeys(row["population"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["population"] == population]
        rows.sort(key=lambda row: -row["metrics"][f"ndcg@{at}"]["value"])
        cells = [
            [row["recipe"], *(_cell(row["metrics"].get(f"{name}@{at}")) for name in COLUMNS), _over(row, at)]
            for row in rows
        ]
        say()
        names = [f"{name}@{at}" for name in ("coverage", "NDCG", "recall", "MRR")]
        table(("recipe", *names, "NDCG over popularity"), cells, title=f"{population}, {rows[0]['users']:,} shoppers")
    _show_control(report)
    for name, reason in report["skipped"].items():
        say(f"  {name} was left out: {reason}")


def _show_control(report: dict[str, Any]) -> None:
    """What is left when everybody is shown what was made for somebody else."""
    rows = [row for row in report["rows"] if "control" in row]
    cells = []
    for row in rows:
        found = row["control"]
        lost = "–" if found["lost"] is None else f"{100 * found['lost']['value']:.0f} %"
        cells.append([row["recipe"], row["population"], _cell(found["shuffled"]), _cell(found["own_adds"]), lost])
    if cells:
        say()
        columns = ("recipe", "population", "NDCG, others' histories", "one's own adds", "of the lead is lost")
        table(columns, cells, title="the control: histories of other shoppers")


def _shop(
    name: str | None, recipes: list[str] | None, at: int, days: float, seed: int, control: bool, as_json: bool
) -> None:
    from endcap.jobs.demo import JUDGED
    from endcap.jobs.judging import judge_shop, report_paths
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    shop = workspace.shop(name)
    judgement = judge_shop(
        workspace,
        shop,
        recipes or JUDGED,
        days=days,
        at=at,
        seed=seed,
        shuffle=control,
        progress=ScreenProgress(),
    )
    if as_json:
        emit(judgement.json())
        return
    show_judgement(judgement.json())
    say(f"\nThe page is {report_paths(workspace, shop)[1]}")


def _interval(found: dict[str, float]) -> tuple[str, str]:
    return f"{found['value']:.4f}", f"{found['low']:.4f} … {found['high']:.4f}"


def _cell(found: dict[str, float] | None) -> str:
    if found is None:
        return "–"
    return f"{found['value']:.4f} ±{(found['high'] - found['low']) / 2:.4f}"


def _over(row: dict[str, Any], at: int) -> str:
    found = row["over_popularity"].get(f"ndcg@{at}")
    return "" if found is None else f"{found['value']:+.4f} ({found['low']:+.4f} … {found['high']:+.4f})"
