"""The page that explains a winner: what was tried, what each was worth, what it beat, and by how much."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from endcap.evaluation.compare import Estimate
from endcap.evaluation.race import BASELINE
from endcap.jobs.automl import Entrant, Final, Outcome
from endcap.jobs.tuning import Found
from endcap.jobs.workspace import Workspace
from endcap.lake.plots import Section, bars, intervals, rows_table, tiles
from endcap.lake.plots import page as make_page
from endcap.seams import Disk
from endcap.types import SECOND, ShopKey


def outcome_paths(workspace: Workspace, shop: ShopKey) -> tuple[Path, Path]:
    """Where the shop's last choice is kept: (JSON, HTML)."""
    folder = workspace.reports.joinpath(*shop.parts())
    return folder / "tuning.json", folder / "tuning.html"


def write_outcome(outcome: Outcome, workspace: Workspace, shop: ShopKey, disk: Disk | None = None) -> Path:
    """Write the page and its numbers under the home; the page's path."""
    numbers, page = outcome_paths(workspace, shop)
    numbers.parent.mkdir(parents=True, exist_ok=True)
    for path, text in ((numbers, json.dumps(outcome.json(), indent=2) + "\n"), (page, html(outcome))):
        (disk or Disk()).write(path, text.encode())
    return page


def html(outcome: Outcome) -> str:
    """The page."""
    sections = [
        Section("In short", tiles(_headline(outcome)) + _reasons(outcome), wide=True),
        Section("On the test: measured once, after everything was decided", _test(outcome)),
        Section("On validation: the last round", _last_round(outcome)),
        Section("Every round", _rounds(outcome), wide=True),
        *(Section(_heading(each), _search(each), wide=True) for each in outcome.searches),
        Section("How this was done", _protocol(outcome), wide=True),
    ]
    validation, test, until = (_day(cut) for cut in outcome.cuts)
    subtitle = f"Chosen on {validation} to {test}, measured on {test} to {until}"
    footer = f"Seed {outcome.plan.seed} · data {outcome.snapshot or 'without snapshot'} · times in UTC"
    return make_page(f"A recipe for {outcome.shop}", sections, subtitle=subtitle, footer=footer)


def reasons(outcome: Outcome) -> list[str]:
    """Why the winner won, and what that is worth, in sentences."""
    winner, first = outcome.winner, outcome.finals[0]
    said = [f"{winner.label} was best on validation: {outcome.metric} {winner.value:.4f}."]
    second = next(iter(outcome.leads), None)
    if second is not None:
        first_lap = outcome.race.standing[0].recipe
        said.append(
            f"In the race by default settings {first_lap} led {second} by {_signed(outcome.leads[second])}: "
            f"{_verdict(outcome.leads[second])}."
        )
    for each in outcome.finals[1:]:
        said.append(f"On the test it leads {_name(each, outcome)} by {_signed(each.lead)}: {_verdict(each.lead)}.")
    base = next((each for each in outcome.finals if each.contender.recipe == BASELINE), None)
    if base is not None and base is not first and base.all_items.value > 0:
        times = first.all_items.value / base.all_items.value
        said.append(f"That is {times:.2f} times what showing everyone the same popular items gets.")
    return [*said, *outcome.notes]


def _headline(outcome: Outcome) -> list[tuple[str, str]]:
    first = outcome.finals[0]
    trials = sum(found.trials for found in outcome.searches)
    return [
        ("Winner", outcome.winner.label),
        (f"{_metric(outcome)} on the test, all items", f"{first.all_items.value:.4f}"),
        ("Items new to the shopper", f"{first.new_items.value:.4f}"),
        ("Recipes raced", str(len({lap.recipe for lap in outcome.race.laps}))),
        ("Trials", str(trials)),
        ("Minutes", f"{outcome.seconds / 60:.1f}"),
    ]


def _reasons(outcome: Outcome) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in reasons(outcome))


def _test(outcome: Outcome) -> str:
    drawn = [
        intervals(
            f"{_metric(outcome)}, {population}",
            [(_name(each, outcome), *_bounds(getattr(each, which))) for each in outcome.finals],
            axis=_metric(outcome),
        )
        for population, which in (("all items", "all_items"), ("items new to the shopper", "new_items"))
    ]
    settings = [(each, _values(each.contender.settings)) for each in outcome.finals]
    rows = [
        (_name(each, outcome), words, _plain(each.all_items), _plain(each.new_items), f"{each.seconds:.1f} s")
        for each, words in settings
    ]
    headers = ("", "settings", "all items", "items new to the shopper", "learned and asked in")
    return "".join(drawn) + rows_table(headers, rows)


def _last_round(outcome: Outcome) -> str:
    laps = outcome.race.standing
    drawn = intervals(
        _metric(outcome),
        [(lap.recipe, *_bounds(outcome.values[lap.recipe])) for lap in laps],
        description="Default settings, with 95 % intervals.",
        axis=_metric(outcome),
    )
    seconds = bars("Seconds of learning and asking", [(lap.recipe, lap.seconds) for lap in laps], axis="seconds")
    rows = [(name, _signed(lead), _verdict(lead)) for name, lead in outcome.leads.items()]
    return drawn + seconds + rows_table(("", f"{laps[0].recipe} leads by", ""), rows)


def _rounds(outcome: Outcome) -> str:
    shares = sorted({lap.share for lap in outcome.race.laps})
    names = list(
        dict.fromkeys(lap.recipe for lap in sorted(outcome.race.laps, key=lambda lap: (-lap.share, -lap.mean)))
    )
    laps = {(lap.recipe, lap.share): lap for lap in outcome.race.laps}
    rows = []
    for name in [*names, *(name for name in outcome.race.left if name not in names)]:
        cells = [laps.get((name, share)) for share in shares]
        shown = [f"{lap.mean:.4f} in {lap.seconds:.1f} s" if lap else "–" for lap in cells]
        rows.append((name, *shown, outcome.race.left.get(name, "")))
    return rows_table(("", *(f"{100 * share:g} % of shoppers" for share in shares), "left because"), rows)


def _heading(found: Found) -> str:
    return f"Better values for {Entrant(found.offer).name}"


def _search(found: Found) -> str:
    names = sorted({name for each in found.tried for name in each.parameters})
    best = max((each.value for each in found.tried if each.value is not None), default=None)
    rows = []
    for each in sorted(found.tried, key=lambda each: -(each.value if each.value is not None else -1.0)):
        label = f"{each.number + 1}{' (best)' if each.value is not None and each.value == best else ''}"
        value = "given up early" if each.value is None else f"{each.value:.4f}"
        rows.append((label, value, *(_short(each.parameters.get(name, "")) for name in names)))
    words = "<p class='muted'>The first trial has the default values.</p>"
    return words + rows_table(("trial", "validation", *names), rows)


def _protocol(outcome: Outcome) -> str:
    plan, (validation, test, until) = outcome.plan, (_day(cut) for cut in outcome.cuts)
    shown = "items new to the shopper" if plan.new else "all items, what was bought before included"
    lines = [
        f"Validation: learned from everything before {validation}, asked then, judged by what {outcome.judged[0]:,} "
        f"shoppers took until {test}.",
        f"Test: learned again from everything before {test}, judged by what {outcome.judged[1]:,} shoppers took until "
        f"{until}. Nothing was chosen by it.",
        f"{plan.at} items of the whole catalogue are shown; {shown}. Intervals are 95 %, 1,000 bootstrap resamples of "
        "shoppers; leads are paired.",
        "Rounds: every recipe learns from a growing share of the shoppers and is asked for the same ones. Who is in "
        "the lower half and behind the best outside the interval leaves; popularity stays.",
        "A recipe that would take more than its share of the time leaves too: with more minutes it may do better.",
        "Many were compared, so the best value on validation flatters the winner; the test does not.",
    ]
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _metric(outcome: Outcome) -> str:
    return outcome.metric.replace("ndcg", "NDCG").replace("mrr", "MRR")


def _name(final: Final, outcome: Outcome) -> str:
    contender = final.contender
    if contender.recipe == outcome.winner.recipe and outcome.winner.settings and not contender.settings:
        return f"{contender.recipe}, defaults"
    return contender.label


def _values(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in settings.items()) or "defaults"


def _short(text: str) -> str:
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def _plain(each: Estimate) -> str:
    return f"{each.value:.4f} ({each.low:.4f} … {each.high:.4f})"


def _signed(each: Estimate) -> str:
    return f"{each.value:+.4f} ({each.low:+.4f} … {each.high:+.4f})"


def _bounds(each: Estimate) -> tuple[float, float, float]:
    return each.value, each.low, each.high


def _verdict(lead: Estimate) -> str:
    if lead.low > 0:
        return "clearly better"
    return "clearly worse" if lead.high < 0 else "no clear difference"


def _day(micros: int) -> str:
    moment = datetime.fromtimestamp(micros / SECOND, UTC)
    return f"{moment.day} {moment:%B %Y}"
