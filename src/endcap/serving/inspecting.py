"""Why a shopper sees what they see: the steps of an answer run one by one on a real request, and what each one did.

Every number is measured. What a past event contributes is not guessed from scores: the request is answered again
without it, and the places are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from endcap.lake.event_types import against
from endcap.serving.asking import asked
from endcap.serving.ranking_parts import FeaturePart, feature_parts
from endcap.serving.retrieval import barred_for
from endcap.serving.slate import Request, Slate
from endcap.serving.snapshot import Snapshot
from endcap.serving.standing import Part, Standing
from endcap.serving.supposing import Events
from endcap.serving.tracing import BEFORE_CUT, DEEP, ORDERING, Trace, Tracer
from endcap.stream.histories import CAP
from endcap.types import Int32, Int64

LETS_NOTHING = " Until then it lets nothing through."
CHECKS = 20
"""So many groups of past events are left out one after the other, at most."""
VISIT_GAP = 30 * 60 * 1_000_000
"""Microseconds without an event that end a visit."""


@dataclass(frozen=True)
class PastEvent:
    """One thing that the shopper did. `place` is how it is named to `inspect`; `known` whether the version knows the
    item, `used` whether the answer was made with it, `streamed` whether it came since the shop's state was made."""

    place: int
    item: str
    event_type: str
    time: int
    weight: float
    interest: bool
    streamed: bool
    known: bool
    used: bool


@dataclass(frozen=True)
class Stage:
    """How many items there were at one point of the way; `bars` tells of a stage that takes some away."""

    name: str
    count: int
    bars: bool = False


@dataclass(frozen=True)
class Step:
    """Place of an item after a step, None where it was not in the answer then."""

    name: str
    place: int | None


@dataclass(frozen=True)
class Shown:
    """One item of the answer. `score` is its probability, `weight` the score of the retrieval, the sum of `parts`;
    `among` its place by that among all that may be shown. `ranked` is the ranker's score, the sum of `features` and
    `ranked_base`."""

    item: str
    ordinal: int
    place: int
    score: float | None
    source: str
    reason: str
    word: str
    propensity: float
    promotion: str
    path: tuple[Step, ...]
    weight: float | None = None
    among: int | None = None
    parts: tuple[Part, ...] = ()
    ranked: float | None = None
    ranked_base: float = 0.0
    features: tuple[FeaturePart, ...] = ()


@dataclass(frozen=True)
class Effect:
    """Where an item of the answer is without some events; `after` None: further down than `Inspection.deep`."""

    item: str
    before: int
    after: int | None
    score_before: float | None
    score_after: float | None


@dataclass(frozen=True)
class LeftOut:
    """The answer without a group of events: all those about one item (`kind` item), or all of the last visit (visit).

    `effects` has one entry for each item shown; `entered` are items that come in instead, with their places."""

    kind: str
    item: str
    places: tuple[int, ...]
    event_type: str
    time: int
    effects: tuple[Effect, ...]
    entered: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Inspection:
    """One request, explained. `token` repeats it, chance and all."""

    version: str
    recipe: str
    variant: str
    user_id: str
    now: int
    token: str
    rung: str
    cause: str
    history: tuple[PastEvent, ...]
    """Newest first."""
    stages: tuple[Stage, ...]
    sources: tuple[tuple[str, int], ...]
    """(rung, or part of a mix that speaks loudest; number of candidates)."""
    items: tuple[Shown, ...]
    left_out: tuple[LeftOut, ...]
    deep: int
    notes: tuple[str, ...]


def inspect(
    snapshot: Snapshot,
    request: Request,
    *,
    token: str = "",
    at: int = 0,
    without: Collection[int] = (),
    checks: int = CHECKS,
) -> Inspection:
    """Answer a request step by step, then without each of the `checks` most telling groups of the shopper's past.

    `at`, `without` and `token`: see `Tracer`. Raises what an answer raises.
    """
    tracer = Tracer(snapshot, request, token=token, at=at, without=without)
    trace = tracer.base()
    standing = Standing.of(trace.slate)
    items = tuple(_shown(trace, standing, place) for place in range(len(trace.shown)))
    groups = _groups(tracer, trace, checks)
    slate = trace.slate
    return Inspection(
        slate.model.version,
        slate.model.recipe_name,
        slate.variant.name,
        request.user_id,
        slate.now,
        tracer.token,
        slate.rung,
        slate.cause,
        _history(tracer, slate),
        tuple(stages(trace, standing)),
        tuple(_sources(slate, standing)),
        items,
        tuple(_left_out(tracer, trace, groups)),
        tracer.depth(DEEP) or len(trace.orders[BEFORE_CUT]),
        tuple(_notes(tracer, slate)),
    )


def check(
    snapshot: Snapshot, request: Request, places: Collection[int], *, token: str = "", at: int = 0
) -> tuple[Trace, Trace]:
    """(the answer, the answer without these events): what one check of `inspect` compares."""
    tracer = Tracer(snapshot, request, token=token, at=at)
    trace = tracer.base()
    return trace, tracer.without([places], like=trace)[0]


def stages(trace: Trace, standing: Standing | None) -> Sequence[Stage]:
    """How many items were left at each point."""
    slate, state = trace.slate, trace.slate.snapshot.state
    listed = np.ones(slate.size, np.bool_)
    listed[: len(state.listed)] = state.listed[: slate.size]
    found = [Stage("catalogue", int(listed.sum()))]
    if trace.filtered is not None:
        found.append(Stage("filter", int((listed & ~trace.filtered[: slate.size]).sum()), bars=True))
    bars = {**trace.bars, "rules": trace.forbidden}
    for why, ordinals in bars.items():
        inside = ordinals[(ordinals >= 0) & (ordinals < slate.size)]
        if len(inside):
            found.append(Stage(why, int(listed[inside].sum()), bars=True))
    found.append(Stage("allowed", int((~barred_for(slate, slate.allowed, [])).sum())))
    if standing is not None:
        found.append(Stage("scored", standing.scored))
    found.append(Stage("candidates", len(slate.candidates)))
    if len(slate.judged):
        found.append(Stage("ranked", len(slate.judged)))
    return [*found, Stage("shown", len(trace.shown))]


def path(trace: Trace, ordinal: int) -> tuple[Step, ...]:
    """Places of an item after each step."""
    return tuple(Step(name, trace.place(ordinal, name)) for name in ORDERING)


def _shown(trace: Trace, standing: Standing | None, place: int) -> Shown:
    slate, ordinal = trace.slate, trace.shown[place]
    judged, base, features = feature_parts(slate, place)
    return Shown(
        slate.items[place],
        ordinal,
        place + 1,
        slate.scores[place],
        slate.rungs[place],
        slate.reasons[place],
        slate.words[place] if slate.words else "",
        slate.propensities[place],
        slate.promotions[place] if slate.promotions else "",
        path(trace, ordinal),
        None if standing is None else standing.score(ordinal),
        None if standing is None else standing.rank(ordinal),
        () if standing is None else standing.parts(ordinal),
        judged,
        base,
        features,
    )


def _history(tracer: Tracer, slate: Slate) -> tuple[PastEvent, ...]:
    events = tracer.supposing.events
    order = np.argsort(-events.time, kind="stable").tolist()
    known = slate.model.rows_of(np.maximum(events.item, 0).astype(np.int32)) >= 0
    names = names_of(slate.snapshot, events.item)
    return tuple(
        PastEvent(
            place,
            names[place],
            events.event_types[place],
            int(events.time[place]),
            float(events.weight[place]),
            bool(events.interest[place]),
            place >= events.held,
            bool(known[place]) and events.item[place] >= 0,
            bool(tracer.kept[place]),
        )
        for place in order
    )


def names_of(snapshot: Snapshot, ordinals: Int32) -> list[str]:
    """External ids; empty for what is not known."""
    told = iter(snapshot.names(ordinals[ordinals >= 0]) if len(ordinals) else [])
    return [next(told) if ordinal >= 0 else "" for ordinal in ordinals.tolist()]


def _sources(slate: Slate, standing: Standing | None) -> Sequence[tuple[str, int]]:
    """Of the candidates, how many each source put there: by its loudest part where the model mixes several."""
    if standing is None or not standing.sources or not len(slate.candidates):
        rungs = Counter({slate.retrieved: len(slate.candidates)} if len(slate.candidates) else Counter(slate.rungs))
        return rungs.most_common()
    rows = slate.model.rows_of(slate.candidates)
    rows = rows[rows >= 0]
    names = list(standing.sources)
    loudest = np.stack([np.nan_to_num(standing.sources[name][rows], nan=-np.inf) for name in names]).argmax(axis=0)
    return Counter(names[place] for place in loudest.tolist()).most_common()


@dataclass(frozen=True)
class _Group:
    kind: str
    ordinal: int
    places: tuple[int, ...]


def _groups(tracer: Tracer, trace: Trace, most: int) -> list[_Group]:
    """What is left out: the last visit, the newest items, and of the others those that are in the answer."""
    events, kept = tracer.supposing.events, tracer.kept
    telling = kept & (events.item >= 0) & _speaks(events)
    places = np.flatnonzero(telling)
    if not len(places) or most <= 0:
        return []
    places = places[np.argsort(-events.time[places], kind="stable")]
    by_item: dict[int, list[int]] = {}
    for place in places.tolist():
        by_item.setdefault(int(events.item[place]), []).append(place)
    shown = set(trace.shown)
    visit = _visit(events.time[places])
    groups = [_Group("visit", -1, tuple(places[:visit].tolist()))] if 1 < visit < len(places) else []
    left = most - len(groups)
    ordinals = list(by_item)
    relevant = [ordinal for ordinal in ordinals if ordinal in shown][: left // 2]
    chosen = set(relevant)
    newest = [ordinal for ordinal in ordinals if ordinal not in chosen][: left - len(relevant)]
    wanted = chosen | set(newest)
    return groups + [_Group("item", ordinal, tuple(by_item[ordinal])) for ordinal in ordinals if ordinal in wanted]


def _speaks(events: Events) -> np.ndarray:
    """bool: which events say anything, for an item or against it."""
    aside = [bool(against(name)) for name in events.event_types]
    speaks: np.ndarray = events.interest | (events.weight < 0) | np.array(aside, np.bool_)
    return speaks


def _visit(times: Int64) -> int:
    """How many of the newest events (times descending) are of the last visit."""
    gaps = np.flatnonzero(times[:-1] - times[1:] > VISIT_GAP)
    return int(gaps[0]) + 1 if len(gaps) else len(times)


def _left_out(tracer: Tracer, trace: Trace, groups: Sequence[_Group]) -> Sequence[LeftOut]:
    events, slate = tracer.supposing.events, trace.slate
    found = []
    for group, other in zip(groups, tracer.without([each.places for each in groups], like=trace), strict=True):
        effects = tuple(
            Effect(name, place, other.place(ordinal), slate.scores[place - 1], other.score(ordinal))
            for place, (name, ordinal) in enumerate(zip(slate.items, trace.shown, strict=True), 1)
        )
        news = [ordinal for ordinal in other.shown[: len(trace.shown)] if ordinal not in trace.shown and ordinal >= 0]
        names = names_of(slate.snapshot, np.array(news, np.int32))
        entered = tuple((name, other.place(ordinal) or 0) for name, ordinal in zip(names, news, strict=True))
        newest = group.places[0]
        name = "" if group.ordinal < 0 else slate.snapshot.names([group.ordinal])[0]
        told = events.event_types[newest]
        found.append(LeftOut(group.kind, name, group.places, told, int(events.time[newest]), effects, entered))
    return found


def _notes(tracer: Tracer, slate: Slate) -> Sequence[str]:
    events = tracer.supposing.events
    notes = [f"{each}{LETS_NOTHING if each.binds else ''}" for each in slate.model.unread(asked([slate]))[0]]
    if tracer.at:
        notes.append(
            "This shopper's history and the clock are those of then; the version, the catalogue and what sells are "
            "those of now."
        )
        if len(tracer.supposing.events):
            notes.append("Impressions and refusals that were imported have no time here and are left out.")
    if events.held >= CAP:
        notes.append(f"Answers are made of the newest {CAP} events of a shopper; older ones are not looked at.")
    if tracer.snapshot.deployment.config.category_cap:
        notes.append("With a cap on categories, places behind the answer are not followed further than it looks.")
    return notes
