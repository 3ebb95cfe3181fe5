"""Basket completion asks each order once, by one of its items, and counts the others."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import DataError, SchemaError
from endcap.evaluation.baskets import ALONE, WITH_HISTORY, baskets, completed
from endcap.evaluation.evaluate import evaluate
from endcap.lake.dataset import Dataset
from endcap.recipes import create


def lines(orders: dict[str, str], *, start: int = 0, users: int = 3) -> pa.Table:
    """One line for each letter of each order."""
    rows = [
        (f"u{n % users}", item, 1_700_000_000_000_000 + (start + n) * 86_400_000_000, order)
        for n, (order, items) in enumerate(orders.items())
        for item in items
    ]
    names = ("user_id", "item_id", "timestamp", "order_id")
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


TRAIN = lines({f"t{n}": items for n, items in enumerate(["ab", "ab", "cd", "cd", "ef", "ab"])})
TEST = lines({"x1": "ab", "x2": "cdz", "x3": "e", "x4": "yz", "x5": "aab"}, start=30, users=7)


def test_orders_with_two_known_items_are_asked() -> None:
    asked = baskets(TRAIN, TEST)
    assert len(asked) == 3 and "2 of 5 orders" in asked.notes[0]
    names = asked.train.items.names(asked.asked)
    others = [asked.train.items.names(asked.targets.items[each : each + 1])[0] for each in range(3)]
    assert [{*pair} for pair in zip(names, others, strict=True)] == [{"a", "b"}, {"c", "d"}, {"a", "b"}]
    assert asked.users.tolist() == [*asked.train.users.rows(["u0", "u1"]).tolist(), -1]  # u4 is a stranger


def test_a_seed_draws_the_same_items_whatever_the_order_of_rows() -> None:
    mixed = TEST.take(pa.array(np.random.default_rng(1).permutation(TEST.num_rows)))
    first, second = baskets(TRAIN, TEST, seed=4), baskets(TRAIN, mixed, seed=4)
    assert first.asked.tolist() == second.asked.tolist()


def test_the_shopper_who_asks_is_known_in_one_of_two_ways() -> None:
    asked = baskets(TRAIN, TEST)
    queries = asked.queries(0, len(asked))
    assert queries.current.tolist() == asked.asked.tolist() and np.diff(queries.indptr)[2] == 0
    answers = completed(create("item-item").fit(asked.train), asked, 1)
    found = {way: [asked.targets.items[n] == top[0] for n, top in enumerate(each)] for way, each in answers.items()}
    assert all(found[ALONE]) and set(answers) == {ALONE, WITH_HISTORY}
    assert not (answers[WITH_HISTORY][:, 0] == asked.asked).any()


@pytest.mark.parametrize("empty", [None, ""])
def test_what_belongs_to_no_order_is_no_basket(empty: str | None) -> None:
    loose = TEST.slice(0, 5).drop_columns(["order_id"]).append_column("order_id", pa.array([empty] * 5, pa.string()))
    asked = baskets(pa.concat_tables([TRAIN, loose]), pa.concat_tables([TEST, loose]))
    plain = baskets(TRAIN, TEST)
    assert asked.asked.tolist() == plain.asked.tolist() and asked.notes == plain.notes
    orders = asked.train.interactions.order
    assert (orders < 0).sum() == 5 and len(np.unique(orders)) == 7
    assert asked.train.table()["order_id"].null_count == 5
    with pytest.raises(SchemaError, match="has no orders"):
        baskets(TRAIN, loose)


def test_evaluate_tells_both_ways() -> None:
    result = evaluate("bought-together", TRAIN, TEST, protocol="baskets", at=1)
    assert result.users == 3 and result.metrics["hit_rate@1"].value == 1.0
    assert set(result.json()["histories"]) == {WITH_HISTORY}
    assert result.per_query[f"ndcg, {ALONE}"].tolist() == [1.0, 1.0, 1.0]
    same = evaluate("bought-together", Dataset.from_table(TRAIN), TEST, protocol="baskets", at=1)
    assert same.metrics == result.metrics


def test_without_orders_nothing_can_be_asked() -> None:
    with pytest.raises(SchemaError, match="order_id"):
        baskets(TRAIN, TEST.drop_columns(["order_id"]))
    with pytest.raises(DataError, match="No order"):
        baskets(TRAIN, lines({"x": "yz"}))
