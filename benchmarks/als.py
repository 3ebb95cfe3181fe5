"""ALS against implicit 0.7.3: time to the NDCG@20 that its 15 iterations reach, on Gowalla and 10 M synthetic events.

Same objective, 64 factors, both warmed up, alternating runs. Confidence and regularisation were chosen for implicit on
a split of the training part. Beside the row that is judged stand two stricter ones: both stopped at the first
iteration that reaches that NDCG, and both run for 15 iterations.
"""

from __future__ import annotations

import os

# What implicit asks for; it slows our dense products down a little.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from collections.abc import Callable
from typing import Any

from scipy import sparse

from endcap.recipes.als import ALS
from endcap.recipes.als_kernels import Half
from measure import alternate, arguments, gowalla, peer, quality, report
from synthetic import Shop, matrices

ITERATIONS = 15
FACTORS = 64
NEAR = 0.001
"""The target counts as reached this close to it: two random starts differ by as much."""


def theirs(train: sparse.csr_matrix, alpha: float, ridge: float, iterations: int, watch: Any = None) -> Any:
    model = peer("als").AlternatingLeastSquares(
        factors=FACTORS, alpha=alpha, regularization=ridge, iterations=iterations, random_state=1
    )
    model.fit(train, show_progress=False, callback=None if watch is None else lambda *_: watch(model))
    return model


def ours(train: sparse.csr_matrix, alpha: float, ridge: float, iterations: int, watch: Any = None) -> tuple[Half, Half]:
    # implicit's confidence is alpha · weight, ours 1 + alpha · weight; with weights of one the two agree so.
    model = ALS(FACTORS, iterations, alpha - 1.0, ridge, exponent=0.0, damping=0.0, weighting="linear", seed=1)
    return model.factorise(train, watch)


def race(
    name: str, sets: tuple[sparse.csr_matrix, sparse.csr_matrix], alpha: float, ridge: float, first: int, runs: int
) -> None:
    train, test = sets
    print(f"{name}: {train.shape[0]} users, {train.shape[1]} items, {train.nnz} pairs", file=sys.stderr)

    def judge(users: Any, items: Any) -> float:
        return quality(users, items, train, test, first=first)[1]

    their_curve: list[float] = []
    theirs(train, alpha, ridge, ITERATIONS, lambda m: their_curve.append(judge(m.user_factors, m.item_factors)))
    our_curve: list[float] = []

    def watch(_: int, users: Half, items: Half) -> bool:
        our_curve.append(judge(users.raw(), items.raw()))
        return False

    ours(train, alpha, ridge, 2 * ITERATIONS, watch)
    target = their_curve[-1]
    near = target * (1 - NEAR)
    our_stop, their_stop = reached(our_curve, near), reached(their_curve, near)
    if our_stop is None:
        print(
            f"  NDCG {target:.5f} was not reached in {len(our_curve)} iterations; time to it is not reported",
            file=sys.stderr,
        )
    detail = {"ndcg@20": round(target, 5), "ours_ndcg@20": [round(v, 5) for v in our_curve], "alpha": alpha}
    detail |= {"implicit_ndcg@20": [round(v, 5) for v in their_curve], "regularization": ridge, "users_judged": first}

    def run(count: int, by: Callable[..., Any]) -> Callable[[], object]:
        return lambda: by(train, alpha, ridge, count)

    rows = (
        ("time to NDCG", our_stop, ITERATIONS),
        ("both stopped early", our_stop, their_stop),
        ("equal iterations", ITERATIONS, ITERATIONS),
    )
    for label, mine, other in rows:
        if mine is None:
            continue
        pairs = alternate(run(mine, ours), run(other, theirs), runs)
        steps = {"ours_iterations": mine, "implicit_iterations": other}
        report(f"ALS {name}, {label}", pairs, must=0.68, aim=0.5, rate=False, **steps, **detail)


def reached(curve: list[float], target: float) -> int | None:
    """Iterations until the target; None where it is not reached."""
    return next((at + 1 for at, value in enumerate(curve) if value >= target), None)


if __name__ == "__main__":
    options = arguments(__doc__)
    if options.only != "synthetic":
        race("Gowalla", gowalla(options.data), 40.0, 15.0, 1 << 30, options.runs)
    if options.only != "gowalla":
        race("synthetic 10 M", matrices(Shop()), 10.0, 5.0, 20_000, options.runs)
