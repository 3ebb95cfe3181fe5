"""What a shopper does not want sinks, and so does what is most like it.

*Not interested*, returned, taken out of the cart again, given few stars (`lake.signals`): the item's score falls by
`OWN` standard deviations of the answer's scores, that of its nearest kin (`content`, by words and price) by up to
`KIN`, each by how far the event speaks against it and by how alike they are. An item taken up again after that is
forgiven.
"""

from __future__ import annotations

import numpy as np

from endcap.serving.calibration import spread
from endcap.serving.slate import Slate
from endcap.types import Float32, Int32

OWN, KIN = 6.0, 2.0
NEWEST = 20
"""So many unwanted items, the newest, are looked at."""


def aversion(slate: Slate) -> tuple[Int32, Float32]:
    """(int32 ordinals, float32 how many standard deviations each is to sink); empty where nothing is unwanted."""
    unwanted = _unwanted(slate)
    if not unwanted:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    content, known = slate.snapshot.state.content, slate.snapshot.attributes.items
    sinks: dict[int, float] = {}
    for ordinal, worth in list(unwanted.items())[-NEWEST:]:
        near, alike = content.near(known.row(ordinal), ordinal)
        for kin, likeness in zip(near.tolist(), alike.tolist(), strict=True):
            sinks[kin] = max(sinks.get(kin, 0.0), KIN * worth * likeness)
    for ordinal, worth in unwanted.items():
        sinks[ordinal] = max(sinks.get(ordinal, 0.0), OWN * worth)
    return np.array(list(sinks), np.int32), np.array(list(sinks.values()), np.float32)


def sink(slate: Slate, scores: Float32, ordinals: Int32 | None = None) -> None:
    """Lower float32 scores of the model's rows, or of these ordinals, in place."""
    items, depths = aversion(slate)
    if not len(items):
        return
    if ordinals is None:
        places: np.ndarray = slate.model.rows_of(items)
        places, depths = places[places >= 0], depths[places >= 0]
    else:
        places, which = np.nonzero(ordinals[:, None] == items[None, :])
        depths = depths[which]
    scores[places] -= depths * np.float32(spread(scores))


def _unwanted(slate: Slate) -> dict[int, float]:
    """Ordinals with how far what came after the last sign of interest speaks against each (0 … 1], oldest first."""
    found = slate.snapshot.state.histories.unwanted(slate.row)
    if slate.fresh is not None:
        for ordinal, said in zip(slate.fresh.item.tolist(), slate.fresh.weight.tolist(), strict=True):
            if ordinal >= 0 and said:
                before = found.pop(ordinal, 0.0)
                if said < 0:
                    found[ordinal] = max(before, -said)
    return found
