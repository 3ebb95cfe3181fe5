"""What an event says: bounds, stars that say no, refused numbers, declarations."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import InputError, SchemaError
from endcap.lake.declarations import declare
from endcap.lake.event_types import against, weight
from endcap.lake.schemas import Schema
from endcap.lake.signals import AMOUNT, DWELL, LEAST, MOST, Numbers, Signals, Types, number, strength
from endcap.lake.tables import Lake
from endcap.seams import Disk
from endcap.types import AccountKey, ShopKey

NAN = float("nan")


DWELT = {"DURATION": {"": "dwell"}}
Declared = Mapping[str, Mapping[str, str]]


def said(name: str, value: float = NAN, seconds: float = NAN, stars: float = NAN, declared: Declared = DWELT) -> float:
    numbers = Numbers(*(np.array([each], np.float32) for each in (value, seconds, stars)))
    told = Types((name,), Signals.of(declared)).weights(np.zeros(1, np.int32), numbers)
    return float(told.weight[0])


@given(st.sampled_from(("View", "Purchase", "Rating", "Return", "")), *(st.floats(width=32) for _ in range(3)))
def test_whatever_was_measured_the_weight_is_a_number_within_bounds(
    name: str, value: float, seconds: float, stars: float
) -> None:
    found, base = said(name, value, seconds, stars), Types((name,)).base[0]
    assert np.isfinite(found) and -1 <= found <= MOST * 1.5 * abs(base) + 1e-6
    if name in ("Return", "Purchase"):
        assert found == base, "nothing measured beside them says anything by default"


def test_dwell_time_grows_as_its_logarithm_and_stars_say_yes_or_no() -> None:
    view = np.float32(weight("View"))
    assert said("View", seconds=30) == view and said("View", seconds=0) < said("View", seconds=10) < view
    assert said("View", seconds=1e6) == pytest.approx(MOST * view) and said("View", seconds=0) == pytest.approx(
        LEAST * view, rel=1e-3
    )
    rating = weight("Rating")
    given = [said("Rating", stars=stars) for stars in (1, 2, 3, 4, 5)]
    assert given == pytest.approx([-1, -0.5, 0.5 * rating, rating, 1.5 * rating])
    assert said("Rating", value=2) == -0.5 and said("Rating", value=1, stars=4) == pytest.approx(rating)
    assert said("View", stars=1) == view, "what the page said is not the shopper's opinion"
    assert strength(AMOUNT, np.array([20.0]), 20.0)[0] == 1 and strength(DWELL, np.array([30.0]), 30.0)[0] == 1


def test_what_can_be_no_number_is_counted_and_says_nothing() -> None:
    table = pa.table(
        {
            "event_value": ["9", "4", None, "x"],
            "duration": pa.array([-1.0, 5.0, None, NAN]),
            "rating": pa.array([6, 4, 0, None], pa.int64()),
        }
    )
    names, codes = ("View", "Rating"), np.array([0, 1, 1, 1], np.int32)
    told = Types(names, Signals.of(DWELT)).weights(codes, Numbers.of(table))
    assert told.refused == {"duration": 1, "rating": 1}
    assert told.weight == pytest.approx([weight("View"), *[weight("Rating")] * 3])
    assert np.isnan([number(each) for each in ("x", None, True, [1], NAN)]).all()
    assert number("4.5") == 4.5 and number(1e300) == float("inf") and number(10**400) == float("inf")


def test_what_numbers_mean_is_declared_and_kept_as_text() -> None:
    values = {"Watch": "dwell", "Purchase": "amount:20", "Score": "rating:10", "rating": "none"}
    declared = {"EVENT_VALUE": values, "DURATION": {"": "none"}, "RATING": {"": "rating:10"}}
    signals = Signals.of(declared)
    assert Signals.parse(signals.text).text == signals.text and Signals.parse(Signals().text).text == Signals().text
    assert said("Watch", value=30, declared=declared) == np.float32(weight("Watch"))
    assert said("Purchase", value=20, declared=declared) == 1.0
    assert 1.0 < said("Purchase", value=50, declared=declared) <= MOST
    assert said("Score", value=1, declared=declared) == -1 and said("Score", value=10, declared=declared) > 0
    assert said("rating", value=1, declared=declared) == np.float32(weight("rating"))
    assert said("Review", stars=10, declared=declared) == pytest.approx(1.5 * weight("Review"))
    assert said("View", seconds=1, declared=declared) == said("View", seconds=1, declared={}) == np.float32(0.1)
    for name, wrong in (("EVENT_VALUE", "stars"), ("RATING", "dwell"), ("RATING", "rating:1"), ("DURATION", "dwell:x")):
        with pytest.raises(InputError, match="signal"):
            Signals.of({name: {"": wrong}})


def test_a_schema_declares_them_and_the_lake_keeps_them(tmp_path: Path) -> None:
    fields = [{"name": name, "type": "string"} for name in ("USER_ID", "ITEM_ID")]
    fields += [{"name": "TIMESTAMP", "type": "long"}, {"name": "DURATION", "type": "float", "signal": "dwell:60"}]
    fields.append({"name": "EVENT_VALUE", "type": ["float", "null"], "signal": {"Purchase": "amount:20"}})
    schema = Schema.from_avro(json.dumps({"type": "record", "name": "Interactions", "fields": fields}))
    assert Schema.from_avro(schema.to_avro()) == schema and schema.signals.dwell == 60
    lake, shop = Lake(tmp_path), ShopKey(AccountKey(), "declared")
    assert lake.signals(shop).text == Signals().text
    declare(lake.directory(shop), schema.signals, Disk())
    assert Lake(tmp_path).signals(shop).text == schema.signals.text
    with pytest.raises(SchemaError, match="signal"):
        Schema.from_avro(schema.to_avro().replace("dwell:60", "stars"))


def test_types_that_are_left_out_speak_against() -> None:
    assert said("NotInterested") == -against("NotInterested") == -1 and said("Impression") == 0
    asked = Types(("Return",), asked=np.array([True]))
    assert asked.weights(np.zeros(1, np.int32), None).weight[0] == 1
