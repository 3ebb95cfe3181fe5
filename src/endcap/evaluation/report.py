"""The report of a shop's evaluation: one self-contained HTML page, and the same numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from endcap.evaluation.compare import Estimate
from endcap.evaluation.scatter import scatter
from endcap.evaluation.shop import BASELINE, POPULATIONS, Judgement, Population, Row
from endcap.lake.plots import Section, bars, intervals, rows_table, tiles
from endcap.lake.plots import page as make_page
from endcap.seams import Disk
from endcap.types import DAY, SECOND

SHOWN = {
    "ndcg": ("NDCG", "How near the top of the list the right items stand; 1 is a perfect list."),
    "recall": ("Recall", "Share of what a shopper went on to take that the list held."),
    "hit_rate": ("Hit rate", "Share of shoppers whose list held at least one item they went on to take."),
    "mrr": ("MRR", "One divided by the place of the first right item, averaged over shoppers."),
}


def write_report(judgement: Judgement, shop: str, page: Path, numbers: Path, disk: Disk | None = None) -> None:
    """Write the HTML `page` and the JSON `numbers`; folders are made if need be."""
    disk = disk or Disk()
    for path, text in (
        (numbers, json.dumps({"shop": shop, **judgement.json()}, indent=2) + "\n"),
        (page, html(judgement, shop)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.write(path, text.encode())


def html(judgement: Judgement, shop: str) -> str:
    """The page: who wins, by how much and how sure that is, then what it costs, then how it was measured."""
    sections = [Section("In short", tiles(_headline(judgement)) + _reading(judgement), wide=True)]
    for population in POPULATIONS:
        rows = judgement.of(population)
        if rows:
            sections.append(Section(_capital(population), _plots(rows, judgement.at)))
            sections.append(
                Section(f"{_capital(population)}: against popularity", _against(rows, judgement), wide=True)
            )
    first = judgement.of(POPULATIONS[0])
    sections += [
        Section("Beyond being right", _beyond(judgement)),
        Section("Every number", "".join(_table(judgement, population) for population in POPULATIONS), wide=True),
        Section("How this was measured", _protocol(judgement, first[0].users), wide=True),
    ]
    subtitle = f"Learned from everything before {_day(judgement.cut)}, judged on the {_period(judgement)} after it"
    footer = f"Seed {judgement.seed} · data {judgement.snapshot or 'without snapshot'} · times in UTC"
    return make_page(f"Recommendations for {shop}, judged", sections, subtitle=subtitle, footer=footer)


def _headline(judgement: Judgement) -> list[tuple[str, str]]:
    best, at = judgement.best(), judgement.at
    new = judgement.of("items new to the shopper")
    shown = [
        ("Best recipe, all items", best.recipe),
        (f"NDCG@{at}", _decimal(best.metrics[f"ndcg@{at}"].value)),
        ("Times popularity", _times(best, judgement)),
        ("Shoppers judged", f"{best.users:,}"),
        ("Catalogue", f"{judgement.items:,}"),
    ]
    return [*shown, ("Best for new items", new[0].recipe)] if new else shown


def _times(best: Row, judgement: Judgement) -> str:
    name = f"ndcg@{judgement.at}"
    base = next(row for row in judgement.of(best.population) if row.recipe == BASELINE).metrics[name].value
    return f"{best.metrics[name].value / base:.2f} ×" if base > 0 else "–"


def _reading(judgement: Judgement) -> str:
    best, at = judgement.best(), judgement.at
    hit, coverage = best.metrics[f"hit_rate@{at}"].value, best.metrics[f"coverage@{at}"].value
    text = (
        f"Shown {at} items, {_percent(hit)} of shoppers found at least one that they went on to take with "
        f"{best.recipe}. Its lists reach {_percent(coverage)} of the catalogue."
    )
    sure = best.over_popularity.get(f"ndcg@{at}")
    if sure is not None:
        text += f" Against showing everyone the same popular items it is {_verdict(sure)}."
    return f"<p>{escape(text)}</p>"


def _plots(rows: list[Row], at: int) -> str:
    drawn = []
    for metric, (title, words) in SHOWN.items():
        found = [(row.recipe, row.metrics[f"{metric}@{at}"]) for row in rows]
        lines = [(name, each.value, each.low, each.high) for name, each in found]
        drawn.append(intervals(f"{title}@{at}", lines, description=words, axis=f"{title}@{at}"))
    return "".join(drawn)


def _against(rows: list[Row], judgement: Judgement) -> str:
    at = judgement.at
    cells = []
    for row in rows:
        ndcg, recall = (row.over_popularity.get(f"{metric}@{at}") for metric in ("ndcg", "recall"))
        if ndcg is not None and recall is not None:
            cells.append((row.recipe, _signed(ndcg), _signed(recall), _verdict(ndcg)))
    headers = ("Recipe", f"NDCG@{at} difference", f"Recall@{at} difference", "By NDCG")
    words = "Differences are paired: both sides are judged on the same shoppers. In brackets the 95 % interval."
    return f"<p class='muted'>{words}</p>" + rows_table(headers, cells)


def _beyond(judgement: Judgement) -> str:
    at = judgement.at
    rows = judgement.of("all items")
    points = [(row.recipe, row.metrics[f"coverage@{at}"].value, row.metrics[f"ndcg@{at}"].value) for row in rows]
    known = [(row.recipe, 1 + row.metrics[f"popularity_lift@{at}"].value) for row in rows]
    rates = [(row.recipe, float(round(row.users / max(row.score_seconds, 1e-9)))) for row in rows]
    words = "Right and wide: up is better ranked, right is more of the catalogue shown to somebody."
    return "".join(
        (
            scatter(
                "Coverage and NDCG, all items", points, across=f"coverage@{at}", up=f"NDCG@{at}", description=words
            ),
            bars(
                "Popularity of what is shown",
                known,
                axis="times",
                description="Times as popular as what these shoppers take: 1 is their own taste, 2 twice as common.",
            ),
            bars("Seconds to train", [(row.recipe, row.train_seconds) for row in rows], axis="seconds"),
            bars(
                "Shoppers answered in a second",
                rates,
                axis="shoppers",
                description="In batches on this machine, all cores; one live request is another matter.",
            ),
        )
    )


def _table(judgement: Judgement, population: Population) -> str:
    rows, at = judgement.of(population), judgement.at
    if not rows:
        return ""
    names, plain = ("coverage", "ndcg", "recall", "mrr", "hit_rate", "precision"), ("novelty", "popularity_lift")
    cells = [
        (
            row.recipe,
            *(_with_interval(row.metrics[f"{name}@{at}"]) for name in names),
            *(f"{row.metrics[f'{name}@{at}'].value:.2f}" for name in plain),
        )
        for row in rows
    ]
    headers = ("Recipe", *(name.replace("_", " ").replace("popularity ", "pop. ") for name in (*names, *plain)))
    return f"<h3>{escape(_capital(population))}</h3>" + rows_table(headers, cells)


def _protocol(judgement: Judgement, users: int) -> str:
    at = judgement.at
    lines = [
        f"The last {_period(judgement)} ({_day(judgement.cut)} to {_day(judgement.until)}) were hidden. Every recipe "
        "learned from all that came before and was asked at that moment.",
        f"{users:,} shoppers are judged: those with a history before the cut who took something known after it. "
        f"{judgement.strangers:,} shoppers who came only afterwards are left out.",
        f"Each shopper is shown {at} items chosen from the whole catalogue of {judgement.items:,}; nothing is sampled.",
        "All items: whatever the shopper took counts, things bought before included. Items new to the shopper: what "
        "they took before is neither shown nor counted.",
        "Items that nobody had taken before the cut are no targets: nothing could be learned about them.",
        "Intervals are 95 % (± is half their width): 1,000 bootstrap resamples of shoppers; coverage: the jackknife.",
        "Novelty is the mean of -log2(share of shoppers who had the item), in bits. Popularity lift is how much more "
        "popular the shown items are than the shopper's own.",
        *(f"{name} was not judged: {reason}" for name, reason in judgement.skipped.items()),
    ]
    settings = [f"{row.recipe}: {_settings(row)}" for row in judgement.of("all items")]
    return _list(lines) + "<h3>Settings</h3>" + _list(settings)


def _settings(row: Row) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.settings.items() if not isinstance(value, dict)) or "–"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _verdict(difference: Estimate) -> str:
    if difference.low > 0:
        return "clearly better"
    return "clearly worse" if difference.high < 0 else "no clear difference"


def _signed(each: Estimate) -> str:
    return f"{each.value:+.4f} ({each.low:+.4f} … {each.high:+.4f})"


def _with_interval(each: Estimate) -> str:
    """The value and half the width of its interval."""
    return f"{_short(each.value)} ±{_short((each.high - each.low) / 2)}"


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"


def _decimal(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _day(micros: int) -> str:
    moment = datetime.fromtimestamp(micros / SECOND, UTC)
    return f"{moment.day} {moment:%B %Y}"


def _period(judgement: Judgement) -> str:
    days = round((judgement.until - judgement.cut) / DAY)
    return f"{days} days" if days != 1 else "day"
