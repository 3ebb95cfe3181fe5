"""Where every item stands with a model for one request, and what its score is made of: nothing is cut off here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from endcap.serving.asking import asked
from endcap.serving.aversion import sink
from endcap.serving.retrieval import barred_for, weighed
from endcap.serving.slate import Slate
from endcap.types import Bool, Float32

SCALE, INFLUENCE, AVERSION = "scale", "influence", "aversion"
"""Parts that are no source: what a mix adds to all items of a kind alike, so that its scores can be compared; what the
campaign's popularity and freshness change; what the shopper's refusals take."""


@dataclass(frozen=True)
class Part:
    """One addend of a score; `rank` is the item's place by this source alone among all that the version knows (1 is
    best), None where the source says nothing of it, or it is no source."""

    name: str
    value: float
    rank: int | None = None


@dataclass(frozen=True)
class Standing:
    """Scores of all rows of the model that answers: `raw` are its own, `influenced` under the campaign's influences,
    `final` those that decide; -inf where there is none. `may` bool [rows]: what may be shown at all."""

    slate: Slate
    raw: Float32
    influenced: Float32
    final: Float32
    may: Bool
    sources: Mapping[str, Float32] = field(default_factory=dict)

    @classmethod
    def of(cls, slate: Slate) -> Standing | None:
        """Of a slate that went through `retrieve` (or `rank`); None where the model was not asked."""
        model = slate.model
        sources: Mapping[str, Float32] = {}
        if slate.retrieved == "similar":
            raw = model.related(int(model.rows_of(np.array([slate.current], np.int32))[0])).copy()
        elif slate.retrieved:
            queries = asked([slate])
            raw = model.scores(queries)[0].copy()
            rows = np.arange(len(model.ordinals), dtype=np.int32)
            sources = {name: told[0].copy() for name, told in model.sources(queries, rows).items()}
        else:
            return None
        influenced = weighed(slate, raw.copy())
        final = influenced.copy()
        sink(slate, final)
        may = ~barred_for(slate, slate.allowed, [])[model.ordinals]
        if len(model.withheld):
            may[model.withheld] = False
        return cls(slate, raw, influenced, final, may, sources)

    @property
    def scored(self) -> int:
        """How many items may be shown and have a score."""
        return int((np.isfinite(self.final) & self.may).sum())

    def row(self, ordinal: int) -> int:
        """The model's row of an item, -1 where it does not know it."""
        return int(self.slate.model.rows_of(np.array([ordinal], np.int32))[0]) if ordinal >= 0 else -1

    def score(self, ordinal: int) -> float | None:
        """The score that decides; None where there is none."""
        row = self.row(ordinal)
        return _finite(self.final[row]) if row >= 0 else None

    def rank(self, ordinal: int, *, among_all: bool = False) -> int | None:
        """Place by score among what may be shown, or in the whole catalogue; 1 is best, equals share the best."""
        row = self.row(ordinal)
        if row < 0 or not np.isfinite(self.final[row]):
            return None
        better = self.final > self.final[row]
        return 1 + int(np.count_nonzero(better if among_all else better & self.may))

    def parts(self, ordinal: int) -> tuple[Part, ...]:
        """What the score of an item is made of, the largest first; they sum to `score`. Empty where it has none."""
        row = self.row(ordinal)
        if row < 0 or not np.isfinite(self.raw[row]):
            return ()
        raw = float(self.raw[row])
        found = [Part(name, float(told[row]), _rank(told, row)) for name, told in self.sources.items()]
        found = [part for part in found if part.value]
        if not self.sources:
            found = [Part(self.slate.model.recipe_name, raw, _rank(self.raw, row, least=-np.inf))]
        found.sort(key=lambda part: -abs(part.value))
        rest = raw - sum(part.value for part in found)
        changed, sunk = float(self.influenced[row]), float(self.final[row])
        others = [(SCALE, rest if self.sources else 0.0)]
        if np.isfinite(changed):
            others += [(INFLUENCE, changed - raw), (AVERSION, sunk - changed)]
        return (*found, *(Part(name, value) for name, value in others if abs(value) > 1e-6))


def _rank(told: Float32, row: int, least: float = 0.0) -> int | None:
    return 1 + int(np.count_nonzero(told > told[row])) if told[row] > least else None


def _finite(value: np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
