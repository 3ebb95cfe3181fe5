import numpy as np

from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.serving.calibration import GRID, probabilities, spread, temperature_of
from endcap.serving.kernels import log_total
from endcap.testing.datasets import random_shop


def test_the_temperature_undoes_the_unit_of_the_scores() -> None:
    shop = random_shop(3)
    model, queries = create("ease").fit(shop), Queries.histories(shop)

    def scores(asked: Queries) -> np.ndarray:
        told = model.score(asked)
        return np.where(np.isnan(told), -np.inf, told).astype(np.float32)

    plain = temperature_of(scores, queries)
    larger = temperature_of(lambda asked: scores(asked) * np.float32(1000), queries)
    step = 10 ** (6 / (GRID - 1))
    assert larger / plain / 1000 < step * 1.01 and plain * 1000 / larger < step * 1.01
    row = scores(queries.batch(0, 1))[0]
    np.testing.assert_allclose(
        probabilities(log_total(row, plain), row, plain),
        probabilities(log_total(row * 1000, plain * 1000), row * 1000, plain * 1000),
        rtol=1e-3,
        atol=1e-9,
    )


def test_nothing_to_learn_from_gives_the_spread_or_one() -> None:
    none = Queries.about(np.full(3, -1, np.int32))
    assert temperature_of(lambda asked: np.zeros((1, 4), np.float32), none) == 1.0
    assert spread(np.full(4, -np.inf, np.float32)) == 1.0 and spread(np.array([1.0, 3.0], np.float32)) == 1.0
