"""`endcap evaluate`: what is asked for is judged, and what has no say is refused."""

import csv as csv_files
from pathlib import Path
from typing import Any

import pytest

DAY = 86_400


@pytest.fixture
def baskets_shop(shell: Any, tmp_path: Path) -> Any:
    """A shop of which orders hold either both of a pair or a single thing."""
    with (tmp_path / "lines.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv_files.writer(file)
        rows.writerow(("user_id", "item_id", "timestamp", "order_id"))
        for at in range(120):
            pair = at % 4
            moment = 1_700_000_000 + at * DAY // 2
            for side in "ab":
                rows.writerow((f"u{at % 9}", f"{side}{pair}", moment, f"o{at}"))
            rows.writerow((f"u{at % 9}", "a0", moment + 60, ""))
    shell("import", "lines.csv", "--shop", "pairs")
    return shell


def test_the_orders_of_a_shop_are_completed(baskets_shop: Any) -> None:
    judge = ("evaluate", "--shop", "pairs", "--protocol", "baskets", "--days", "10", "--at", "1")
    found = baskets_shop.json(*judge, "-r", "bought-together")
    assert [each["recipe"] for each in found["results"]] == ["popularity", "bought-together"]
    floor, paired = found["results"]
    assert paired["protocol"] == "baskets" and paired["metrics"]["hit_rate@1"]["value"] == 1.0
    assert floor["metrics"]["hit_rate@1"]["value"] < 1.0 and found["skipped"] == {}
    said = baskets_shop(*judge, "-r", "item-item", "--set", "window=2")
    assert "baskets, 20 orders, 8 items" in said and "item and the shopper's history" in said


def test_hyper_parameters_reach_the_one_recipe_judged(imported: Any) -> None:
    found = imported.json("evaluate", "-r", "als", "--set", "factors=3", "--set", "iterations=2", "--days", "20")
    settings = {row["recipe"]: row["settings"] for row in found["rows"]}
    assert settings["als"]["factors"] == 3 and set(settings) == {"als", "popularity", "repeat"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-r", "als", "--set", "nonsense=3"), "'nonsense'"),
        (("-r", "als", "-r", "svd", "--set", "factors=3"), "2 are judged: als, svd"),
        (("--set", "factors=3"), "Hyper-parameters (factors) are one recipe's"),
        (("-r", "no-such-recipe"), "no-such-recipe"),
        (("--protocol", "baskets", "-r", "als", "--set", "nonsense=3"), "'nonsense'"),
        (("--protocol", "baskets"), "No interaction of the last 28 days belongs to an order"),
        (("--protocol", "baskets", "--control"), "--control has no say in judging a shop by baskets"),
        (("--protocol", "next-item"), "next-item is of files; a shop is judged by top-n or baskets"),
        (("--protocol", "sessions"), "sessions is of files"),
        (("--protocol", "bskets"), "bskets"),
        (("--keep-seen",), "--keep-seen has no say in judging a shop by top-n"),
        (("--valid", "v.csv"), "--valid has no say"),
        (("--label", "clicked"), "--label has no say"),
        (("--test", "t.csv"), "--test is given without --train"),
        (("--train", "t.csv", "--shop", "mine"), "--shop has no say in judging files by top-n"),
        (("--train", "t.csv", "--days", "3"), "It is for a shop (top-n, baskets)"),
        (("--train", "t.csv", "--protocol", "sessions", "--keep-seen"), "It is for files (top-n, next-item)"),
        (("--train", "t.csv", "--protocol", "click", "--at", "3"), "--at has no say in judging files by click"),
        (("--protocol", "click", "-r", "fm"), "needs two files"),
    ],
)
def test_what_has_no_say_is_refused(imported: Any, arguments: tuple[str, ...], message: str) -> None:
    code = 3 if "28 days" in message else 2
    assert message in " ".join(imported("evaluate", *arguments, code=code).split())


def test_several_recipes_are_judged_beside_each_other_on_files(shell: Any, tmp_path: Path) -> None:
    rows = [(u, (u + 2 * k) % 12) for u in range(12) for k in range(5)]
    (tmp_path / "train.csv").write_text("user_id,item_id\n" + "".join(f"u{u},i{i}\n" for u, i in rows))
    (tmp_path / "test.csv").write_text("user_id,item_id\n" + "".join(f"u{u},i{(u + 10) % 12}\n" for u in range(12)))
    judge = ("evaluate", "--train", "train.csv", "--test", "test.csv", "--at", "1")
    named = ("-r", "popularity", "-r", "item-item", "-r", "steered")
    found = shell.json(*judge, *named)
    assert [each["recipe"] for each in found["results"]] == ["popularity", "item-item"]
    assert found["results"][1]["metrics"]["recall@1"]["value"] == 1.0
    assert "margin" in found["skipped"]["steered"]
    said = shell(*judge, *named)
    assert said.index("item-item") < said.index("popularity") and "steered was left out" in said
    assert "margin" in shell(*judge, "-r", "steered", code=2)
