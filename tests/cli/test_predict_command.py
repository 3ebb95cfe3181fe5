"""`endcap predict`, from a CSV of orders to the score of a pair."""

from pathlib import Path
from typing import Any


def test_pairs_as_words_and_from_a_file(imported: Any, tmp_path: Path) -> None:
    imported.json("train", "fm", "--set", "factors=4", "--set", "epochs=4")
    imported.json("publish")
    told = imported.json("predict", "c1", "coffee-1", "c1", "tea-1")
    likes, other = told["predictions"]
    assert told["recipe"] == "fm" and likes["userId"] == "c1" and likes["itemId"] == "coffee-1"
    assert 0 < other["score"] < likes["score"] < 1 and likes["predictedLabel"] == int(likes["score"] >= 0.5)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("user_id,item_id\nc1,coffee-1\nc1,tea-1\n", "utf-8")
    assert (
        imported.json("predict", "--file", str(pairs), "--context", "HOUR=12")["predictions"][0]["itemId"] == "coffee-1"
    )
    assert "coffee-1" in imported("predict", "c1", "coffee-1")
    assert "'nothing'" in imported("predict", "c1", "nothing", code=2)
    assert "without a product" in imported("predict", "c1", code=2)
    assert "one of the two" in imported("predict", code=2)
    assert "expected NAME=VALUE" in imported("predict", "c1", "tea-1", "--context", "x", code=2)
    pairs.write_text("customer,item_id\nc1,tea-1\n", "utf-8")
    assert "row 1" in imported("predict", "--file", str(pairs), code=3)
