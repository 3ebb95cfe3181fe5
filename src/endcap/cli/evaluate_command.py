"""`endcap evaluate`: judge recipes, on a shop of the lake or on any split given as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from endcap.cli.judgements import show_clicks, show_judgement, show_results
from endcap.cli.output import AsJson, ScreenProgress, Settable, ShopName, emit, recipe_settings, say, settings

COMPLETED = ("item-item", "bought-together")
"""Recipes that complete a shop's baskets beside popularity, where none is named."""


def command(
    context: typer.Context,
    train: Annotated[Path | None, typer.Option(help="Training file; without it, a shop is judged.")] = None,
    test: Annotated[Path | None, typer.Option(help="Test file; next-item can do without.")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", "-r", help="A recipe; repeat to compare several.")
    ] = None,
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
    from endcap.cli.evaluate_options import judged_of
    from endcap.errors import InputError

    if protocol != "click":
        _unsaved(save)
    judged, told = judged_of(context), recipe_settings(hyper_parameters)
    if judged == "a shop":
        _shop(shop, recipe, protocol, control, as_json, days=days, at=at, seed=seed, settings=told)
    elif protocol == "click":
        _clicks(recipe, train, test, valid, label, told, seed, save, as_json)
    elif train is None:
        raise InputError("--test is given without --train.", fix="Give --train, too.")
    else:
        _files(recipe or ["blend"], train, test, protocol, at, keep_seen, told, seed, as_json)


def _files(
    recipes: list[str],
    train: Path,
    test: Path | None,
    protocol: str,
    at: int,
    keep_seen: bool,
    told: Mapping[str, str],
    seed: int,
    as_json: bool,
) -> None:
    from endcap.evaluation.evaluate import Result, evaluate
    from endcap.evaluation.several import checked, several

    def ask(name: str) -> Result:
        return evaluate(
            name,
            train,
            test,
            protocol=protocol,
            at=at,
            keep_seen=keep_seen,
            settings=told,
            seed=seed,
            progress=ScreenProgress(),
        )

    found = several(checked(recipes, told), ask)
    if as_json:
        emit(found.json() if len(set(recipes)) > 1 else found.results[0].json())
        return
    show_results(found)


def _clicks(
    recipes: list[str] | None,
    train: Path | None,
    test: Path | None,
    valid: Path | None,
    label: str,
    told: Mapping[str, str],
    seed: int,
    save: Path | None,
    as_json: bool,
) -> None:
    from endcap.errors import InputError
    from endcap.evaluation.click import ClickResult, evaluate_clicks
    from endcap.evaluation.several import checked, several
    from endcap.lake.row_files import is_row_file

    if train is None or test is None:
        raise InputError("The protocol click needs two files.", fix="Give --train and --test.")
    if not is_row_file(train):
        _unsaved(save)
    elif save is not None and not save.parent.is_dir():
        raise InputError(f"There is no folder {save.parent} to write the model to.", fix="Make it first.")
    names = checked(recipes or ["fm" if is_row_file(train) else "deepfm"], told)
    if save is not None and len(names) > 1:
        raise InputError(f"--save keeps one model, and {len(names)} are trained.", fix="Judge one recipe.")

    def ask(name: str) -> ClickResult:
        return evaluate_clicks(
            name, train, test, valid, label=label, settings=told, seed=seed, progress=ScreenProgress()
        )

    found = several(names, ask)
    machine = found.results[0].machine
    if save is not None and machine is not None:
        machine.save(save)
    if as_json:
        emit(found.json() if len(names) > 1 else found.results[0].json())
        return
    show_clicks(found)
    if save is not None:
        say(f"Next: endcap predict --model {save} --file {test}")


def _unsaved(save: Path | None) -> None:
    from endcap.errors import InputError

    if save is not None:
        raise InputError(
            "--save keeps what was learnt from numbered features (.libsvm, .recordio), and no other model.",
            fix="To keep a model of a shop: endcap train.",
        )


def _shop(
    name: str | None, recipes: list[str] | None, protocol: str, control: bool, as_json: bool, **asked: Any
) -> None:
    from endcap.jobs.demo import JUDGED
    from endcap.jobs.judging import judge_baskets, judge_shop, report_paths
    from endcap.jobs.workspace import open_workspace

    workspace = open_workspace(settings())
    shop, progress = workspace.shop(name), ScreenProgress()
    if protocol == "baskets":
        found = judge_baskets(workspace, shop, recipes or COMPLETED, progress=progress, **asked)
        emit(found.json()) if as_json else show_results(found)
        return
    judgement = judge_shop(workspace, shop, recipes or JUDGED, shuffle=control, progress=progress, **asked)
    if as_json:
        emit(judgement.json())
        return
    show_judgement(judgement.json())
    say(f"\nThe page is {report_paths(workspace, shop)[1]}")
