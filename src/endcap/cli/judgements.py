"""What was found of recipes, as tables: of a shop, of files, of rows of clicks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from endcap.cli.output import say, table

if TYPE_CHECKING:
    from endcap.evaluation.click import ClickResult
    from endcap.evaluation.evaluate import Result
    from endcap.evaluation.several import Comparison

COLUMNS = {"coverage": "coverage", "ndcg": "NDCG", "recall": "recall", "mrr": "MRR"}
CLICKS = {"auc": "AUC", "logloss": "logloss", "calibration_error": "calibration error"}


def show_results(found: Comparison[Result]) -> None:
    """Every metric of one recipe, or several beside each other, best NDCG first; once for each history asked with."""
    first = found.results[0]
    asked = "orders" if first.protocol == "baskets" else "users"
    judged = f"{first.protocol}, {first.users:,} {asked}, {first.items:,} items"
    if len(found.results) == 1:
        say(f"{first.recipe}, {judged}")
        _show_metrics(first.json()["metrics"])
        for history, metrics in first.json().get("histories", {}).items():
            say(f"history: {history}")
            _show_metrics(metrics)
        _show_cost(first, f"{first.users_per_second:,.0f} {asked}/s")
    else:
        columns = {f"{name}@{first.at}": f"{title}@{first.at}" for name, title in COLUMNS.items()}
        documents = sorted((each.json() for each in found.results), key=lambda each: -_value(each, f"ndcg@{first.at}"))
        _show_several({each["recipe"]: each["metrics"] for each in documents}, columns, judged)
        for history in first.histories:
            told = {each["recipe"]: each["histories"][history] for each in documents}
            _show_several(told, columns, f"history: {history}")
        _show_costs(found, lambda each: f"{each.users_per_second:,.0f} {asked}/s")
    _show_skipped(found.skipped)


def show_clicks(found: Comparison[ClickResult]) -> None:
    """Every metric of one click model, or several beside each other, best AUC first."""
    first = found.results[0]
    known = f"{len(first.fields)} fields" if first.machine is None else f"{first.features:,} features"
    judged = f"click, {first.rows:,} rows, {known}"
    if len(found.results) == 1:
        say(f"{first.recipe}, {judged}")
        _show_metrics(first.json()["metrics"])
        _show_cost(first, f"{first.rows_per_second:,.0f} rows/s")
    else:
        documents = sorted((each.json() for each in found.results), key=lambda each: -_value(each, "auc"))
        _show_several({each["recipe"]: each["metrics"] for each in documents}, CLICKS, judged)
        _show_costs(found, lambda each: f"{each.rows_per_second:,.0f} rows/s")
    _show_skipped(found.skipped)


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
        names = [f"{title}@{at}" for title in COLUMNS.values()]
        table(("recipe", *names, "NDCG over popularity"), cells, title=f"{population}, {rows[0]['users']:,} shoppers")
    _show_control(report)
    _show_skipped(report["skipped"])


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


def _show_metrics(metrics: Mapping[str, Any]) -> None:
    table(("metric", "value", "95 % interval"), [[name, *_interval(found)] for name, found in metrics.items()])


def _show_several(rows: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str], title: str) -> None:
    cells = [[recipe, *(_cell(metrics.get(name)) for name in columns)] for recipe, metrics in rows.items()]
    table(("recipe", *columns.values()), cells, title=title)


def _show_cost(result: Result | ClickResult, rate: str) -> None:
    for note in result.notes:
        say(f"  {note}")
    seconds = f"train {result.train_seconds:.1f} s · score {result.score_seconds:.1f} s"
    say(f"{seconds} · {rate} · {result.peak_memory_mb:,.0f} MB")


def _show_costs(found: Comparison[Any], rate: Callable[[Any], str]) -> None:
    """Without memory: what a process held at most is not one recipe's."""
    for note in dict.fromkeys(note for each in found.results for note in each.notes):
        say(f"  {note}")
    for each in found.results:
        say(f"{each.recipe}: train {each.train_seconds:.1f} s · score {each.score_seconds:.1f} s · {rate(each)}")


def _show_skipped(skipped: Mapping[str, str]) -> None:
    for name, reason in skipped.items():
        say(f"  {name} was left out: {reason}")


def _value(document: dict[str, Any], metric: str) -> float:
    return float(document["metrics"][metric]["value"])


def _interval(found: dict[str, float]) -> tuple[str, str]:
    return f"{found['value']:.4f}", f"{found['low']:.4f} … {found['high']:.4f}"


def _cell(found: dict[str, float] | None) -> str:
    if found is None:
        return "–"
    return f"{found['value']:.4f} ±{(found['high'] - found['low']) / 2:.4f}"


def _over(row: dict[str, Any], at: int) -> str:
    found = row["over_popularity"].get(f"ndcg@{at}")
    return "" if found is None else f"{found['value']:+.4f} ({found['low']:+.4f} … {found['high']:+.4f})"
