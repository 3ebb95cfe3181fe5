"""Why an item is not in an answer: what took it out, or what it is behind of; found by really answering.

Where a rule takes it out, the same request is answered once more with the item let past, so that it can be told where
it would be.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from endcap.serving.filters.wording import written
from endcap.serving.inspecting import Step, path
from endcap.serving.ranking_parts import FeaturePart, parts_of
from endcap.serving.slate import Request, Slate
from endcap.serving.snapshot import Snapshot
from endcap.serving.standing import AVERSION, INFLUENCE, Part, Standing
from endcap.serving.tracing import DEEP, ORDERING, Trace, Tracer

BARS = {
    "looked-at": "It is the item that is being looked at.",
    "bought": "This shopper bought it, and what was bought is left out.",
    "seen": "It is in this shopper's history, and what is there is left out.",
    "done": "The recipe leaves out what this shopper did something with, and they did with this one.",
    "not-offered": "It has expired, or was offered to this shopper too lately.",
    "not-due": "This shopper bought it, and it is not due again yet.",
    "sold-out": "It is out of stock, and what is out of stock is left out.",
    "rules": "The version's own rules forbid it to this shopper.",
    "filter": "The filter leaves it out.",
}
"""What takes items out, in the order of an answer's steps, in words."""
STEPS = {
    "rank": "The model put it behind others of the list.",
    "rerank": "The ranker put it further down.",
    "place": "New items, like those that stand high here, took places before it.",
    "diversify": "Diversity put it further down: it is like what stands before it.",
    "cap": "It stepped back: the cap on items of one category was reached before it.",
    "explore": "Exploration gave places to other items.",
    "promote": "Promoted items took places before it.",
}
"""Steps that put an item behind the last place, in words."""


@dataclass(frozen=True)
class RuleVerdict:
    """One rule of the filter: whether it applies to this shopper, whether the item meets it, and so whether it takes
    the item out."""

    text: str
    applies: bool
    met: bool
    removes: bool


@dataclass(frozen=True)
class WhyNot:
    """`verdict` is `shown`, what took the item out (a key of `BARS` or `STEPS`, `aversion`, `influence`), `outranked`,
    `unscored`, `unlearned`, `unlisted`, `unknown` or `not-given`; `said` tells it in a sentence.

    `bars` are all that take it out. `candidate` is its place among the `candidates` retrieved; `among` by score among
    the `scored` that may be shown; `overall` in the whole catalogue. `otherwise` is its place were it let past every
    bar; None where it has none or nothing bars it. `place` is where it stands, `path` step by step, as far down as was
    looked.
    """

    item: str
    verdict: str
    said: str
    shown: int
    bars: tuple[str, ...] = ()
    rules: tuple[RuleVerdict, ...] = ()
    otherwise: int | None = None
    place: int | None = None
    path: tuple[Step, ...] = ()
    candidate: int | None = None
    candidates: int = 0
    retrieved: str = ""
    score: float | None = None
    among: int | None = None
    scored: int = 0
    overall: int | None = None
    parts: tuple[Part, ...] = ()
    ranked: float | None = None
    ranked_base: float = 0.0
    features: tuple[FeaturePart, ...] = ()


def why_not(
    snapshot: Snapshot,
    request: Request,
    item: str,
    *,
    token: str = "",
    at: int = 0,
    without: Collection[int] = (),
) -> WhyNot:
    """What became of one item in the answer to a request. `token`, `at`, `without`: see `Tracer`."""
    tracer = Tracer(snapshot, request, token=token, at=at, without=without)
    base = tracer.base()
    ordinal, shown = snapshot.ordinal(item), len(base.slate.items)
    if request.candidates is not None and item not in request.candidates:
        return WhyNot(item, "not-given", "It was not in the list to be ranked.", shown)
    if ordinal < 0:
        return _nowhere(snapshot, item, shown)
    deep, standing = tracer.deep(base), Standing.of(base.slate)
    bars, rules = _bars(base, ordinal), _rules(base.slate, ordinal)
    otherwise = tracer.let_past(ordinal).place(ordinal) if bars else None
    place = deep.place(ordinal)
    verdict, said = _verdict(base, deep, standing, ordinal, bars, rules)
    if bars and otherwise is not None:
        said = f"{said} Without that it would be at place {otherwise}."
    slate = base.slate
    found = np.flatnonzero(slate.candidates == ordinal)
    judged, ranked_base, features = _ranked(base, ordinal)
    return WhyNot(
        item,
        verdict,
        said,
        shown,
        tuple(bars),
        rules,
        otherwise,
        place,
        path(deep, ordinal),
        int(found[0]) + 1 if len(found) else None,
        len(slate.candidates),
        slate.retrieved,
        None if standing is None else standing.score(ordinal),
        None if standing is None else standing.rank(ordinal),
        0 if standing is None else standing.scored,
        None if standing is None else standing.rank(ordinal, among_all=True),
        () if standing is None else standing.parts(ordinal),
        judged,
        ranked_base,
        features,
    )


def _nowhere(snapshot: Snapshot, item: str, shown: int) -> WhyNot:
    if snapshot.state.catalogue.find(item) >= 0:
        return WhyNot(item, "unlisted", "It is no longer in the catalogue.", shown)
    return WhyNot(item, "unknown", "The shop has no item of this id.", shown)


def _bars(trace: Trace, ordinal: int) -> list[str]:
    found = [why for why, told in trace.bars.items() if ordinal in told]
    if ordinal in trace.forbidden:
        found.append("rules")
    if trace.filtered is not None and not (ordinal < len(trace.filtered) and trace.filtered[ordinal]):
        found.append("filter")
    return sorted(found, key=list(BARS).index)


def _rules(slate: Slate, ordinal: int) -> tuple[RuleVerdict, ...]:
    """Each rule of the filter. Of INCLUDE rules one must be met, of EXCLUDE rules none."""
    if slate.request.restriction is None:
        return ()
    told = slate.request.restriction.verdicts(slate, ordinal)
    includes = [met for rule, applies, met in told if rule.action == "INCLUDE" and applies]
    lets_in = not includes or any(includes)
    return tuple(
        RuleVerdict(
            written(rule), applies, met, applies and (met if rule.action == "EXCLUDE" else not met and not lets_in)
        )
        for rule, applies, met in told
    )


def _verdict(
    base: Trace,
    deep: Trace,
    standing: Standing | None,
    ordinal: int,
    bars: Sequence[str],
    rules: Sequence[RuleVerdict],
) -> tuple[str, str]:
    slate, wanted = base.slate, len(base.shown)
    if ordinal in base.shown:
        return "shown", f"It is shown, at place {base.shown.index(ordinal) + 1}."
    if bars:
        removing = [rule.text for rule in rules if rule.removes]
        if bars[0] == "filter" and removing:
            return "filter", f"The filter leaves it out: {removing[0]}."
        said = " ".join((BARS[bars[0]], *slate.unread)) if bars[0] == "rules" else BARS[bars[0]]
        return bars[0], said
    step = _lost(deep, ordinal, wanted)
    if step is not None:
        before, after = step[1], step[2]
        to = f"from {before} to {after}" if after is not None else f"from {before} to below {DEEP}"
        return step[0], f"{STEPS[step[0]]} It went {to}; {wanted} are shown."
    return _outranked(slate, standing, deep, ordinal, wanted)


def _lost(trace: Trace, ordinal: int, wanted: int) -> tuple[str, int, int | None] | None:
    """(step, place before, place after) of the last step that put it behind the last place."""
    found, before = None, trace.place(ordinal, ORDERING[0])
    for step in ORDERING[1:]:
        after = trace.place(ordinal, step)
        if step in ("explore", "promote") and after is None:  # the answer was cut: where it would have been
            after = trace.place(ordinal)
        if before is not None and before <= wanted and (after is None or after > wanted):
            found = step, before, after
        before = after
    return found


def _outranked(slate: Slate, standing: Standing | None, deep: Trace, ordinal: int, wanted: int) -> tuple[str, str]:
    version = slate.model.version
    if standing is None:
        return "unscored", f"Nothing personal was answered ({slate.cause}), and {wanted} others come before it."
    if standing.row(ordinal) < 0:
        return "unlearned", f"Version {version} was trained before this item was there."
    score, rank = standing.score(ordinal), standing.rank(ordinal)
    if score is None or rank is None:
        return "unscored", f"Version {version} has nothing to say of it for this history."
    places = f"It stands at {rank:,} of {standing.scored:,} by score; {wanted} are shown."
    for name, before in ((AVERSION, standing.influenced), (INFLUENCE, standing.raw)):
        row = standing.row(ordinal)
        would = 1 + int(np.count_nonzero((standing.final > before[row]) & standing.may))
        if any(part.name == name for part in standing.parts(ordinal)) and rank > wanted >= would:
            why = "what this shopper refused" if name == AVERSION else "the campaign's popularity and freshness"
            return name, f"{places} Without {why} it would be at {would}."
    place = deep.place(ordinal)
    ranked = f" The ranker put it at {place}." if len(slate.judged) and place is not None else ""
    return "outranked", places + ranked


def _ranked(trace: Trace, ordinal: int) -> tuple[float | None, float, tuple[FeaturePart, ...]]:
    """What the ranker says of an item that it was asked about."""
    at = np.flatnonzero(trace.slate.seen[: len(trace.block)] == ordinal)
    return parts_of(trace.slate, trace.block[at[:1]]) if len(at) else (None, 0.0, ())
