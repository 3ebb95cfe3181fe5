"""`endcap predict`: how likely, or how much, a campaign's version says a customer takes a product."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcap.cli.output import AsJson, ShopName, assignments, emit, say, settings, table
from endcap.cli.recommend_command import Campaign, Context

if TYPE_CHECKING:
    from endcap.serving.predicting import Pair


def command(
    pairs: Annotated[list[str] | None, typer.Argument(help="USER ITEM, as often as wanted: u1 i4 u1 i5.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Pairs from a file, CSV with user_id,item_id; - is stdin.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="What endcap evaluate --save wrote; --file then has rows, .libsvm or .recordio.")
    ] = None,
    context: Context = None,
    shop: ShopName = None,
    campaign: Campaign = None,
    as_json: AsJson = False,
) -> None:
    """Score pairs of customer and product with what a campaign serves, as InvokeEndpoint does; or rows with a model."""
    if model is not None:
        _rows(model, file, bool(pairs or context or shop or campaign), as_json)
        return
    from endcap.jobs.answering import open_snapshot
    from endcap.jobs.publishing import choose_campaign
    from endcap.jobs.workspace import open_workspace
    from endcap.serving.predicting import Oracle

    asked = _pairs(pairs or [], file, assignments(context, "--context"))
    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    deployment = workspace.campaigns.current(key, choose_campaign(workspace, key, campaign))
    oracle = Oracle.of(open_snapshot(workspace, deployment), asked[0].user_id, workspace.clock.now())
    told = oracle.pairs(asked)
    if as_json:
        emit(
            {
                "version": oracle.model.version,
                "recipe": oracle.model.recipe_name,
                "predictions": [
                    {"userId": pair.user_id, "itemId": pair.item_id, "score": each.score, "predictedLabel": each.label}
                    for pair, each in zip(asked, told, strict=True)
                ],
            }
        )
        return
    rows = [
        [pair.user_id, pair.item_id, "–" if each.score is None else f"{each.score:.6g}", _label(each.label)]
        for pair, each in zip(asked, told, strict=True)
    ]
    table(("customer", "product", "score", "label"), rows)
    say(f"{deployment.campaign} · version {oracle.model.version} ({oracle.model.recipe_name})")


def _rows(model: Path, file: Path | None, more: bool, as_json: bool) -> None:
    """Of every row the chance that its label is 1."""
    from endcap.errors import InputError
    from endcap.lake.row_files import read_row_file
    from endcap.recipes.row_machine import RowMachine

    if file is None or more:
        raise InputError("A saved model is asked about the rows of a file, alone.", fix="Give --model and --file.")
    machine = RowMachine.load(model)
    scores = machine.probabilities(read_row_file(file, "row")).tolist()
    if as_json:
        emit(
            {
                "model": str(model),
                "predictions": [{"score": each, "predictedLabel": int(each >= 0.5)} for each in scores],
            }
        )
        return
    say("\n".join(f"{each:.6g}" for each in scores))


def _label(label: int | None) -> str:
    return "–" if label is None else str(label)


def _pairs(words: list[str], file: Path | None, context: dict[str, str]) -> list[Pair]:
    from endcap.errors import InputError
    from endcap.serving.predicting import Pair

    if bool(words) == (file is not None):
        raise InputError("Give pairs as arguments, or --file, one of the two.", fix="endcap predict USER ITEM")
    if file is not None:
        found = _from_file(file)
    elif len(words) % 2:
        raise InputError(f"{words[-1]!r} is a customer without a product.", fix="Give USER ITEM, both.")
    else:
        found = list(zip(words[::2], words[1::2], strict=True))
    return [Pair(user, item, context) for user, item in found]


def _from_file(file: Path) -> list[tuple[str, str]]:
    import csv

    from endcap.errors import DataError, InputError

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8: {error.reason} at byte {error.start}.") from error
    rows = list(csv.DictReader(text.splitlines()))
    found = []
    for number, row in enumerate(rows, 1):
        user, item = row.get("user_id"), row.get("item_id")
        if not user or not item:
            raise DataError(
                f"{file}, row {number}: user_id and item_id are not both there.",
                row=number,
                fix="The first line names the columns: user_id,item_id.",
            )
        found.append((user, item))
    if not found:
        raise DataError(f"{file} holds no pairs.", fix="The first line names the columns: user_id,item_id.")
    return found
