"""Who takes which action: what profiles and the part of the day tell, and what a shopper's own answers tell.

The log-odds that a shopper takes action a are those of the action, plus x · (w + w_a) for what is known of them (x),
plus the shopper's own opinion of a. Opinions are jointly normal over actions with a covariance that is estimated from
products of residuals, so that an answer to one offer tells something of the others (one step of Laplace's
approximation from the prior mean; Rasmussen and Williams 2006, chapter 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.recipes.field_columns import numbers
from endcap.recipes.fields import Fields, Spec
from endcap.types import DAY, HOUR, USER_ID, Float64, Int32, Int64

PARTS = 4
"""Parts of the day, of six hours each, UTC."""
PENALTIES = (np.inf, 30.0, 10.0, 3.0)
"""Squared weights cost half so much log-likelihood; the first: nothing is believed of profiles."""
SHARED = 0.1
"""Weights that all actions share cost so much of that."""
SHRINKAGE = 30.0
"""Products of residuals that the mean covariance is worth, in units of their weight."""
SCALES = (0.0, 0.25, 0.5, 1.0)
"""How far the covariance is believed."""
MOST_ACTIONS = 512
"""With more actions, shoppers' own opinions are not told apart."""
RANK = 64
MOST_VALUES = 64
BINS = 6


@dataclass(frozen=True)
class Known:
    """Offers as rows: float32 csr [m, f] `told`, int32 [m] `owner` and `item`, float64 [m] `taken` and `weight`."""

    told: sparse.csr_matrix
    owner: Int32
    item: Int32
    taken: Float64
    weight: Float64

    def take(self, rows: np.ndarray) -> Known:
        """Some of them."""
        return Known(*(getattr(self, name)[rows] for name in ("told", "owner", "item", "taken", "weight")))


def profile_fields(users: pa.Table | None) -> Fields:
    """Fields of what is known of users: numbers in bins, texts with few values; none where nothing is."""
    found: dict[str, Spec] = {}
    for name in [] if users is None else users.column_names:
        assert users is not None
        kind = users[name].type
        if name.lower() == USER_ID:
            continue
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            if np.isfinite(numbers(users[name])).any():
                found[name] = Spec("bins", bins=BINS)
        elif _is_text(kind) and 1 < len(users[name].unique()) <= MOST_VALUES:
            found[name] = Spec("category", least=10)
    return Fields(()) if users is None else Fields.learn(users, found)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind))


def parts_of_day(time: Int64, timed: bool) -> sparse.csr_matrix:
    """float32 csr [m, PARTS]: the part of the day; nothing without times."""
    part = (time % DAY // (6 * HOUR)).astype(np.int64)
    data = np.full(len(time), float(timed), np.float32)
    return sparse.csr_matrix((data, (np.arange(len(time)), part)), shape=(len(time), PARTS))


def fit_weights(known: Known, base: Float64) -> Float64:
    """float64 [f, n]: w + w_a for each action, under the penalty that predicts held-out shoppers best."""
    nothing = np.zeros((known.told.shape[1], len(base)))
    held = known.owner % 5 == 0
    if not known.told.nnz or held.all() or not held.any():
        return nothing
    learned, asked = known.take(np.flatnonzero(~held)), known.take(np.flatnonzero(held))
    tried = {penalty: _weights(learned, base, penalty) if np.isfinite(penalty) else nothing for penalty in PENALTIES}
    best = min(PENALTIES, key=lambda penalty: _surprise(asked, base, tried[penalty]))
    return _weights(known, base, best) if np.isfinite(best) else nothing


def fit_opinions(known: Known, logits: Float64, held_out: np.ndarray) -> Float64:
    """float64 [n, r]: a root of the covariance of opinions, believed as far as it predicts the `held_out` offers (bool
    [m]) from the others. `logits` float64 [owners, n] is what is said of each shopper without opinions."""
    n = logits.shape[1]
    none = np.zeros((n, 0))
    if n > MOST_ACTIONS or not held_out.any():
        return none
    earlier = known.take(np.flatnonzero(~held_out))
    root = _root(*_sums(earlier, logits, squares=True))
    asked = np.flatnonzero(held_out)

    def surprise(scale: float) -> float:
        said = logits + opinions(earlier, logits, root * np.sqrt(scale))
        value = said[known.owner[asked], known.item[asked]]
        taken = known.taken[asked]
        return float((known.weight[asked] * (np.logaddexp(0, value) - taken * value)).sum())

    best = min(SCALES, key=surprise)
    return none if best == 0 else _root(*_sums(known, logits, squares=True)) * np.sqrt(best)


def opinions(known: Known, logits: Float64, root: Float64) -> Float64:
    """float64 [owners, n]: each shopper's own opinion, in log-odds, given their answers."""
    if not root.shape[1] or not len(known.item):
        return np.zeros_like(logits)
    residual, weight, _ = _sums(known, logits, squares=False)
    found = np.zeros_like(logits)
    own = np.flatnonzero(weight.any(axis=1))
    for start in range(0, len(own), 1024):
        rows = own[start : start + 1024]
        inside = np.einsum("ar,qa,as->qrs", root, weight[rows], root, optimize=True) + np.eye(root.shape[1])
        found[rows] = np.linalg.solve(inside, (residual[rows] @ root)[:, :, None])[:, :, 0] @ root.T
    return found


def _sums(known: Known, logits: Float64, *, squares: bool) -> tuple[Float64, Float64, Float64]:
    """(float64 [owners, n], float64 [owners, n], float64 [2, n]): sums of residuals and of their weights p(1 - p), and
    per action the sums of squares of both."""
    owners, n = logits.shape
    chance = 1 / (1 + np.exp(-logits[known.owner, known.item]))
    residual = known.weight * (known.taken - chance)
    weight = known.weight * chance * (1 - chance)
    place = known.owner.astype(np.int64) * n + known.item
    sums = [
        np.bincount(place, weights=each, minlength=owners * n).astype(np.float64).reshape(owners, n)
        for each in (residual, weight)
    ]
    own = np.zeros((2, n))
    for row, each in enumerate((residual, weight) if squares else ()):
        own[row] = np.bincount(known.item, weights=each**2, minlength=n)
    return sums[0], sums[1], own


def _root(residual: Float64, weight: Float64, own: Float64) -> Float64:
    """float64 [n, r]: a root of the covariance of opinions by moments: the mean product of residuals of two offers to
    one shopper is that covariance, whatever the noise."""
    product, pairs = residual.T @ residual - np.diag(own[0]), weight.T @ weight - np.diag(own[1])
    same = np.eye(len(product), dtype=np.bool_)
    target = np.zeros_like(product)
    for cells in (same, ~same):
        target[cells] = product[cells].sum() / max(float(pairs[cells].sum()), 1e-9)
    found = (product + SHRINKAGE * target) / (pairs + SHRINKAGE)
    values, vectors = np.linalg.eigh((found + found.T) / 2)
    kept = np.argsort(-values)[:RANK]
    kept = kept[values[kept] > 1e-6]
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]), np.float64)


def _weights(known: Known, base: Float64, penalty: float) -> Float64:
    width, n = known.told.shape[1], len(base)
    shape = (width, n + 1)

    def loss(flat: Float64) -> tuple[float, Float64]:
        weights = flat.reshape(shape)
        value = base[known.item] + _said(known, weights[:, :n] + weights[:, n:])
        slope = known.weight * (1 / (1 + np.exp(-value)) - known.taken)
        spread = sparse.csr_matrix((slope, (np.arange(len(slope)), known.item)), shape=(len(slope), n))
        each = (known.told.T @ spread).toarray()
        costs = np.full(shape, penalty)
        costs[:, n] *= SHARED
        gradient = np.column_stack((each, each.sum(axis=1))) + costs * weights
        total = (known.weight * (np.logaddexp(0, value) - known.taken * value)).sum()
        return float(total + 0.5 * (costs * weights**2).sum()), gradient.ravel()

    from scipy import optimize  # noqa: PLC0415 - a quarter of a second, that only training needs

    found = optimize.minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B").x.reshape(shape)
    return np.asarray(found[:, :n] + found[:, n:], np.float64)


def _said(known: Known, weights: Float64) -> Float64:
    return np.asarray(known.told.multiply(weights.T[known.item]).sum(axis=1), np.float64).ravel()


def _surprise(known: Known, base: Float64, weights: Float64) -> float:
    value = base[known.item] + _said(known, weights)
    return float((known.weight * (np.logaddexp(0, value) - known.taken * value)).sum())
