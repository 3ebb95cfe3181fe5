"""`endcap tune`: better values for a recipe, or a race for the best recipe, on a shop's own later days."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from endcap.cli.output import AsJson, ScreenProgress, ShopName, emit, say, settings, table

if TYPE_CHECKING:
    from endcap.jobs.automl import Outcome


def command(
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", "-r", help="The recipe to search; several race against each other.")
    ] = None,
    automatic: Annotated[bool, typer.Option("--auto", help="Race all recipes that suit a shop.")] = False,
    trials: Annotated[int, typer.Option(min=1, help="Values to try, at most, of each recipe searched.")] = 16,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time for all of it.")] = 10.0,
    days: Annotated[float, typer.Option(min=0.01, help="Length of validation, and of the test after it.")] = 28,
    at: Annotated[int, typer.Option(min=1, help="Length of the list that is judged (NDCG).")] = 20,
    new: Annotated[bool, typer.Option("--new", help="Judge by items new to the shopper.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of samples and trials.")] = 0,
    shop: ShopName = None,
    as_json: AsJson = False,
) -> None:
    """Choose on validation, measure on the test, explain in a page. Interrupted, the same command goes on."""
    from endcap.errors import InputError
    from endcap.jobs.automl import Plan, choose_recipe
    from endcap.jobs.automl_page import write_outcome
    from endcap.jobs.workspace import open_workspace

    if automatic == bool(recipe):
        raise InputError("Say what to tune.", fix="Give --recipe NAME, or --auto for a race of all.")
    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    plan = Plan(tuple(recipe or ()), minutes, trials, days, at, new, seed)
    outcome = choose_recipe(workspace, key, plan, progress=ScreenProgress())
    page = write_outcome(outcome, workspace, key)
    train = training_command(outcome)
    if as_json:
        emit({**outcome.json(), "train": train, "page": str(page)})
        return
    _show(outcome)
    say(f"\nTrain it: {train}\nThe page is {page}")


def training_command(outcome: Outcome) -> str:
    """How to train the winner with what was found."""
    values = [word for pair in outcome.winner.settings.items() for word in ("--set", "=".join(pair))]
    return shlex.join(["endcap", "train", outcome.winner.recipe, "--shop", outcome.shop, *values])


def _show(outcome: Outcome) -> None:
    from endcap.jobs.automl_page import reasons

    for line in reasons(outcome):
        say(line)
    for name, value in outcome.winner.settings.items():
        say(f"  {name} = {value}")
    say()
    cells = [
        [
            row["recipe"] + (", tuned" if row["settings"] else ""),
            *(f"{row[name]['value']:.4f}" for name in ("all items", "items new to the shopper")),
            "{:+.4f}".format(row["winner's lead"]["value"]),
        ]
        for row in outcome.json()["test"]
    ]
    table(("on the test", f"NDCG@{outcome.plan.at}", "new items", "winner's lead"), cells)
    for name, reason in outcome.race.left.items():
        say(f"  {name} left: {reason}")
