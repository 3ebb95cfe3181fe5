"""An item that no version has learned of stands where its kin stand, and is known by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from shops import SHOP, Registry
from test_live import follow, lively, log  # noqa: F401

from endcap.errors import ArtefactError
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.recipes import create
from endcap.seams import rng
from endcap.serving.content import NEAR, Content
from endcap.serving.live_shops import Streamed
from endcap.serving.placing import SHARE
from endcap.serving.recommend import Request, answer, recommend
from endcap.serving.shop import ShopState
from endcap.serving.slate import Slate
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import Log
from endcap.stream.collect import put_record
from endcap.stream.records import Put, Value
from endcap.testing.datasets import START
from endcap.types import DAY

KINDS = ("shoes", "coats", "lamps")
WORDS = {"shoes": "light running sole", "coats": "warm winter wool", "lamps": "bright desk light"}
EACH = 20


def shop(seed: int = 2) -> Dataset:
    """User n takes items of kind n % 3; item n is of kind n // 20 and costs 10, 100 or 1000."""
    draw = rng(seed)
    user = np.repeat(np.arange(90), 12)
    kind = np.where(draw.random(len(user)) < 0.9, user % 3, draw.integers(0, 3, len(user)))
    item = kind * EACH + draw.integers(0, EACH, len(user))
    table = pa.table(
        {
            "user_id": [f"u{n}" for n in user],
            "item_id": [f"i{n}" for n in item],
            "timestamp": pa.array(START + draw.integers(0, 30 * DAY, len(user)), pa.int64()),
        }
    )
    names = [f"i{n}" for n in range(len(KINDS) * EACH)]
    data = Dataset.from_table(table, items=Vocabulary.of(pa.array([*names, "unsold"])))
    told = [properties(KINDS[n // EACH], n) for n in range(len(names))] + [properties("coats", 99)]
    columns = {name: [row[name] for row in told] for name in told[0]}
    return replace(data, item_metadata=pa.table({"item_id": [*names, "unsold"], **columns}))


def properties(kind: str, number: int) -> dict[str, Value]:
    price = 10.0 ** (1 + number % 3)
    return {"name": f"{WORDS[kind]} {number}", "category_l1": kind, "price": price}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The version has never heard of `unsold`."""
    whole = shop()
    known = replace(
        whole,
        items=Vocabulary.of(whole.items.ids[:-1]),
        item_metadata=whole.item_metadata.slice(0, len(whole.items) - 1) if whole.item_metadata else None,
    )
    registry = Registry(tmp_path_factory.mktemp("home"), whole)
    return registry.snapshot(create("als", {"factors": 8}), known)


def put(log: Log, streamed: Streamed, name: str, told: Mapping[str, Value]) -> None:  # noqa: F811
    log.append([put_record(SHOP, "item", Put(id=name, time=5, properties=dict(told)))])
    assert streamed.items.newcomers.settle(10)


def kind(name: str) -> str:
    return KINDS[int(name[1:]) // EACH]


def test_it_stands_where_its_kin_stand(quiet: Snapshot, log: Log, tmp_path: Path) -> None:  # noqa: F811
    _, streamed = follow(log, tmp_path, quiet.state)
    snapshot = lively(quiet, streamed)
    shoes, coats = Request(10, "u3"), Request(10, "u4")
    before = recommend(snapshot, shoes)
    assert "unsold" not in before.items and "unsold" in recommend(snapshot, coats).items
    # At the price of most of what this shopper is shown.
    prices = [int(name[1:]) % 3 for name in before.items[:5]]
    put(log, streamed, "fresh", properties("shoes", 60 + max(prices, key=prices.count)))
    found = recommend(snapshot, shoes)
    at = found.items.index("fresh")
    assert found.rungs[at] == "alike" and found.reasons[at].startswith("New, like what you ")
    assert [name for name in found.items if name != "fresh"] == before.items[:9], "the others keep their order"
    scores = [score for score in found.scores if score is not None]
    assert scores == sorted(scores, reverse=True) and len(scores) == 10 and sum(scores) <= 1
    assert "fresh" not in recommend(snapshot, coats).items
    assert "fresh" not in recommend(snapshot, replace(shoes, allowed=quiet.state.listed)).items, "the filter says no"
    together = answer([Slate(snapshot, asked, "0" * 16) for asked in (shoes, coats)])
    assert together[0].items == found.items


def test_many_alike_do_not_push_the_others_out(quiet: Snapshot, log: Log, tmp_path: Path) -> None:  # noqa: F811
    _, streamed = follow(log, tmp_path, quiet.state)
    for number in range(30):
        put(log, streamed, f"fresh{number}", properties("shoes", 60 + number))
    found = recommend(lively(quiet, streamed), Request(10, "u3"))
    assert 1 <= sum(name.startswith("fresh") for name in found.items) <= 10 // SHARE


def test_what_goes_with_a_new_item_is_most_like_it(quiet: Snapshot, log: Log, tmp_path: Path) -> None:  # noqa: F811
    _, streamed = follow(log, tmp_path, quiet.state)
    snapshot = lively(quiet, streamed)
    put(log, streamed, "fresh", properties("lamps", 61))
    found = recommend(snapshot, Request(6, item_id="fresh"))
    assert {kind(name) for name in found.items} == {"lamps"} and set(found.rungs) == {"alike"}
    assert {int(name[1:]) % 3 for name in found.items} == {61 % 3}, "those of its price come first"
    assert set(found.reasons) == {"Similar to what you are looking at"}
    put(log, streamed, "mystery", {"price": 5.0})
    unknown = recommend(snapshot, Request(4, item_id="mystery"))
    assert unknown.rung == "trending" and "new" in unknown.reasons[0]


def test_a_later_put_changes_its_kin(quiet: Snapshot, log: Log, tmp_path: Path) -> None:  # noqa: F811
    _, streamed = follow(log, tmp_path, quiet.state)
    snapshot = lively(quiet, streamed)
    put(log, streamed, "fresh", properties("lamps", 61))
    log.append([put_record(SHOP, "item", Put(id="fresh", time=9, properties=properties("coats", 61)))])
    assert streamed.items.newcomers.settle(10)
    assert {kind(name) for name in recommend(snapshot, Request(6, item_id="fresh")).items} == {"coats"}


def test_likeness_is_that_of_words_and_price() -> None:
    content = ShopState.of(shop()).content
    near, alike = content.near(properties("shoes", 0), 0)
    assert 0 not in near.tolist() and len(near) <= NEAR and bool((np.diff(alike) <= 0).all())
    assert content.near({"name": "nothing of the kind"})[0].tolist() == []
    assert content.near({})[0].tolist() == []
    words = content.near({**properties("shoes", 0), "price": None})
    assert float(words[1][0]) >= float(alike[0]) and {each // EACH for each in words[0].tolist()} == {0}


def test_what_was_saved_is_what_was_built(tmp_path: Path) -> None:
    built = ShopState.of(shop())
    (tmp_path / "x").write_bytes(built.pack())
    again = ShopState.open(tmp_path / "x").content
    for one, other in zip(again.near(properties("coats", 3)), built.content.near(properties("coats", 3)), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again.kin.near, built.content.kin.near)
    arrays = built.content.arrays()
    for name in ("places", "indptr", "kin.near"):
        with pytest.raises(ArtefactError):
            Content.from_arrays({**arrays, name: arrays[name][:-1]})
