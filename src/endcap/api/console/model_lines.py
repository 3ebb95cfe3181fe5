"""Models in the shapes of our own API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from endcap.api.console.model_shapes import (
    Evaluation,
    EvaluationRow,
    Interval,
    ParameterLine,
    RecipeLine,
)
from endcap.errors import StateError
from endcap.evaluation.slices import ALL, NEW_ONLY
from endcap.jobs.judging import last_report
from endcap.jobs.workspace import Workspace
from endcap.recipes import recipe_class
from endcap.recipes.needs import NEEDS
from endcap.recipes.pages import COST, FLOOR, USE
from endcap.registry.recipe_arns import HyperParameter, native_offer
from endcap.registry.versions import Version
from endcap.types import ShopKey


def evaluation_row(each: Mapping[str, Any]) -> EvaluationRow:
    """One row of a comparison as it is kept."""
    return EvaluationRow(
        name=each["name"],
        recipe=each["recipe"],
        slice=each["slice"],
        group=each["group"],
        users=each["users"],
        metrics=_intervals(each["metrics"]),
        over_popularity=_intervals(each["overPopularity"]),
        over_live=_intervals(each["overLive"]),
        train_seconds=float(each.get("trainSeconds", 0.0)),
    )


def _intervals(found: Mapping[str, Mapping[str, float]]) -> dict[str, Interval]:
    return {name: Interval(**each) for name, each in found.items()}


def newest_rows(found: Sequence[Evaluation]) -> list[EvaluationRow]:
    """Of each name, everyone's row in the newest comparison that has it."""
    rows: dict[str, EvaluationRow] = {}
    for each in found:
        for row in each.rows:
            if row.slice == ALL:
                rows.setdefault(row.name, row)
    return list(rows.values())


def report_rows(workspace: Workspace, shop: ShopKey) -> tuple[EvaluationRow, ...]:
    """The shop's last evaluation by recipe, as `endcap evaluate` and `endcap demo` leave it."""
    try:
        found = last_report(workspace, shop)
    except StateError:
        return ()
    named = {"all items": ALL, "items new to the shopper": NEW_ONLY}
    return tuple(
        EvaluationRow(
            name=row["recipe"],
            recipe=row["recipe"],
            slice=named.get(row["population"], row["population"]),
            group="population",
            users=row["users"],
            metrics=_intervals(row["metrics"]),
            over_popularity=_intervals(row["over_popularity"]),
            over_live={},
            train_seconds=float(row["seconds"]["train"]),
        )
        for row in found["rows"]
    )


def recipe_line(name: str) -> RecipeLine:
    """A recipe that can be trained, with its settings."""
    offer, kind = native_offer(name), recipe_class(name)
    docs = {each.name: str(each.metadata.get("doc", "")) for each in kind.hyper_parameters()}
    return RecipeLine(
        name=name,
        title=kind.title,
        type=offer.type,
        use=USE.get(name, ""),
        cost=COST.get(name, ""),
        floor=FLOOR.get(name, ""),
        needs=tuple(f"{need.least:,} {need.measure}" for need in NEEDS.get(name, ()) if need.required),
        parameters=tuple(_parameter(each, given, docs) for each, given in offer.hyper_parameters.items()),
    )


def _parameter(name: str, given: HyperParameter, docs: Mapping[str, str]) -> ParameterLine:
    return ParameterLine(
        name=name,
        doc=docs.get(name, ""),
        kind=given.kind,
        default=short(given.default),
        low=given.low,
        high=given.high,
        choices=given.choices,
        optional=given.optional,
        advanced=not given.tunable,
    )


def default_of(declared: Any) -> Any:
    """The default of a hyper-parameter that a dataclass declares."""
    made = declared.default
    return made if isinstance(made, (str, int, float, bool, type(None))) else declared.default_factory()


def short(value: Any) -> str:
    """A setting as text, cut where it is long."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 500 else f"{text[:500]}…"


def limits_of(version: Version) -> list[str]:
    """What the model cannot know or do, from how it was made."""
    lineage, kind = version.lineage, recipe_class(version.recipe)
    said = ["It has seen the days it would be judged on: compare it before you believe a number."]
    if lineage.trained_until:
        said.append("Items first seen after its last event reach shoppers through content, trending and exploration.")
    if not getattr(kind, "personal", True):
        said.append("It shows the same to everyone.")
    needs = [need for need in NEEDS.get(version.recipe, ()) if not need.required]
    said += [f"Below {need.least:,} {need.measure} its answers say little: {need.why}." for need in needs]
    if lineage.metrics.get("standsIn"):
        said.append(str(lineage.metrics["standsIn"]))
    return said
