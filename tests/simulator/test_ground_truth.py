"""What the past was made with can be found in it again."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from endcap.simulator import History, Shop, history, open_shop
from endcap.simulator.choice import Behaviour
from endcap.simulator.rhythm import WEEKDAYS, hours
from endcap.types import DAY, HOUR


def kind_of(shop: Shop, ids: pa.Array) -> np.ndarray:
    return shop.catalogue.type[pc.index_in(ids, value_set=shop.catalogue.ids).to_numpy()]


def only(table: pa.Table, name: str) -> pa.Table:
    return table.filter(pc.equal(table["event_type"], name))


def people(shop: Shop, table: pa.Table) -> pa.Table:
    """Rows without machines."""
    return table.filter(
        pc.invert(pc.is_in(table["user_id"], value_set=shop.population.ids.filter(shop.population.bot)))
    )


def test_attention_falls_with_the_slot_as_it_was_told_to(shop: Shop, past: History) -> None:
    shown = pc.list_value_length(pc.split_pattern(only(past.interactions, "Impression")["impression"], "|")).to_numpy()
    clicks = only(past.interactions, "View")["position"].drop_null().to_numpy()
    slots = np.arange(1, 9)
    rate = np.array([(clicks == slot).sum() / (shown >= slot).sum() for slot in slots])
    slope = np.polyfit(np.log(slots), np.log(rate), 1)[0]
    assert slope == pytest.approx(-shop.behaviour.position, abs=0.06)


def test_staples_come_back_after_their_own_interval(shop: Shop, past: History) -> None:
    bought = only(past.interactions, "Purchase")
    user = pc.fill_null(pc.index_in(bought["user_id"], value_set=shop.population.ids), -1).to_numpy()
    item = pc.index_in(bought["item_id"], value_set=shop.catalogue.ids).to_numpy()
    time = bought["timestamp"].to_numpy()
    found, told = [], []
    frequent = shop.population.visits[:, None] > 0.5  # others cannot come back in time
    for who, slot in zip(*np.nonzero((shop.population.staples >= 0) & frequent), strict=True):
        mine = np.sort(time[(user == who) & (item == shop.population.staples[who, slot])])
        if len(mine) > 2:
            found.append(np.median(np.diff(mine)) / DAY)
            told.append(shop.population.every[who, slot])
    assert len(found) > 50
    assert np.corrcoef(found, told)[0, 1] > 0.6
    assert 1.0 < np.median(np.array(found) / np.array(told)) < 1.5, "never before it runs out, soon after"


def test_what_was_viewed_says_what_is_bought_in_the_same_visit(shop: Shop, past: History) -> None:
    table = people(shop, past.interactions)
    table = table.filter(pc.is_valid(table["session_id"]))
    views, carts = only(table, "View"), only(table, "AddToCart")
    last = {}
    for session, kind in zip(views["session_id"].to_pylist(), kind_of(shop, views["item_id"]), strict=True):
        last.setdefault(session, []).append(kind)
    cart = list(zip(carts["session_id"].to_pylist(), kind_of(shop, carts["item_id"]), strict=True))
    same = np.mean([kind == last[session][0] for session, kind in cart])
    shuffled = np.random.Generator(np.random.PCG64(1)).permutation([kind for _, kind in cart])
    chance = np.mean([kind == last[session][0] for (session, _), kind in zip(cart, shuffled, strict=True)])
    assert same > 3 * chance


def test_popularity_follows_zipf_mandelbrot() -> None:
    shop = open_shop("electronics", users=10, items=4_000, days=7)
    ranked = np.sort(shop.catalogue.weight)[::-1]
    law = (np.arange(1, 4_001) + shop.theme.shift) ** -shop.theme.exponent
    assert np.allclose(ranked, law / law.sum())


def test_visits_are_lognormal(shop: Shop) -> None:
    spread = np.log(shop.population.visits[shop.population.visits < 3]).std()
    assert 1.0 < spread < 1.4


def test_what_was_seen_too_often_is_clicked_less(shop: Shop, past: History) -> None:
    tired = Behaviour(click={**Behaviour().click, "fatigue": -3.0})
    other = history(open_shop("grocery", users=1_500, items=600, days=60, seed=11, behaviour=tired))
    counts = [only(each.interactions, "View").num_rows for each in (other, past)]
    assert counts[0] < 0.8 * counts[1]


def test_the_week_and_the_day_have_their_rhythm(shop: Shop, past: History) -> None:
    table = only(past.interactions, "Impression")
    first = table.group_by("session_id").aggregate([("timestamp", "min")])["timestamp_min"].to_numpy()
    weekday = np.bincount((first // DAY + 3) % 7, minlength=7) / np.bincount(
        (shop.start // DAY + 3 + np.arange(60)) % 7
    )
    assert np.corrcoef(weekday, WEEKDAYS)[0, 1] > 0.8
    by_hour = np.bincount(first // HOUR % 24, minlength=24)
    weights = np.array([shop.population.visits[shop.population.persona == n].sum() for n in range(6)])
    told = sum(weight * hours(each.rhythm) for weight, each in zip(weights, shop.theme.personas, strict=True))
    assert np.corrcoef(by_hour, told)[0, 1] > 0.97


def test_what_is_in_season_is_wanted_more() -> None:
    shares = []
    for day in (334, 151):  # November and May
        until = 1_735_689_600_000_000 + day * DAY
        shop = open_shop("home", users=800, items=400, days=28, seed=4, until=until)
        kinds = kind_of(shop, only(history(shop).interactions, "View")["item_id"])
        names = [shop.theme.types[kind].name for kind in kinds]
        shares.append(np.mean([name in ("Garden Chair", "Garden Table") for name in names]))
    assert shares[1] > 3 * shares[0]


def test_machines_look_at_much_and_buy_nothing() -> None:
    shop = open_shop("fashion", users=3_000, items=400, days=20, seed=8)
    machines = shop.population.ids.filter(shop.population.bot)
    assert len(machines) > 0
    rows = history(shop).interactions
    theirs = rows.filter(pc.is_in(rows["user_id"], value_set=machines))
    assert theirs.num_rows > 300
    assert pc.unique(theirs["event_type"]).to_pylist() == ["View"]


def test_lasting_things_are_seldom_bought_twice() -> None:
    shop = open_shop("electronics", users=800, items=200, days=60, seed=5, visits=10)
    bought = only(history(shop).interactions, "Purchase")
    lasting = bought.filter(pa.array(shop.consumable[kind_of(shop, bought["item_id"])] == 0))
    pairs = lasting.group_by(["user_id", "item_id"]).aggregate([([], "count_all")])["count_all"].to_numpy()
    assert (pairs > 1).mean() < 0.02
