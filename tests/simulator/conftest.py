"""One simulated grocer and its past, made once."""

import pytest

from endcap.simulator import History, Shop, history, open_shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return open_shop("grocery", users=1_500, items=600, days=60, seed=11)


@pytest.fixture(scope="session")
def past(shop: Shop) -> History:
    return history(shop)
