"""What can be trained, under which ARN: every recipe name of the service, and our own, each with the recipe behind it.

The service's are listed in `recipe_arns.toml`, ours come from the table of recipes, their hyper-parameters from the
recipe's own class. Hyper-parameters are texts here, as they travel on the wire.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from endcap.errors import InputError, UnknownName
from endcap.recipes import RECIPES, recipe_class
from endcap.types import SECOND, Micros

Kind = Literal["integer", "continuous", "categorical"]
Serves = Literal["campaign", "recommender", "batch"]

PREFIX = "arn:aws:personalize:::"
OWN = "endcap-"
OURS_SINCE = date(2026, 11, 1)
INTERACTIONS = ("interactions",)
DEFAULT_TYPE = "USER_PERSONALIZATION"
"""Of our own recipes that `recipe_arns.toml` does not name."""
INNER = frozenset({"steered", "updated"})
"""Recipes that nobody asks for: they are made of others."""


@dataclass(frozen=True)
class HyperParameter:
    """One setting of a recipe. `low` and `high` bound what may be given, `search` what a search tries: (low, high).

    `native` names the setting of our recipe that it becomes; empty where it is accepted, kept and shown only.
    `settings` holds, for each of our settings, one value per choice, where a choice stands for several.
    """

    default: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    tunable: bool = False
    native: str = ""
    search: tuple[float, float] | None = None
    log: bool = False
    tried: tuple[str, ...] = ()
    """Which words a search tries; empty: all of `choices`."""
    optional: bool = False
    """The word None is a value too."""
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self, name: str, value: str) -> str:
        """The value as it was given. Raises `InputError` where it is none of this kind, or out of range."""
        if self.optional and value.lower() == "none":
            return value
        if self.choices:
            if value.lower() not in [choice.lower() for choice in self.choices]:
                raise InputError(f"Hyperparameter {name} is {value!r}, expected one of {', '.join(self.choices)}.")
            return value
        if self.kind == "categorical":
            return value
        try:
            number = int(value) if self.kind == "integer" else float(value)
        except ValueError:
            raise InputError(f"Hyperparameter {name} is {value!r}, expected a {self.kind} value.") from None
        low = float("-inf") if self.low is None else self.low
        high = float("inf") if self.high is None else self.high
        if not low <= number <= high:
            raise InputError(f"Hyperparameter {name} is {value}, expected {low:g} to {high:g}.")
        return value

    def native_settings(self, value: str) -> dict[str, str]:
        """What the value is for our recipe."""
        found = {self.native: value} if self.native else {}
        if self.settings:
            place = [choice.lower() for choice in self.choices].index(value.lower())
            found |= {name: values[place] for name, values in self.settings.items()}
        return found


@dataclass(frozen=True)
class Offer:
    """One recipe that can be asked for by its ARN.

    `native` is our recipe behind it, `settings` what it is always given, `stands_in` says in words what a simpler model
    replaces (empty where nothing is pretended). `needs` are the members that a request must have, `datasets` the data
    that must be there, `event_types` those it learns from (empty: all), `hides` the event types whose items are left
    out of answers.
    """

    name: str
    arn: str
    type: str
    domain: str | None
    native: str
    description: str
    stands_in: str = ""
    hyper_parameters: Mapping[str, HyperParameter] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    serves: Serves = "campaign"
    gives_scores: bool = True
    legacy: bool = False
    created: Micros = Micros(0)
    settings: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[str, ...] = INTERACTIONS
    event_types: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    explores: bool = False

    @property
    def fits_any_shop(self) -> bool:
        """Whether a recommender of any domain may be made with it: our own recipes that answer with items."""
        return self.name.startswith(OWN) and self.serves == "campaign" and not self.learns_from_actions

    @property
    def algorithm_arn(self) -> str:
        """ARN of the algorithm: `DescribeAlgorithm` takes it."""
        return f"{PREFIX}algorithm/{self.name}"

    @property
    def feature_transformation_arn(self) -> str:
        """ARN of the feature transformation: `DescribeFeatureTransformation` takes it."""
        return f"{PREFIX}feature-transformation/{self.name}"

    @property
    def learns_from_actions(self) -> bool:
        """Whether its items are actions."""
        return "action_interactions" in self.datasets

    def native_settings(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Settings of our recipe from hyper-parameters as they travel, defaults filled in.

        Raises `InputError` for one that the recipe does not have, or a value that it cannot take.
        """
        for name in given:
            if name not in self.hyper_parameters:
                known = ", ".join(sorted(self.hyper_parameters)) or "none"
                raise InputError(f"The recipe {self.arn} has no hyperparameter {name!r}; it has {known}.")
        settings: dict[str, Any] = dict(self.settings)
        for name, parameter in self.hyper_parameters.items():
            settings |= parameter.native_settings(parameter.check(name, str(given.get(name, parameter.default))))
        return settings


@cache
def offers() -> tuple[Offer, ...]:
    """Every recipe, the service's first, in the order of lists."""
    data = tomllib.loads(files(__package__).joinpath("recipe_arns.toml").read_text("utf-8"))
    return (*(_named(entry) for entry in data["recipe"]), *_ours(data["ours"]))


def offer(arn: str) -> Offer:
    """The recipe of an ARN. Raises `UnknownName`, listing those there are."""
    known = _by_arn()
    if arn not in known:
        raise UnknownName("recipe", arn, known, fix="ListRecipes tells what can be asked for.")
    return known[arn]


def native_offer(recipe: str) -> Offer:
    """The offer of our recipe of this name. Raises `UnknownName`."""
    return offer(f"{PREFIX}recipe/{OWN}{recipe}")


@cache
def _by_arn() -> dict[str, Offer]:
    return {each.arn: each for each in offers()}


def _named(entry: Mapping[str, Any]) -> Offer:
    return Offer(
        arn=f"{PREFIX}recipe/{entry['name']}",
        domain=entry.get("domain"),
        hyper_parameters={name: _given(given) for name, given in entry.get("parameters", {}).items()},
        created=_midnight(entry["created"]),
        settings=entry.get("settings", {}),
        **_members(entry),
    )


def _members(entry: Mapping[str, Any]) -> dict[str, Any]:
    plain = ("name", "type", "native", "description", "stands_in", "serves", "gives_scores", "legacy", "explores")
    several = ("needs", "datasets", "event_types", "hides")
    found = {name: entry[name] for name in plain if name in entry}
    return found | {name: tuple(entry[name]) for name in several if name in entry}


def _given(entry: Mapping[str, Any]) -> HyperParameter:
    """One of the service's hyper-parameters: whole numbers where default and bounds are written as such."""
    low, high, choices = entry.get("low"), entry.get("high"), tuple(entry.get("choices", ()))
    kind: Kind = "categorical" if choices else "continuous" if "." in entry["default"] else "integer"
    return HyperParameter(
        entry["default"],
        kind,
        low,
        high,
        choices,
        entry.get("tunable", False),
        entry.get("native", ""),
        search=None if low is None or high is None else (low, high),
        settings={name: tuple(values) for name, values in entry.get("settings", {}).items()},
    )


def _ours(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[Offer]:
    for name in sorted(RECIPES.keys() - INNER):
        kind, entry = recipe_class(name), {"type": DEFAULT_TYPE, **entries.get(name, {})}
        needs: Mapping[str, tuple[str, ...]] = {"RELATED_ITEMS": ("itemId",), "POPULAR_ITEMS": ()}
        actions = entry["type"] == "PERSONALIZED_ACTIONS"
        yield Offer(
            f"{OWN}{name}",
            f"{PREFIX}recipe/{OWN}{name}",
            entry["type"],
            None,
            name,
            f"{kind.title}: a recipe of Endcap's own.",
            hyper_parameters={param.name: _generated(param) for param in kind.hyper_parameters()},
            needs=needs.get(entry["type"], ("userId",)),
            serves="batch" if entry["type"] == "USER_SEGMENTATION" else "campaign",
            created=_midnight(OURS_SINCE),
            datasets=("actions", "action_interactions") if actions else INTERACTIONS,
        )


def _generated(param: Any) -> HyperParameter:
    """A hyper-parameter as the recipe's dataclass declares it."""
    kinds = str(param.type).replace(" ", "").split("|")
    kind: Kind = "integer" if "int" in kinds else "continuous" if "float" in kinds else "categorical"
    search = tuple(param.metadata.get("search") or ())
    tried = tuple(map(_text, search)) if kind == "categorical" else ()
    return HyperParameter(
        _text(param.default),
        kind,
        param.metadata.get("low"),
        param.metadata.get("high"),
        ("true", "false") if "bool" in kinds else tuple(param.metadata.get("choices") or tried),
        bool(search),
        param.name,
        search=None if kind == "categorical" or not search else (search[0], search[1]),
        tried=tried,
        log=bool(param.metadata.get("log")),
        optional="None" in kinds,
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _midnight(day: date) -> Micros:
    return Micros(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND)
