"""Declared mappings: what they can say, and how they say no."""

import json
import tomllib
from pathlib import Path

import pytest

from endcap.errors import InputError, SchemaError, UnknownName
from endcap.lake.importers import dialect_names, load_dialect
from importer_reading import read, written

OWN = """
name = "corner-shop"
zone = "Europe/Berlin"
notes = ["Times are Berlin's."]

[[tables]]
kind = "interactions"
files = ["sales*"]
merge = { key = ["USER_ID", "ITEM_ID", "TIMESTAMP"], total = ["QUANTITY"] }
[tables.fields]
USER_ID = { column = ["kunde"], empty = "no customer card" }
ITEM_ID = { column = ["artikel"] }
TIMESTAMP = { column = ["zeit"], format = "%d.%m.%Y %H:%M" }
EVENT_TYPE = { column = ["art"], patterns = { "^R" = "Return" }, otherwise = "Purchase" }
QUANTITY = { column = ["menge"], absolute = true }
PRICE = { divide = ["summe", "menge"] }
DISCOUNT = { total = ["rabatt", "coupon"] }
CHANNEL = { constant = "store" }
IMPRESSION = { column = ["gesehen"], split = ";" }

[[tables.rules]]
reason = "the test product"
keep = { field = "ITEM_ID", op = "!=", value = "it's" }

[[tables.rules]]
reason = "nothing sold"
keep = { field = "QUANTITY", op = ">", value = 0 }
unless = { field = "EVENT_TYPE", op = "in", value = ["Return"] }

[[tables]]
kind = "items"
files = ["sales*"]
grouped = true
[tables.fields]
ITEM_ID = { column = ["artikel"] }
NAME = { template = "{marke} {artikel}, {groesse}", style = "title", aggregate = "mode" }
PRICE = { divide = ["summe", "menge"], aggregate = "median" }
"""
SALES = """kunde,artikel,zeit,art,menge,summe,rabatt,coupon,gesehen,marke,groesse
k1,käse,01.07.2023 10:00,K,2,5.0,0.5,,a;b; c,hof,
k1,käse,01.07.2023 10:00,K,1,2.5,0.5,0.1,,hof,
k1,käse,02.07.2023 10:00,R,-1,2.5,,,,hof,
,käse,02.07.2023 10:00,K,1,2.5,,,,hof,
k2,brot,02.07.2023 10:00,K,0,0,,,,,1 kg
k2,it's,02.07.2023 10:00,K,1,1,,,,,
"""


def test_everything_a_mapping_can_say(tmp_path: Path) -> None:
    mapping = written(tmp_path, OWN, "own.toml")
    found = read(written(tmp_path, SALES, "sales.csv"), dialect=mapping)
    first, back = found.rows()
    assert first == {
        "user_id": "k1",
        "item_id": "käse",
        "timestamp": 1_688_198_400_000_000,  # 10:00 in Berlin is 08:00 UTC in summer
        "event_type": "Purchase",
        "impression": "a|b|c",
        "quantity": 3.0,
        "price": 2.5,
        "discount": 0.5,
        "channel": "store",
    }
    assert (back["event_type"], back["quantity"], back["price"]) == ("Return", 1.0, -2.5)
    assert found.reasons() == {"no customer card": 1, "nothing sold": 1, "the test product": 1}
    assert found.counts["interactions"].merged == 1
    assert "Times are Berlin's." in found.plan.notes
    items = {row["item_id"]: row for row in found.rows("items")}
    assert items["käse"] == {"item_id": "käse", "name": "Hof Käse", "price": 2.5}
    assert items["brot"]["name"] == "1 Kg"  # the piece with the empty brand is left out


def test_json_says_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(tomllib.loads(OWN)), "own.json")
    assert load_dialect(path) == load_dialect(written(tmp_path, OWN, "own.toml"))


def test_builtin_dialects_load() -> None:
    assert dialect_names() == ["complete-journey", "generic", "merchant-feed", "online-retail", "shopify"]
    for name in ("complete-journey", "online-retail"):
        assert load_dialect(name).name == name


def test_an_unknown_dialect_lists_those_that_exist() -> None:
    with pytest.raises(UnknownName, match="complete-journey, generic, merchant-feed, online-retail, shopify"):
        load_dialect("woocommerce")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 1\ntables = []", "name"),
        ("name = 'x'\ntabels = []", "tabels|tables"),
        ("[", "not valid TOML"),
        ("name = 'x'\nzone = 'Nowhere/Else'\ntables = []", "time zone"),
        ("name = 'x'\n[[tables]]\nkind = 'users'\nfields = { USER_ID = {} }", "exactly one of"),
        ("name = 'x'\n[[tables]]\nkind = 'users'\nfields = { USER_ID = { divide = ['a'] } }", "two columns"),
    ],
)
def test_a_mapping_that_does_not_fit(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_dialect(written(tmp_path, text, "own.toml"))


def test_names_in_a_mapping_never_become_syntax(tmp_path: Path) -> None:
    evil = 'x"); DROP TABLE staged_interactions; --'
    header = '"' + evil.replace('"', '""') + '",item_id,timestamp\n'
    found = read(written(tmp_path, header + "a,b,1600000000\n"), mapping={"user_id": evil})
    assert found.rows()[0]["user_id"] == "a"
    found = read(written(tmp_path, "user_id,item_id,timestamp\na,b,1600000000\n"), mapping={"event_type": "=it's; --"})
    assert found.rows()[0]["event_type"] == "it's; --"


def test_an_override_for_a_field_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="field 'colour_of_hat'"):
        read(written(tmp_path, "user_id,item_id,timestamp\n"), mapping={"colour_of_hat": "x"})


def test_an_override_for_a_column_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="USER_ID"):
        read(written(tmp_path, "user_id,item_id,timestamp\n"), mapping={"user_id": "cust"})
