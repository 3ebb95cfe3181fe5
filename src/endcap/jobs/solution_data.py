"""What a solution learns from: the shop's tables at a snapshot, seen through the solution's own configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import InputError, StateError
from endcap.lake.assemble import assemble
from endcap.lake.columns import INGESTION, combinable
from endcap.lake.dataset import Dataset
from endcap.lake.event_types import weight
from endcap.lake.labels import columns_of
from endcap.lake.links import resolved
from endcap.lake.logged import logged_items
from endcap.lake.schemas import DatasetKind
from endcap.lake.tables import Lake, Snapshot
from endcap.recipes import create
from endcap.registry.recipe_arns import Offer
from endcap.types import (
    ACTION_ID,
    DURATION,
    EVENT_TYPE,
    EVENT_VALUE,
    ITEM_ID,
    ORDER_ID,
    RATING,
    SESSION_ID,
    TIMESTAMP,
    USER_ID,
    Float32,
    ShopKey,
)

TEXTS = (USER_ID, ITEM_ID, EVENT_TYPE, ORDER_ID, SESSION_ID, INGESTION)
LEARN_FROM_DECISIONS = ("ranked",)
"""Recipes that learn from what was shown."""
LEARNED_FROM = (*TEXTS, TIMESTAMP, EVENT_VALUE, DURATION, RATING)


@dataclass(frozen=True)
class Minimum:
    """The least data that a solution version is trained on; below it, what has been learned would be chance."""

    interactions: int = 1000
    users: int = 25
    each: int = 2
    """Interactions that those users must have."""


MINIMUM = Minimum()


@dataclass(frozen=True)
class EventRule:
    """Which events of one type count: from this value on, each for this much; None: the default for its type."""

    event_type: str
    least_value: float | None = None
    weight: float | None = None


@dataclass(frozen=True)
class View:
    """What of the shop's data a solution sees. `rules` empty: all events that say interest.

    `included` and `excluded` are column names by dataset (ITEMS, USERS, INTERACTIONS); `history` the percentiles of
    history lengths between which shoppers are learned from.
    """

    rules: tuple[EventRule, ...] = ()
    included: Mapping[str, Sequence[str]] = field(default_factory=dict)
    excluded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    history: tuple[float, float] = (0.0, 1.0)
    label: str = ""
    """What the recipe learns of every event (`Recipe.label`)."""

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types it is limited to; empty: no limit."""
        return tuple(rule.event_type for rule in self.rules)

    @classmethod
    def of(cls, offer: Offer, config: Mapping[str, Any], event_type: str | None = None) -> View:
        """From a solution's configuration, a recommender's being one without events. Raises `InputError`."""
        columns = config.get("trainingDataConfig") or {}
        return cls(
            _rules(offer, config, event_type),
            columns.get("includedDatasetColumns") or {},
            columns.get("excludedDatasetColumns") or {},
            _percentiles(offer, config),
            _label(offer, config),
        )


def training_data(
    lake: Lake, shop: ShopKey, snapshot: Snapshot, offer: Offer, view: View, minimum: Minimum = MINIMUM
) -> Dataset:
    """The dataset a version of this recipe is trained on.

    Raises `StateError` where a table is missing, `InputError` with the service's words where there is too little.
    """
    if offer.learns_from_actions:
        return _actions(lake, shop, snapshot)
    missing = [kind for kind in offer.datasets if kind not in snapshot.versions]
    if missing:
        raise StateError(
            f"The recipe {offer.name} needs the dataset {missing[0]}, which {shop.group} does not have.",
            fix="Import it first.",
        )
    table = _events(lake, shop, snapshot, "interactions", (*LEARNED_FROM, *columns_of(view.label)))
    dataset = assemble(
        _counted(table, view.rules),
        *(_metadata(lake, shop, snapshot, kind, view) for kind in ("items", "users")),
        catalogue=lake.catalogue(shop).ids(),
        event_types=_occurring(table, view) if view.rules else None,
        snapshot=snapshot.text,
        signals=lake.signals(shop),
        label=view.label,
    )
    dataset = _weighted(dataset, view.rules)
    _check(dataset, view, minimum)
    dataset = _of_usual_length(dataset, *view.history)
    return with_decisions(lake, shop, dataset) if offer.native in LEARN_FROM_DECISIONS else dataset


def with_decisions(lake: Lake, shop: ShopKey, dataset: Dataset) -> Dataset:
    """The dataset with the answers that the shop logged up to its last interaction, and what became of them."""
    if not lake.exists(shop, "decisions"):
        return dataset
    decisions = lake.read(shop, "decisions")
    if "features" not in decisions.column_names:  # written before answers were ranked
        return dataset
    seen = lake.seen_items(shop, until=dataset.last_time + 1)
    return replace(dataset, decisions=logged_items(decisions, seen))


def event_weights(dataset: Dataset, view: View) -> dict[int, float]:
    """{code: weight} of the event types that the solution gives a weight; empty where it gives none."""
    given = {rule.event_type.lower(): rule.weight for rule in view.rules if rule.weight is not None}
    return {code: given[name.lower()] for code, name in enumerate(dataset.event_types) if name.lower() in given}


def _rules(offer: Offer, config: Mapping[str, Any], event_type: str | None) -> tuple[EventRule, ...]:
    listed = (config.get("eventsConfig") or {}).get("eventParametersList") or []
    if listed:
        rules = [EventRule(str(one["eventType"]), one.get("eventValueThreshold"), one.get("weight")) for one in listed]
        counted = tuple(rule for rule in rules if rule.weight is None or rule.weight > 0)
        if not counted:
            raise InputError("eventsConfig gives every event type a weight of 0.", fix="Give one of them more.")
        return counted
    threshold = config.get("eventValueThreshold")
    if threshold in (None, ""):
        least = None
    else:
        try:
            least = float(str(threshold))
        except ValueError:
            raise InputError(f"eventValueThreshold is {threshold!r}, expected a number.") from None
    names = (event_type,) if event_type else offer.event_types
    if not names and least is not None:
        raise InputError("eventValueThreshold was given without an eventType.", fix="Give eventType too.")
    return tuple(EventRule(name, least) for name in names)


def _percentiles(offer: Offer, config: Mapping[str, Any]) -> tuple[float, float]:
    """Those that the recipe behind the name does not apply itself; without any, all lengths."""
    given = {**(config.get("algorithmHyperParameters") or {}), **(config.get("featureTransformationParameters") or {})}
    found = []
    for name, default in (
        ("min_user_history_length_percentile", 0.0),
        ("max_user_history_length_percentile", 1.0),
    ):
        parameter = offer.hyper_parameters.get(name)
        if parameter is None or parameter.native:
            found.append(default)
        else:
            found.append(float(parameter.check(name, str(given.get(name, parameter.default)))))
    low, high = found
    if low >= high:
        raise InputError(
            f"min_user_history_length_percentile is {low:g}, expected less than max_user_history_length_percentile, "
            f"which is {high:g}.",
            fix="Lower the one or raise the other.",
        )
    return low, high


def _label(offer: Offer, config: Mapping[str, Any]) -> str:
    given = config.get("algorithmHyperParameters") or {}
    own = {name: str(value) for name, value in given.items() if name in offer.hyper_parameters}
    return create(offer.native, offer.native_settings(own)).label


def _events(lake: Lake, shop: ShopKey, snapshot: Snapshot, kind: DatasetKind, wanted: Sequence[str]) -> pa.Table:
    """A table of events, texts dictionary-encoded as they lie on disk; what a session did that became a user's is
    the user's."""
    from pyarrow.dataset import ParquetReadOptions  # noqa: PLC0415 - loads pandas, before a child can say that it does without

    options = ParquetReadOptions(dictionary_columns=set(TEXTS))
    stored = lake.open(shop, kind, snapshot.versions.get(kind)).to_pyarrow_dataset(parquet_read_options=options)
    table = combinable(stored.to_table(columns=[name for name in wanted if name in stored.schema.names]))
    return resolved(table, lake.links(shop, snapshot)) if SESSION_ID in table.column_names else table


def _counted(table: pa.Table, rules: Sequence[EventRule]) -> pa.Table:
    """Without the events whose value is below what their type's rule asks for, or unknown."""
    limits = [rule for rule in rules if rule.least_value is not None]
    if not limits:
        return table
    if EVENT_VALUE not in table.column_names:
        raise StateError("eventValueThreshold needs EVENT_VALUE, which the interactions do not have.")
    types, values = _lowered(table), table[EVENT_VALUE]
    keep = pa.chunked_array([pa.repeat(True, table.num_rows)])
    for rule in limits:
        enough = pc.fill_null(pc.greater_equal(values, pa.scalar(rule.least_value, values.type)), False)
        keep = pc.and_(keep, pc.or_(pc.not_equal(types, rule.event_type.lower()), enough))
    return table.filter(keep)


def _lowered(table: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.utf8_lower(table[EVENT_TYPE].cast(pa.string())), "")


def _occurring(table: pa.Table, view: View) -> tuple[str, ...]:
    """The rules' event types as the table writes them: case is not looked at, and types that do not occur are left."""
    if EVENT_TYPE not in table.column_names:
        return ()
    wanted = {name.lower() for name in view.event_types}
    names = pc.unique(table[EVENT_TYPE].cast(pa.string())).to_pylist()
    return tuple(name for name in names if name is not None and name.lower() in wanted)


def _metadata(lake: Lake, shop: ShopKey, snapshot: Snapshot, kind: DatasetKind, view: View) -> pa.Table | None:
    if kind not in snapshot.versions:
        return None
    table = lake.read(shop, kind, version=snapshot.versions[kind])
    table = table.select([name for name in table.column_names if name != INGESTION])
    included = [name.lower() for name in view.included.get(kind.upper(), ())]
    excluded = [name.lower() for name in view.excluded.get(kind.upper(), ())]
    unknown = [name for name in (*included, *excluded) if name not in table.column_names]
    if unknown:
        raise InputError(
            f"trainingDataConfig names the column {unknown[0].upper()}, which the {kind} do not have.",
            fix=f"They have {', '.join(name.upper() for name in table.column_names)}.",
        )
    key = ITEM_ID if kind == "items" else USER_ID
    kept = [name for name in table.column_names if name == key or not included or name in included]
    return table.select([name for name in kept if name == key or name not in excluded])


def _weighted(dataset: Dataset, rules: Sequence[EventRule]) -> Dataset:
    """With the weights that were given, in the place of those of the types: what was measured beside events counts as
    before. Where types were chosen without any, the weightiest counts as one."""
    events = dataset.interactions
    if not rules or not len(events):
        return dataset
    given = {rule.event_type.lower(): rule.weight for rule in rules if rule.weight is not None}
    own = [weight(name) for name in dataset.event_types]
    there = np.unique(events.event_type).tolist()
    most = 1.0 if given else max(own[code] for code in there)
    wanted = [given.get(name.lower()) or each / most for name, each in zip(dataset.event_types, own, strict=True)]
    scales = np.array(wanted) / np.array(own)
    weights: Float32 = (events.weight * scales[events.event_type]).astype(np.float32)
    return replace(dataset, interactions=replace(events, weight=weights), scales=tuple(np.asarray(scales).tolist()))


def _check(dataset: Dataset, view: View, minimum: Minimum) -> None:
    lengths = np.diff(dataset.indptr)
    aside = dataset.left_out
    if aside is not None and aside.label is not None:  # what was disliked is learned from as well
        lengths = lengths + np.bincount(aside.user[~np.isnan(aside.label)], minlength=dataset.n_users)
    if lengths.sum() < minimum.interactions:
        by = f" after filtering by event type: {', '.join(view.event_types)}" if view.rules else ""
        raise InputError(f"Dataset has fewer than {minimum.interactions} interactions{by}")
    enough = np.count_nonzero(lengths >= minimum.each)
    if enough < minimum.users:
        raise InputError(f"Dataset has fewer than {minimum.users} users with at least {minimum.each} interactions each")


def _of_usual_length(dataset: Dataset, low: float, high: float) -> Dataset:
    """Only the histories whose length lies between two percentiles, both inclusive."""
    if (low, high) == (0.0, 1.0):
        return dataset
    lengths = np.diff(dataset.indptr)
    least, most = np.quantile(lengths[lengths > 0], [low, high])
    usual = (lengths >= np.floor(least)) & (lengths <= np.ceil(most))
    return dataset.with_interactions(dataset.interactions.take(usual[dataset.interactions.user]))


def _actions(lake: Lake, shop: ShopKey, snapshot: Snapshot) -> Dataset:
    """Actions as items, answers to them as events; the ordinal of an action is its place among the sorted ids."""
    for kind in ("actions", "action_interactions"):
        if kind not in snapshot.versions:
            raise StateError(f"Next best action needs the dataset {kind}, which {shop.group} does not have.")
    actions = lake.read(shop, "actions", version=snapshot.versions["actions"])
    wanted = (USER_ID, ACTION_ID, EVENT_TYPE, SESSION_ID, INGESTION, TIMESTAMP)
    answers = _events(lake, shop, snapshot, "action_interactions", wanted)
    actions, answers = (_renamed(table) for table in (actions, answers))
    ids = [chunk.cast(pa.string()) for table in (actions, answers) for chunk in table[ITEM_ID].chunks]
    catalogue = pa.chunked_array(ids, pa.string()).unique()
    catalogue = catalogue.take(pc.sort_indices(catalogue))
    events = answers.select([USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE])
    names = [name for name in pc.unique(events[EVENT_TYPE].cast(pa.string())).to_pylist() if name is not None]
    users = _metadata(lake, shop, snapshot, "users", View())
    found = assemble(events, actions, users, catalogue=catalogue, event_types=tuple(names), snapshot=snapshot.text)
    return found.with_interactions(replace(found.interactions, weight=np.ones(len(found.interactions), np.float32)))


def _renamed(table: pa.Table) -> pa.Table:
    return table.rename_columns([ITEM_ID if name == ACTION_ID else name for name in table.column_names])


class Solution(msgspec.Struct, kw_only=True, frozen=True):
    """How a version is to be trained, as JSON: what the resources' documents say of it."""

    recipe_arn: str
    config: dict[str, Any] = {}
    event_type: str | None = None
    mode: str = "FULL"
    tuned: bool = False
    """Search for hyper-parameters (performHPO)."""
    automatic: bool = False
    """Choose the recipe too (performAutoML)."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Solution:
        """From the merged documents of a solution and its version, or of a recommender."""
        config = document.get("solutionConfig") or document.get("recommenderConfig") or {}
        chosen = document.get("autoMLResult") or {}
        return cls(
            recipe_arn=str(document.get("recipeArn") or chosen.get("bestRecipeArn") or ""),
            config=dict(config),
            event_type=document.get("eventType") or None,
            mode=str(document.get("trainingMode") or "FULL"),
            tuned=bool(document.get("performHPO")),
            automatic=bool(document.get("performAutoML")),
        )
