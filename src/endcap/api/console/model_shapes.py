"""What is asked and answered about models."""

from __future__ import annotations

from typing import Annotated

import msgspec

from endcap.api.console.operation import Ask, Shape


class ModelAsk(Ask, frozen=True):
    """Of which shop."""

    shop: str


class TrainAsk(Ask, frozen=True):
    """A recipe to train, with its settings as texts; those that are not given have their defaults."""

    shop: str
    recipe: str
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    solution: str = ""


class PublishAsk(Ask, frozen=True):
    """A version to serve to so many per cent of a campaign's shoppers."""

    shop: str
    version: str
    campaign: str = ""
    weight: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100


class CampaignAsk(Ask, frozen=True):
    """Which campaign."""

    shop: str
    campaign: str


class EvaluateAsk(Ask, frozen=True):
    """What to judge beside each other, on the last `days`, by the first `at` places."""

    shop: str
    versions: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    days: Annotated[float, msgspec.Meta(gt=0, le=730)] = 28
    at: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


class Interval(Shape, frozen=True):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class ServedShare(Shape, frozen=True):
    """Where a version serves, and to how many per cent."""

    campaign: str
    weight: int


class ModelLine(Shape, frozen=True):
    """One trained version. `metrics` are those of its own training, without intervals; times are microseconds."""

    id: str
    solution: str
    recipe: str
    title: str
    status: str
    reason: str
    created: int
    snapshot: str
    behind: bool
    trained_until: int
    seconds: float
    size: int
    served: tuple[ServedShare, ...]
    metrics: dict[str, float]


class TrainingLine(Shape, frozen=True):
    """One that is being trained, or failed to be."""

    id: str
    solution: str
    recipe: str
    created: int
    job: str
    status: str
    reason: str
    label: str
    done: int
    total: int | None
    unit: str
    eta: int | None


class EvaluationRow(Shape, frozen=True):
    """One of a comparison in one slice. `name` is a version's id, or a recipe's name; differences are paired."""

    name: str
    recipe: str
    slice: str
    group: str
    users: int
    metrics: dict[str, Interval]
    over_popularity: dict[str, Interval]
    over_live: dict[str, Interval]
    train_seconds: float


class Evaluation(Shape, frozen=True):
    """One comparison, and how far it is."""

    id: str
    versions: tuple[str, ...]
    recipes: tuple[str, ...]
    created: int
    days: float
    at: int
    cut: int
    until: int
    snapshot: str
    live: str
    rows: tuple[EvaluationRow, ...]
    skipped: dict[str, str]
    job: str
    status: str
    reason: str
    label: str
    done: int
    total: int | None
    unit: str
    eta: int | None


class EvaluationList(Shape, frozen=True):
    """A shop's comparisons, newest first."""

    evaluations: tuple[Evaluation, ...]


class ModelList(Shape, frozen=True):
    """A shop's versions, newest first; `judged` everyone's row of each in the newest comparison that has it, `report`
    the rows of the last evaluation by recipe."""

    models: tuple[ModelLine, ...]
    training: tuple[TrainingLine, ...]
    live: str
    evaluations: tuple[str, ...]
    judged: tuple[EvaluationRow, ...]
    report: tuple[EvaluationRow, ...]
    snapshot: str


class SettingLine(Shape, frozen=True):
    """One hyper-parameter as it was trained with."""

    name: str
    value: str
    default: str
    doc: str


class SourceLine(Shape, frozen=True):
    """One imported file that it learned from."""

    path: str
    size: int
    sha256: str


class ModelCard(Shape, frozen=True):
    """Everything that is known of a version. `choice` says by what its recipe was chosen, where it was one of several:
    `…/models/{id}/choice` is the page about it."""

    model: ModelLine
    arn: str
    about: str
    use: str
    cost: str
    floor: str
    reason: str
    settings: tuple[SettingLine, ...]
    sources: tuple[SourceLine, ...]
    libraries: dict[str, str]
    seed: int
    limits: tuple[str, ...]
    choice: str
    manifest: str


class ParameterLine(Shape, frozen=True):
    """One setting of a recipe; `advanced` where no search looks for a better value."""

    name: str
    doc: str
    kind: str
    default: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    optional: bool
    advanced: bool


class RecipeLine(Shape, frozen=True):
    """One recipe that can be trained."""

    name: str
    title: str
    type: str
    use: str
    cost: str
    floor: str
    needs: tuple[str, ...]
    parameters: tuple[ParameterLine, ...]


class RecipeList(Shape, frozen=True):
    """Every recipe."""

    recipes: tuple[RecipeLine, ...]


class VariantLine(Shape, frozen=True):
    """One version's share of a campaign, in per cent of its shoppers."""

    version: str
    recipe: str
    weight: int


class GenerationLine(Shape, frozen=True):
    """What served at some time."""

    generation: int
    created: int
    restores: int | None
    reason: str
    variants: tuple[VariantLine, ...]


class CampaignServed(Shape, frozen=True):
    """One campaign: what serves, and what served before, newest first."""

    name: str
    arn: str
    kind: str
    purpose: str
    generation: int
    created: int
    policy: dict[str, str]
    variants: tuple[VariantLine, ...]
    past: tuple[GenerationLine, ...]


class CampaignList(Shape, frozen=True):
    """Every campaign of a shop."""

    campaigns: tuple[CampaignServed, ...]
