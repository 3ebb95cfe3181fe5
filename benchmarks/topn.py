"""The 100 best items of every Gowalla user, training items left out, against `recommend` of implicit 0.7.3.

Both answer from the same factors.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from endcap.recipes.als import ALS
from endcap.recipes.topk import top_k_inner
from measure import alternate, arguments, gowalla, peer, report

K = 100


def main() -> None:
    options = arguments(__doc__)
    train, _ = gowalla(options.data)
    users, items = (half.raw() for half in ALS(64, 5, 39.0, 15.0, 0.0, 0.0, "linear").factorise(train))
    model = peer("als").AlternatingLeastSquares(factors=64)
    model.user_factors, model.item_factors = users, items
    everyone = np.arange(len(users))
    indptr = train.indptr.astype(np.int64)

    def ours() -> np.ndarray:
        return top_k_inner(users, items, K, None, indptr, train.indices)[0]

    def theirs() -> np.ndarray:
        return np.asarray(model.recommend(everyone, train, N=K, filter_already_liked_items=True)[0])

    agreement = round(float((ours() == theirs()).mean()), 6)
    pairs = alternate(ours, theirs, options.runs)
    rate = round(len(users) / min(time for time, _ in pairs))
    detail = {"same_item_in_same_place": agreement, "best_users_per_s": rate}
    report("top 100 of every Gowalla user", pairs, must=2.0, aim=2.0, rate=True, **detail)


if __name__ == "__main__":
    main()
