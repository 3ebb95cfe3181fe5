"""GetSolutionMetrics: how a recipe does on what was held back, by the service's split and definitions.

Of 10 % of the shoppers the newest 10 % of events is held back and asked for, after the others were learned from; for
segments and actions it is the newest 20 % of everyone's. The numbers are those of a model trained without what was
held back; the version that serves is then trained on all data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from endcap.errors import DataError
from endcap.evaluation import metrics
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, Targets, per_user
from endcap.recipes.action_rate import TAKEN
from endcap.recipes.affinity import segments
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Exclusions, Queries
from endcap.recipes.trending import Trending
from endcap.registry.recipe_arns import Offer
from endcap.seams import Progress, no_progress, rng
from endcap.types import DAY, USER_ID, Float64, Int32

LENGTHS = (5, 10, 25)
SEGMENTS_JUDGED = 1000
"""At most so many items are asked for their segment; a seeded sample above."""
HELD_OUT, HELD_OUT_OF_EVERYONE = 0.1, 0.2
FROM_EVERYONE = ("USER_SEGMENTATION", "PERSONALIZED_ACTIONS")
"""Types that are judged on a part of everyone's events: users are what is ranked, or answers are too few."""
Make = Callable[[], Recipe]


def held_out(offer: Offer, dataset: Dataset, seed: int = 0) -> Split:
    """The split that recipes of this type are judged by. Raises `DataError` where nobody has two interactions."""
    if offer.type not in FROM_EVERYONE:
        return per_user(dataset, held_out=HELD_OUT, seed=seed)
    lengths = np.diff(dataset.indptr)
    if not (lengths >= 2).any():
        raise DataError("No user has two interactions or more.", column=USER_ID, fix="Import a longer period.")
    newest = np.where(lengths >= 2, np.maximum(1, (lengths * HELD_OUT_OF_EVERYONE).astype(np.int64)), 0)
    events = dataset.interactions
    from_the_end = dataset.indptr[1:][events.user] - 1 - np.arange(len(events))
    target = from_the_end < newest[events.user]
    inputs = dataset.with_interactions(events.take(~target))
    users = np.flatnonzero(lengths >= 2).astype(np.int32)
    return Split(inputs, inputs, dataset.with_interactions(events.take(target)), users, _just_after(inputs, users))


def judged(
    offer: Offer,
    recipe: Recipe,
    split: Split,
    *,
    weights: Mapping[int, float] | None = None,
    reward: str = "",
    progress: Progress = no_progress,
) -> dict[str, float]:
    """Every metric of the recipe's type, by the service's names, rounded to 4 decimals.

    `recipe` was fitted on `split.train`. `weights` are those of event types by code; `reward` names the numeric item
    column that is to be optimised. AUC is left out where all answers held back are alike.
    """
    if offer.type == "PERSONALIZED_ACTIONS":
        return _rounded(_auc(recipe, split))
    if offer.type == "USER_SEGMENTATION":
        return _rounded(_of_segments(recipe, split, progress))
    top = _asked(offer, recipe, split)
    found = metrics.personalize(top, split.targets, split.train.n_items)
    if weights:
        gains = _gains(split, weights)
        for k in LENGTHS:
            name = f"normalized_discounted_cumulative_gain_with_event_weights_at_{k}"
            found[name] = weighted_gain(top[:, :k], split.targets, gains)
    if reward:
        found |= _rewards(top, split, reward)
    return _rounded(found)


def solution_metrics(
    offer: Offer,
    make: Make,
    dataset: Dataset,
    *,
    seed: int = 0,
    weights: Mapping[int, float] | None = None,
    reward: str = "",
    progress: Progress = no_progress,
) -> dict[str, float]:
    """Split, train on the one part, judge on the other."""
    split = held_out(offer, dataset, seed)
    found = judged(offer, make().fit(split.train, progress), split, weights=weights, reward=reward, progress=progress)
    probe = make()
    if isinstance(probe, Trending) and dataset.time_kind == "micros":
        accuracy = trend_prediction_accuracy(make, dataset, probe.window_days)
        if accuracy is not None:
            found |= _rounded({"trend_prediction_accuracy": accuracy})
    return found


def trend_prediction_accuracy(make: Make, dataset: Dataset, window_days: float, k: int = 25) -> float | None:
    """Share of the k items predicted to trend that did: whose count grew most from one window to the next.

    The recipe is trained on all but the last window. None where nothing grew, or nothing lies before.
    """
    span = int(window_days * DAY)
    cut = dataset.last_time + 1 - span
    events, before = dataset.interactions, dataset.before(cut)
    if not len(before.interactions):
        return None
    last = np.bincount(events.item[events.time >= cut], minlength=dataset.n_items)
    inside = (events.time >= cut - span) & (events.time < cut)
    growth = last - np.bincount(events.item[inside], minlength=dataset.n_items)
    grew = np.argsort(-growth, kind="stable")[: min(k, int((growth > 0).sum()))]
    if not len(grew):
        return None
    nobody = Queries.about(np.full(1, -1, np.int32), cut)
    predicted = make().fit(before).recommend(nobody, k).items[0]
    return float(np.isin(grew, predicted).sum() / len(grew))


def weighted_gain(top: Int32, targets: Targets, gains: Float64) -> float:
    """Mean NDCG of int32 [q, k] whose gains are float64 [targets], one per target: an event's weight."""
    discounts = metrics.discounts(top.shape[1])
    total, count = 0.0, len(targets)
    for row in range(count):
        own = slice(targets.indptr[row], targets.indptr[row + 1])
        worth = dict(zip(targets.items[own].tolist(), gains[own].tolist(), strict=True))
        best = np.sort(gains[own])[::-1][: len(discounts)]
        ideal = float(best @ discounts[: len(best)])
        if ideal > 0:
            total += float(np.array([worth.get(item, 0.0) for item in top[row].tolist()]) @ discounts) / ideal
    return total / max(count, 1)


def _asked(offer: Offer, recipe: Recipe, split: Split) -> Int32:
    """int32 [q, 25]: what each judged shopper is shown; about their newest item, where items are asked about."""
    queries = replace(Queries.histories(split.inputs, split.users), now=split.now, user=split.training_rows)
    if offer.type == "RELATED_ITEMS":
        return recipe.similar(queries.item[queries.indptr[1:] - 1], LENGTHS[-1]).items
    return recipe.recommend(queries, LENGTHS[-1], exclude=_hidden(offer, split)).items


def _hidden(offer: Offer, split: Split) -> Exclusions | None:
    if not offer.hides:
        return None
    wanted = {name.lower() for name in offer.hides}
    types = tuple(name for name in split.inputs.event_types if name.lower() in wanted)
    return Queries.histories(split.inputs.only(types), split.users).seen()


def _gains(split: Split, weights: Mapping[int, float]) -> Float64:
    """float64 [targets]: the largest weight of the events that make each a target."""
    targets, events = split.targets, split.test.interactions
    place = np.full(split.inputs.n_users, -1, np.int64)
    place[split.users] = np.arange(len(split.users))
    owner = np.repeat(np.arange(len(targets)), targets.counts)
    keys = owner << 32 | targets.items.astype(np.int64)
    mine = place[events.user] >= 0
    found = np.searchsorted(keys, place[events.user[mine]] << 32 | events.item[mine].astype(np.int64))
    gains = np.zeros(len(keys))
    np.maximum.at(gains, found, np.array([weights.get(int(code), 1.0) for code in events.event_type[mine]]))
    return gains


def _rewards(top: Int32, split: Split, column: str) -> dict[str, float]:
    """average_rewards_at_k: what of the reward of all targets the first k places collect."""
    table = split.train.item_metadata
    if table is None or column.lower() not in table.column_names:
        return {}
    values = np.nan_to_num(table[column.lower()].to_numpy(zero_copy_only=False).astype(np.float64))
    known = split.targets.items[split.targets.items < len(values)]
    whole = values[known].sum()
    hit = metrics.hits(top, split.targets)
    worth = np.where(hit, values[np.maximum(top, 0)], 0.0)
    return {f"average_rewards_at_{k}": float(worth[:, :k].sum() / whole) if whole > 0 else 0.0 for k in LENGTHS}


def _of_segments(recipe: Recipe, split: Split, progress: Progress) -> dict[str, float]:
    """hits and recall of the 1 % of shoppers named for each item that someone went on to take."""
    events = split.test.interactions
    items = np.unique(events.item)
    if len(items) > SEGMENTS_JUDGED:
        items = np.sort(rng(0).choice(items, SEGMENTS_JUDGED, replace=False))
    k = max(1, round(0.01 * len(split.users)))
    named, _ = segments(
        recipe,
        split.train.items,
        split.inputs,
        [items[row : row + 1] for row in range(len(items))],
        k,
        progress=progress,
    )
    takers = Targets.of(
        np.searchsorted(items, events.item[np.isin(events.item, items)]).astype(np.int32),
        events.user[np.isin(events.item, items)],
        len(items),
    )
    found = metrics.hits(named, takers).sum(axis=1)
    return {
        "hits_at_1_percent": float(found.mean()),
        "recall_at_1_percent": float((found / np.maximum(takers.counts, 1)).mean()),
    }


def _auc(recipe: Recipe, split: Split) -> dict[str, float]:
    """auc: how often an offer that was taken had a higher score than one that was not; equals count half."""
    events = split.test.interactions
    place = np.full(split.inputs.n_users, -1, np.int64)
    place[split.users] = np.arange(len(split.users))
    asked = np.flatnonzero(place[events.user] >= 0)
    queries = replace(Queries.histories(split.inputs, split.users), now=split.now)
    scores = recipe.score(queries)[place[events.user[asked]], events.item[asked]]
    names = [name.upper() for name in split.train.event_types]
    taken = events.event_type[asked] == (names.index(TAKEN) if TAKEN in names else -1)
    if taken.all() or not taken.any():
        return {}
    _, codes, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[codes]
    positive = int(taken.sum())
    above = ranks[taken].sum() - positive * (positive + 1) / 2
    return {"auc": float(above / (positive * (len(taken) - positive)))}


def _rounded(found: Mapping[str, float]) -> dict[str, float]:
    """Four decimals, as plain numbers."""
    return {name: float(value) for name, value in metrics.rounded(found).items()}


def _just_after(inputs: Dataset, users: Int32) -> np.ndarray:
    return np.asarray(inputs.interactions.time[inputs.indptr[1:][users] - 1] + 1)
