"""What the inspector is asked and what it answers. Times are milliseconds since 1970."""

from __future__ import annotations

import msgspec

from endcap.api.console.explained import FeatureTold, ScorePart, SourceCount, StageCount, StepPlace, WhyItem
from endcap.api.console.operation import Ask, Shape
from endcap.api.console.titles import SeenItem


class InspectableAsked(Ask, frozen=True):
    """Which shop."""

    shop: str


class InspectableCampaign(Shape, frozen=True):
    """A campaign that is served. `related`: it is asked about an item."""

    name: str
    arn: str
    recipe: str
    versions: tuple[str, ...]
    related: bool


class InspectableVersion(Shape, frozen=True):
    """A version that can be looked at, served or not."""

    id: str
    recipe: str
    solution: str
    status: str
    created: int
    served: bool


class InspectableFilter(Shape, frozen=True):
    """A filter that the shop has."""

    name: str
    expression: str


class InspectableShopper(Shape, frozen=True):
    """A shopper, how many events the engine holds of them, and when the newest was."""

    user: str
    events: int
    last: int


class Inspectable(Shape, frozen=True):
    """What of a shop can be inspected. `first` and `last` bound the moments that can be gone back to."""

    campaigns: tuple[InspectableCampaign, ...]
    versions: tuple[InspectableVersion, ...]
    filters: tuple[InspectableFilter, ...]
    columns: tuple[str, ...]
    shoppers: tuple[InspectableShopper, ...]
    first: int
    last: int


class ShoppersWanted(Ask, frozen=True):
    """Whom to look for: part of an id."""

    shop: str
    q: str = ""
    most: int = 20


class ShoppersMatched(Shape, frozen=True):
    """Those found, an exact match first."""

    shoppers: tuple[InspectableShopper, ...]


class ItemsSought(Ask, frozen=True):
    """What to look for: part of a name or an id."""

    shop: str
    q: str
    most: int = 20


class ItemsMatched(Shape, frozen=True):
    """Those found, best sellers first."""

    items: tuple[SeenItem, ...]


class InspectAsked(Ask, frozen=True):
    """One question to a campaign, or to a version under its configuration (the shop's first campaign when none is
    named). `at`: as of that moment; 0 is now. `without` are events of the history (`HistoryEvent.place`) that are left
    out. `checks` groups of events are left out one after the other."""

    shop: str
    user: str = ""
    campaign: str = ""
    version: str = ""
    about: str = ""
    k: int = 12
    at: int = 0
    filter: str = ""
    filter_values: dict[str, str] = msgspec.field(default_factory=dict)
    exclude_purchased: bool = False
    context: dict[str, str] = msgspec.field(default_factory=dict)
    without: tuple[int, ...] = ()
    checks: int = 20


class HistoryEvent(Shape, frozen=True):
    """One thing that the shopper did. `known`: the version knows the item; `used`: the answer was made with it;
    `streamed`: it came since the shop's state was made; `interest`: it speaks for the item."""

    place: int
    item: str
    event_type: str
    time: int
    weight: float
    interest: bool
    streamed: bool
    known: bool
    used: bool


class Entered(Shape, frozen=True):
    """An item that comes into the answer, and where."""

    item: str
    place: int


class GroupTold(Shape, frozen=True):
    """The answer without a group of events: all about one item (`item`), or all of the last visit (`visit`). `after`
    has the place of each item of the answer without them, None for further down than was looked; `moved` counts those
    that stand elsewhere; `sentence` tells of the item that it does most to (`loudest`)."""

    kind: str
    item: str
    event_type: str
    time: int
    places: tuple[int, ...]
    after: tuple[int | None, ...]
    moved: int
    entered: tuple[Entered, ...]
    loudest: str
    sentence: str


class Inspected(Shape, frozen=True):
    """An answer with everything that was measured of it. `seen` tells how each item that is named is shown; `history`
    is newest first, of `events` in all; `deep` is how far down was looked."""

    version: str
    recipe: str
    variant: str
    campaign: str
    user: str
    now: int
    rung: str
    because: str
    seen: dict[str, SeenItem]
    history: tuple[HistoryEvent, ...]
    events: int
    stages: tuple[StageCount, ...]
    sources: tuple[SourceCount, ...]
    items: tuple[WhyItem, ...]
    groups: tuple[GroupTold, ...]
    deep: int
    notes: tuple[str, ...]
    ms: float


class WhyNotAsked(Ask, frozen=True):
    """As `InspectAsked`, of one item."""

    shop: str
    item: str
    user: str = ""
    campaign: str = ""
    version: str = ""
    about: str = ""
    k: int = 12
    at: int = 0
    filter: str = ""
    filter_values: dict[str, str] = msgspec.field(default_factory=dict)
    exclude_purchased: bool = False
    context: dict[str, str] = msgspec.field(default_factory=dict)
    without: tuple[int, ...] = ()


class RuleTold(Shape, frozen=True):
    """A rule of the filter: whether it applies to this shopper, whether the item meets it, and so whether it takes the
    item out."""

    text: str
    applies: bool
    met: bool
    removes: bool


class WhyNotTold(Shape, frozen=True):
    """What became of an item: `serving.why_not.WhyNot` says what each member is."""

    seen: SeenItem
    verdict: str
    said: str
    shown: int
    bars: tuple[str, ...]
    rules: tuple[RuleTold, ...]
    otherwise: int | None
    place: int | None
    path: tuple[StepPlace, ...]
    candidate: int | None
    candidates: int
    retrieved: str
    score: float | None
    among: int | None
    scored: int
    overall: int | None
    parts: tuple[ScorePart, ...]
    ranked: float | None
    ranked_base: float
    features: tuple[FeatureTold, ...]


class FilterAsked(Ask, frozen=True):
    """An expression with its values, for one shopper (and an item, where it compares with the current one)."""

    shop: str
    filter: str
    filter_values: dict[str, str] = msgspec.field(default_factory=dict)
    user: str = ""
    item: str = ""
    campaign: str = ""
    version: str = ""


class FilterChecked(Shape, frozen=True):
    """Whether it can be used; if so how many items of the catalogue it lets through, else what is wrong and what to do.
    `parameters` are the names of values that it asks for."""

    ok: bool
    message: str = ""
    fix: str = ""
    parameters: tuple[str, ...] = ()
    allowed: int = 0
    of: int = 0
    rules: tuple[str, ...] = ()
