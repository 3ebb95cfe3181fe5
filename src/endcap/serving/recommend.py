"""The request path: an ordered tuple of plain functions over slates.

resolve → allow → retrieve → rank → explain → credit → seal. Each takes the slates of one batch, requests that arrived
together; retrieve and credit make use of that, by asking a model about all of them in one pass over its items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

import numpy as np

from endcap.registry.variants import Variant
from endcap.serving import recommendation_id
from endcap.serving.calibration import probabilities
from endcap.serving.kernels import best, log_total, take
from endcap.serving.model import ServedModel
from endcap.serving.snapshot import Snapshot
from endcap.stream.histories import Past
from endcap.types import Bool, Float32, Int32

NOBODY: Int32 = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a campaign, in external ids. With `candidates` it asks for their order, else for `k` items.

    `allowed` bool [ordinals] is a compiled filter; `exclude_purchased` the built-in one.
    """

    k: int = 25
    user_id: str = ""
    item_id: str = ""
    candidates: tuple[str, ...] | None = None
    exclude_purchased: bool = False
    allowed: Bool | None = None
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Slate:
    """One answer on its way: what was asked, what was found out about it, and the items so far.

    `items`, `scores` (None where an item has none), `rungs` and `reasons` are equally long, best first.
    """

    snapshot: Snapshot
    request: Request
    token: str
    place: int = 0
    variant: Variant = None  # type: ignore[assignment]  # set by resolve
    model: ServedModel = None  # type: ignore[assignment]  # set by resolve
    row: int = -1
    current: int = -1
    barred: Int32 = field(default_factory=lambda: NOBODY)
    ordinals: list[int] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    rungs: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    cause: str = ""
    """Why the answer is not personal, in words; empty where it is."""
    recommendation_id: str = ""

    def reset(self) -> None:
        """Back to the question alone."""
        self.row = self.current = -1
        self.barred, self.cause = NOBODY, ""
        self.ordinals, self.items, self.scores, self.rungs, self.reasons = [], [], [], [], []

    @property
    def rung(self) -> str:
        """The rung that the first item came from."""
        return self.rungs[0] if self.rungs else "catalogue"


Step = Callable[[Sequence[Slate]], None]


def each(step: Callable[[Slate], None]) -> Step:
    """A step over one slate as a step over a batch."""

    def steps(slates: Sequence[Slate]) -> None:
        for slate in slates:
            step(slate)

    return steps


def recommend(snapshot: Snapshot, request: Request, token: str | None = None) -> Slate:
    """The answer to one request. `token` is 16 random hex digits for the recommendation id."""
    return answer([Slate(snapshot, request, token or token_hex(8))])[0]


def answer(slates: Sequence[Slate]) -> Sequence[Slate]:
    """Take slates, of any campaigns, through all steps together."""
    for step in STEPS:
        step(slates)
    return slates


def resolve(slate: Slate) -> None:
    """Which variant answers, whose history counts, and which item is being looked at."""
    request, state = slate.request, slate.snapshot.state
    slate.place, slate.variant, slate.model = slate.snapshot.variant_for(request.user_id or slate.token)
    if request.user_id:
        slate.row = state.histories.row(request.user_id)
    if request.item_id:
        slate.current = state.ordinal(request.item_id)


def allow(slate: Slate) -> None:
    """Which items this shopper must not be shown."""
    histories, barred = slate.snapshot.state.histories, []
    if slate.request.exclude_purchased or slate.snapshot.deployment.config.exclude_seen:
        barred.append(histories.purchases(slate.row))
    if slate.snapshot.deployment.config.exclude_seen and slate.row >= 0:
        barred.append(histories.past.slice(slate.row).item)
    if slate.current >= 0:
        barred.append(np.array([slate.current], np.int32))
    if barred:
        slate.barred = np.concatenate(barred)


def retrieve(slates: Sequence[Slate]) -> None:
    """The k best items of each slate: from its model, then down the ladder until k are found or none qualifies."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if slate.request.candidates is not None:
            continue
        if slate.request.item_id and not slate.request.user_id and slate.model.personal:
            _similar(slate)
        else:
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        _personal(group)
    for slate in slates:
        if slate.request.candidates is None and len(slate.ordinals) < slate.request.k:
            _descend(slate)


def rank(slate: Slate) -> None:
    """The order of given items: those the model scores, then the shop's popular ones, then what nobody knows."""
    if slate.request.candidates is None:
        return
    names = list(dict.fromkeys(slate.request.candidates))
    state, model = slate.snapshot.state, slate.model
    ordinals = state.ordinals(names)
    kept = [place for place in range(len(names)) if _may_show(slate, int(ordinals[place]))]
    names, ordinals = [names[place] for place in kept], ordinals[kept]
    rows = np.where(ordinals >= 0, model.rows[ordinals], -1)
    scores = np.full(len(names), -np.inf, np.float32)
    known = np.flatnonzero(rows >= 0)
    queries = model.queries(_past([slate]), state.histories.last_time + 1, _currents([slate]))
    told = not model.personal or len(queries.item) or queries.current[0] >= 0
    if len(known) and told:
        scores[known] = model.scores_of(queries, rows[known].astype(np.int32))[0]
    if not told:
        _say_why_not(slate)
    scored = np.isfinite(scores)
    total = log_total(scores, model.temperature)
    shares = probabilities(total, scores, model.temperature) if scored.any() else np.zeros(len(names))
    place_of = {int(ordinal): place for place, ordinal in enumerate(state.popular)} if not scored.all() else {}
    last = len(place_of)
    order = sorted(
        range(len(names)),
        key=lambda at: (-scores[at], ordinals[at] < 0, place_of.get(int(ordinals[at]), last), at),
    )
    slate.items = [names[at] for at in order]
    slate.ordinals = [int(ordinals[at]) for at in order]
    slate.scores = [float(shares[at]) if scored[at] else None for at in order]
    rung = "personal" if model.personal else "general"
    slate.rungs = [rung if scored[at] else "popular" if int(ordinals[at]) in place_of else "catalogue" for at in order]


def explain(slate: Slate) -> None:
    """Why each item is there, in words for the shopper."""
    model, because = slate.model, f" ({slate.cause})" if slate.cause else ""
    words = {
        "personal": model.recipe.reason,
        "similar": "Related to what you are looking at",
        "general": model.recipe.reason,
        "trending": f"Trending now{because}",
        "popular": f"Popular in this shop{because}",
        "catalogue": f"From the catalogue{because}",
    }
    slate.reasons = [words[rung] for rung in slate.rungs]


def credit(slates: Sequence[Slate]) -> None:
    """Where a model mixes several sources, the reason is the one that speaks loudest for the item."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if "personal" in slate.rungs and hasattr(slate.model.recipe, "parts"):
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        model, state = group[0].model, group[0].snapshot.state
        queries = model.queries(_past(group), state.histories.last_time + 1, _currents(group))
        own = [np.array([rung == "personal" for rung in slate.rungs]) for slate in group]
        rows = [model.rows[np.array(slate.ordinals, np.int64)[mine]] for slate, mine in zip(group, own, strict=True)]
        asked = np.unique(np.concatenate(rows))
        sources = model.sources(queries, asked)
        names = list(sources)
        # [source, query, item]: all slates of the batch are explained by one pass over the model.
        loudest = np.stack([np.nan_to_num(sources[name], nan=-np.inf) for name in names]).argmax(axis=0)
        for at, slate in enumerate(group):
            spoken = loudest[at][np.searchsorted(asked, rows[at])]
            for place, source in zip(np.flatnonzero(own[at]).tolist(), spoken.tolist(), strict=True):
                slate.reasons[place] = model.reason_of(names[source])


def seal(slate: Slate) -> None:
    """External ids, and the id under which this answer can be traced."""
    if slate.request.candidates is None:
        slate.items = slate.snapshot.state.catalogue.names(np.array(slate.ordinals, np.int64))
    slate.recommendation_id = recommendation_id.make(
        slate.model.version, slate.snapshot.generation, slate.place, slate.rung, slate.token
    )


STEPS: tuple[Step, ...] = (each(resolve), each(allow), retrieve, each(rank), each(explain), credit, each(seal))


def _personal(slates: Sequence[Slate]) -> None:
    """Ask one model for several shoppers at once. A shopper without a usable history is left to the ladder."""
    model, state = slates[0].model, slates[0].snapshot.state
    queries = model.queries(_past(slates), state.histories.last_time + 1, _currents(slates))
    ends, currents = queries.indptr.tolist(), queries.current.tolist()
    usable = []
    for at, slate in enumerate(slates):
        if ends[at] < ends[at + 1] or currents[at] >= 0 or not model.personal:
            usable.append(at)
        else:
            _say_why_not(slate)
    if not usable:
        return
    scores = model.scores(queries)
    rung = "personal" if model.personal else "general"
    for at in usable:
        _choose(slates[at], scores[at], rung)


def _similar(slate: Slate) -> None:
    row = int(slate.model.rows[slate.current]) if slate.current >= 0 else -1
    if row < 0:
        slate.cause = "the item asked about is not known" if slate.current < 0 else "the item asked about is new"
        return
    scores = slate.model.related(row)
    _choose(slate, scores, "similar")
    if not slate.ordinals:
        slate.cause = "nothing is known to go with this item"


def _choose(slate: Slate, scores: Float32, rung: str) -> None:
    """The best that may be shown of float32 [n] `scores`, which are changed."""
    model, request = slate.model, slate.request
    if len(model.withheld):
        scores[model.withheld] = -np.inf
    # What may not be shown still counts in the sum: a filter does not make the rest likelier.
    total = log_total(scores, model.temperature) if rung == "personal" else 0.0
    if len(slate.barred):
        rows = model.rows[slate.barred]
        scores[rows[rows >= 0]] = -np.inf
    if request.allowed is not None:
        scores[~request.allowed[model.ordinals]] = -np.inf
    rows = best(scores, request.k)
    slate.ordinals = model.ordinals[rows].tolist()
    slate.rungs = [rung] * len(rows)
    if rung == "personal":
        slate.scores = list(probabilities(total, scores[rows], model.temperature).tolist())
    else:
        slate.scores = [None] * len(rows)


def _descend(slate: Slate) -> None:
    """Complete a short slate: trending, popular, then the catalogue in its own order, all under the same filters."""
    state = slate.snapshot.state
    barred = ~state.listed
    barred[slate.barred[slate.barred < len(barred)]] = True
    barred[slate.ordinals] = True
    if slate.request.allowed is not None:
        barred |= ~slate.request.allowed[: len(barred)]
    ladder: Iterable[tuple[str, Int32]] = (
        ("trending", state.trending),
        ("popular", state.popular),
        ("catalogue", np.arange(len(barred), dtype=np.int32)),
    )
    for rung, order in ladder:
        found = take(order, barred, slate.request.k - len(slate.ordinals)).tolist()
        slate.ordinals += found
        slate.rungs += [rung] * len(found)
        slate.scores += [None] * len(found)


def _past(slates: Sequence[Slate]) -> Past:
    past = slates[0].snapshot.state.histories.past
    if len(slates) == 1 and slates[0].row >= 0:
        return past.slice(slates[0].row)
    return past.take(np.array([slate.row for slate in slates], np.int32))


def _currents(slates: Sequence[Slate]) -> Int32:
    return np.array([slate.model.rows[slate.current] if slate.current >= 0 else -1 for slate in slates], np.int32)


def _say_why_not(slate: Slate) -> None:
    if not slate.request.user_id:
        slate.cause = "no shopper was named"
    elif slate.row < 0:
        slate.cause = "we do not know this shopper yet"
    else:
        slate.cause = "this shopper's items are new to the model"


def _may_show(slate: Slate, ordinal: int) -> bool:
    if ordinal < 0:
        return slate.request.allowed is None
    if slate.request.allowed is not None and not slate.request.allowed[ordinal]:
        return False
    return not (slate.barred == ordinal).any()
