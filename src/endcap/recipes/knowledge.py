"""Knowledge: what shoppers answered and what the shop's rules make of it, with tastes from what they took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.knowledge_facts import Answers, ItemFacts, Places, Told, holds, resolved
from endcap.recipes.knowledge_faults import Unread, beyond, check, fault, unread
from endcap.recipes.knowledge_rules import Conditions, Rule, RuleFile, parse
from endcap.recipes.mixing import Population, add_feature, hold_out
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Bool, Float32, Float64, Int32, Int64

PRIOR = 0.5
"""Weight of each taste, and of what sells, where there is little to fit on."""
STRENGTH = 20.0
"""How many shoppers' evidence those weights are worth."""
SELLS = "popularity"
FITS = 1.0
"""How loud an item's passing a `must` is among the reasons for it: as loud as a preference of weight 1."""
KEPT = 256
"""Combinations of a rule and answers to it whose items are remembered."""


@dataclass(frozen=True)
class Said:
    """What a rule makes of some answers: bool [n] which items pass its `must`, which it prefers and which it avoids;
    `binds` where anything of the `must` could be asked."""

    passes: Bool
    preferred: Bool
    avoided: Bool
    binds: bool


@dataclass(frozen=True)
class Followed:
    """What one rule says to some of the shoppers, `queries` int64 [g], who answered alike."""

    rule: Rule
    queries: Int64
    said: Said


@dataclass
class Knowledge(Recipe):
    """score(i) = Σ_rules weight · ([preferred] - [avoided]) + Σ_c w_c · log(1 + t_c/floor) + w_s · log(1 + s/floor).

    A multi-attribute utility (Keeney and Raiffa 1976) under constraints: an item that breaks a `must` of a rule that
    applies to the shopper has no score and is never shown, nor put in to fill an answer. t_c is the shopper's taste in
    column c: the share of their past, recent events first, that has the item's value there, over the root of the share
    that all events have; s is what sells. Both count as shares of the query's best. The weights w are a conditional
    logit (McFadden 1974) of what shoppers took in the last `holdout_days` of training; a rule of weight 1 makes an item
    e times as likely. Rules read answers from the request's context and the shopper's profile. An answer that is there
    and cannot be read lets nothing through: `unread` says which.
    """

    title: ClassVar[str] = "Knowledge"
    reason: ClassVar[str] = "Fits what you told us"
    fits_items_alone: ClassVar[bool] = True
    wants_profiles: ClassVar[bool] = True
    wants_context: ClassVar[bool] = True

    rules: str = param(
        "", "The text of a rule file (TOML); on the command line its path. Empty: rules on usual columns."
    )
    half_life_days: float = param(
        60.0, "Age at which an event tells half as much of taste.", low=0.1, search=(7, 365), log=True
    )
    holdout_days: float = param(28.0, "Weights of tastes are fitted on this much of the end of training.", low=0.01)
    max_queries: int = param(1000, "At most this many shoppers are asked to fit them.", low=1)
    floor: float = param(
        0.1, "Share of a query's best from which a taste counts.", low=1e-4, search=(0.01, 1.0), log=True
    )
    seed: int = param(0, "Seed of the hold-out.", low=0)

    text_: str = fitted()
    """The rules that were learned with."""
    values_: sparse.csr_matrix = fitted()
    """float32 [n, v]: see `ItemFacts`."""
    value_names_: tuple[str, ...] = fitted()
    numbers_: Float32 = fitted()
    number_names_: tuple[str, ...] = fitted()
    bands_: Float32 = fitted()
    columns_: tuple[str, ...] = fitted()
    """All columns of the items."""
    tastes_: tuple[str, ...] = fitted()
    """The columns that taste is told by."""
    weights_: Float64 = fitted()
    """float64 [tastes + 1]: of each taste, then of what sells."""
    timed_: Int32 = fitted()
    sells_: Float32 = fitted()
    """float32 [n]: weight of the item's events lately."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rules and "\n" not in self.rules and "[" not in self.rules:
            raise InputError(
                f"rules is {self.rules!r}, expected the text of a rule file.",
                fix="Give its text; on the command line rules=FILE reads it.",
            )
        self._rules()

    def _rules(self) -> RuleFile:
        return parse(self.rules) if self.rules else default_rules()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.__dict__.pop("_read", None)
        self.text_, self.timed_ = self.rules, np.array([dataset.time_kind == "micros"], np.int32)
        metadata = dataset.item_metadata
        facts = ItemFacts.of(metadata, dataset.n_items, self._rules())
        self.columns_ = () if metadata is None else tuple(name.lower() for name in metadata.column_names)
        rules = self._rules()
        check(rules.rules, facts, Places(rules.columns, self.columns_))
        self.values_, self.value_names_ = facts.values, facts.names
        self.numbers_, self.number_names_, self.bands_ = facts.numbers, facts.number_names, facts.bands
        self.tastes_ = facts.tastes()
        self.weights_ = np.full(len(self.tastes_) + 1, PRIOR)
        with progress("tastes", total=len(self.weights_), unit="columns") as tick:
            held = hold_out(dataset, self.holdout_days, self.max_queries, self.seed)
            if held is not None:
                self._learn_sales(held.earlier, progress)
                everything = Population.of(np.ones(held.taken.shape, np.bool_))
                features = [everything.feature(told, self.floor) for told in self._told(held.queries)]
                self.weights_ = everything.fit(features, held.taken, self.weights_, STRENGTH)
            self._learn_sales(dataset, progress)
            tick(len(self.weights_))

    def _learn_sales(self, dataset: Dataset, progress: Progress) -> None:
        """Set `sells_` and what share of all events has each value."""
        self.sells_ = np.nan_to_num(Popularity().fit(dataset, progress).scores_)
        self.popularity_ = dataset.popularity()
        self.__dict__.pop("_read", None)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        total = np.zeros((len(queries), self.n_items), np.float32)
        every = np.ones(total.shape, np.bool_)
        for told, weight in zip(self._told(queries), self.weights_, strict=True):
            if weight > 0:
                add_feature(told, every, True, self.floor, float(weight), total)
        for each in self._followed(queries):
            pull = each.rule.weight * (each.said.preferred.astype(np.float32) - each.said.avoided)
            total[each.queries] += np.where(each.said.passes, pull, np.float32(np.nan))
        return total if items is None else total[:, items]

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: by the values that items share; nobody has answered anything."""
        return self.score(Queries.about(items))

    def forbidden(self, queries: Queries) -> Bool | None:
        """bool [q, n]: the item breaks a `must` for this shopper; None where no rule forbids anything to anybody."""
        found = None
        for each in self._followed(queries):
            if not each.said.passes.all():
                found = np.zeros((len(queries), self.n_items), np.bool_) if found is None else found
                found[each.queries] |= ~each.said.passes
        return found

    def unread(self, queries: Queries) -> list[tuple[Unread, ...]]:
        """For each query the answers that are there and that the rules for this shopper cannot read."""
        found: list[tuple[Unread, ...]] = [()] * len(queries)
        answers, ready = Answers(queries), self._ready
        for rule in ready.rules:
            fields = sorted({*rule.when, *rule.answers()})
            for at in np.flatnonzero(_applies(rule, answers, len(queries))).tolist():
                told = {field: answers.of(field)[at] for field in fields}
                found[at] += tuple(unread(rule, told, lambda word: ready.places.of(word) in self.number_names_))
        return found

    def over(self, items: Sequence[Mapping[str, Any]], rows: Int32) -> Self:
        """The same rules over other items, to ask what is `forbidden` of them: values by lower-case column. `rows` are
        their own where the model knows them, for their price bands, else -1."""
        numbers, told = (
            set(self.number_names_),
            [{name: Told.of(item.get(name)) for name in self.columns_} for item in items],
        )
        table = {
            name: pa.array([_number(each[name]) for each in told], pa.float64())
            if name in numbers
            else pa.array(["|".join(each[name].texts) or None for each in told], pa.string())
            for name in self.columns_
        }
        facts = ItemFacts.of(pa.table(table), len(items), self._ready.file)
        made = copy(self)
        made.popularity_ = np.zeros(len(items), np.float32)
        made.values_, made.value_names_, made.tastes_ = facts.values, facts.names, ()
        made.numbers_, made.number_names_ = facts.numbers, facts.number_names
        made.bands_ = np.where(rows >= 0, self.bands_[np.maximum(rows, 0)], np.float32(np.nan)).astype(np.float32)
        made.__dict__["_read"] = _Ready(made, self._ready.rules)
        return made

    def parts(self, queries: Queries, items: Int32 | None = None) -> dict[str, Float32]:
        """What each rule, each taste and what sells add to a score, float32 [q, m] by name: the largest is the reason
        to state."""
        shape = (len(queries), self.n_items)
        found: dict[str, Float32] = {}
        every = np.ones(shape, np.bool_)
        for name, told, weight in zip((*self.tastes_, SELLS), self._told(queries), self.weights_, strict=True):
            found[name] = np.zeros(shape, np.float32)
            add_feature(told, every, True, self.floor, float(weight), found[name])
        for each in self._followed(queries):
            words = found.setdefault(f"rule {each.rule.name}", np.zeros(shape, np.float32))
            words[each.queries] += each.rule.weight * each.said.preferred.astype(np.float32)
            if each.said.binds:
                words[each.queries] += FITS * each.said.passes.astype(np.float32)
        return found if items is None else {name: part[:, items] for name, part in found.items()}

    @property
    def reasons(self) -> Mapping[str, str]:
        """The words for each of `parts`."""
        words = {name: f"Like what you chose before: {name.replace('_', ' ')}" for name in self.tastes_}
        told = {f"rule {rule.name}": rule.because or self.reason for rule in self._ready.rules}
        return {**words, **told, SELLS: Popularity.reason}

    @property
    def questions(self) -> tuple[str, ...]:
        """What shoppers are asked, in the words of the rule file."""
        return tuple(question.ask for question in self._ready.file.questions)

    def _told(self, queries: Queries) -> Iterator[Float32]:
        """float32 [q, n] ≥ 0 for each taste, then for what sells."""
        asked = queries.with_current()
        weight = asked.weight
        if self.timed_[0]:
            weight = (weight * asked.decay(self.half_life_days)).astype(np.float32)
        past = asked.matrix(self.n_items, weight)
        for kinds, rarity in self._ready.tastes:
            profile = (past @ kinds).tocsr()
            sums = np.asarray(profile.sum(axis=1)).ravel()
            profile = sparse.diags(1 / np.maximum(sums, 1e-12)) @ profile @ sparse.diags(rarity)
            yield (profile @ kinds.T).toarray().astype(np.float32)
        yield np.repeat(self.sells_[None, :], len(queries), axis=0)

    def _followed(self, queries: Queries) -> Iterator[Followed]:
        """What each rule says, once for each group of shoppers to whom it says the same."""
        answers = Answers(queries)
        for rule in self._ready.rules:
            needed = sorted(rule.answers())
            groups: dict[tuple[Told, ...], list[int]] = {}
            for at in np.flatnonzero(_applies(rule, answers, len(queries))).tolist():
                groups.setdefault(tuple(answers.of(name)[at] for name in needed), []).append(at)
            for told, rows in groups.items():
                said = self._ready.items_of(rule, dict(zip(needed, told, strict=True)))
                if said is not None:
                    yield Followed(rule, np.array(rows, np.int64), said)

    @property
    def _ready(self) -> _Ready:
        """Rules, facts and tastes, made of the fitted arrays once."""
        if "_read" not in self.__dict__:
            self.__dict__["_read"] = _Ready(self)
        found: _Ready = self.__dict__["_read"]
        return found


class _Ready:
    """What is asked of a fitted model again and again."""

    def __init__(self, model: Knowledge, rules: tuple[Rule, ...] | None = None) -> None:
        """`rules` are those to follow where that was decided over other items."""
        self.file = parse(model.text_) if model.text_ else default_rules()
        self.facts = ItemFacts(model.values_, model.value_names_, model.numbers_, model.number_names_, model.bands_)
        self.places = Places(self.file.columns, model.columns_)
        self.rules = tuple(rule for rule in self.file.rules if self._can_hold(rule)) if rules is None else rules
        self.tastes = [_taste(self.facts.of_column(name), model.popularity_) for name in model.tastes_]
        self._kept: dict[tuple[str, tuple[tuple[str, Told], ...]], Said | None] = {}

    def items_of(self, rule: Rule, answers: Mapping[str, Told]) -> Said | None:
        """What the rule says of the items; None where it asks for nothing, its answers missing."""
        key = rule.name, tuple(answers.items())
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = self._judged(rule, answers)
        return self._kept[key]

    def _can_hold(self, rule: Rule) -> bool:
        return self.places.has(rule) and not fault(rule, self.facts, self.places)

    def _judged(self, rule: Rule, answers: Mapping[str, Told]) -> Said | None:
        asked = [(column, resolved(condition, answers)) for column, condition in rule.must.items()]
        must = {column: condition for column, condition in asked if condition is not None}
        passes = self._all_of(must)
        preferred, avoided = (self._any_of(each, answers) for each in (rule.prefer, rule.avoid))
        if not must and preferred is None and avoided is None:
            return None
        none = np.zeros(len(passes), np.bool_)
        return Said(
            passes, none if preferred is None else preferred, none if avoided is None else avoided, binds=bool(must)
        )

    def _any_of(self, alternatives: tuple[Conditions, ...], answers: Mapping[str, Told]) -> Bool | None:
        """bool [n]: the items that pass all conditions of one alternative; None where each lacks an answer."""
        found: Bool | None = None
        for conditions in alternatives:
            whole = {column: resolved(condition, answers) for column, condition in conditions.items()}
            known = {column: condition for column, condition in whole.items() if condition is not None}
            if len(known) == len(whole):
                held = self._all_of(known)
                found = held if found is None else found | held
        return found

    def _all_of(self, conditions: Conditions) -> Bool:
        """bool [n]: the items that pass all conditions."""
        held = np.ones(len(self.facts.bands), np.bool_)
        for column, condition in conditions.items():
            held &= self.facts.mask(self.places.of(column), condition)
        return held


def _number(told: Told) -> float | None:
    return None if np.isnan(told.number) else told.number


@cache
def default_rules() -> RuleFile:
    """The rules that hold where a shop gives none: optional ones, on usual columns."""
    return parse(files(__package__).joinpath("knowledge_default.toml").read_text("utf-8"))


def _applies(rule: Rule, answers: Answers, count: int) -> Bool:
    """bool [q]: the rule's `when` holds; of a rule with a `must` also where an answer cannot be read."""
    found = np.ones(count, np.bool_)
    for field, condition in rule.when.items():
        told = answers.of(field)
        found &= np.array([holds(condition, each) or (bool(rule.must) and beyond(condition, each)) for each in told])
    return found


def _taste(kinds: sparse.csr_matrix, popularity: Float32) -> tuple[sparse.csr_matrix, Float64]:
    """(float32 csr [n, v] whose rows sum to 1, float64 [v]: 1 over the root of the share of events with the value)."""
    counts = np.diff(kinds.indptr)
    shares = (sparse.diags(1 / np.maximum(counts, 1)) @ kinds).tocsr().astype(np.float32)
    taken = np.asarray(popularity @ shares, np.float64) + 1.0
    return shares, 1 / np.sqrt(taken / taken.sum())
