import re

import numpy as np
import pytest

from endcap.errors import InputError, UnknownName
from endcap.simulator.catalogue import titles
from endcap.simulator.shop import UNTIL, open_shop
from endcap.simulator.themes import THEMES, theme
from endcap.types import DAY


@pytest.mark.parametrize("name", THEMES)
def test_a_theme_is_whole(name: str) -> None:
    found = theme(name)
    departments, styles = {each.department for each in found.types}, {each.name for each in found.styles}
    assert len({(each.department, each.category) for each in found.types}) >= 10
    assert any(each.every for each in found.types), "something must be bought again and again"
    for persona in found.personas:
        assert set(persona.departments) <= departments
        assert set(persona.styles) <= styles
        assert 0 < persona.ages[0] < persona.ages[1]


@pytest.mark.parametrize("name", THEMES)
def test_titles_read_like_products(name: str) -> None:
    shop = open_shop(name, users=5, items=300, days=7)
    found = titles(shop.theme, shop.catalogue)
    brand, kind = shop.theme.brands[shop.catalogue.brand[0]], shop.theme.types[shop.catalogue.type[0]].name
    assert found[0].startswith(brand)
    assert kind in found[0]
    assert all(re.fullmatch(r"[^,]+, [^,]+, .+", title) for title in found)
    assert len(set(found)) > 250


def test_equal_seeds_make_equal_shops_and_others_do_not() -> None:
    one, same, other = (open_shop(users=200, items=300, days=30, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.catalogue.price, same.catalogue.price)
    assert np.array_equal(one.population.tastes, same.population.tastes)
    assert np.array_equal(one.complements, same.complements)
    assert not np.array_equal(one.catalogue.price, other.catalogue.price)


def test_the_run_ends_at_a_midnight_and_products_are_launched_in_it() -> None:
    shop = open_shop(users=10, items=3_000, days=40, until=UNTIL + 12_345_678)
    assert shop.end == UNTIL
    assert shop.start == UNTIL - 40 * DAY
    launched = (shop.catalogue.created >= shop.start) & (shop.catalogue.created < shop.end)
    assert 0.05 < launched.mean() < 0.11
    assert shop.catalogue.created.max() < shop.end


def test_what_goes_with_a_type_is_another_category() -> None:
    shop = open_shop(users=10, items=100, days=7)
    assert (shop.family[shop.complements] != shop.family[:, None]).all()


def test_sizes_that_make_no_shop_are_refused() -> None:
    with pytest.raises(InputError, match="items=10"):
        open_shop(items=10)
    with pytest.raises(InputError, match="days=0"):
        open_shop(days=0)
    with pytest.raises(UnknownName, match="grocery"):
        open_shop("books")
