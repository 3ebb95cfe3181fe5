"""`endcap predict`, from a CSV of orders to the score of a pair."""

from pathlib import Path
from typing import Any

import pytest


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
    assert "'x' is not key=value" in imported("predict", "c1", "tea-1", "--context", "x", code=2)
    pairs.write_text("customer,item_id\nc1,tea-1\n", "utf-8")
    assert "row 1" in imported("predict", "--file", str(pairs), code=3)


def test_stars_pieces_and_thumbs_are_predicted_as_they_were_said(shell: Any, tmp_path: Path) -> None:
    lines = ["customer,product,date,event,rating,quantity"]
    for at in range(900):
        level = (at * 7 + at // 10) % 5
        said = ("Rating", "Purchase", "Like" if level > 2 else "Dislike")[at % 3]
        lines.append(f"c{at % 30},p{level},{1_700_000_000 + at * 600},{said},{level + 1},{2**level}")
    (tmp_path / "said.csv").write_text("\n".join(lines) + "\n", "utf-8")
    shell("import", str(tmp_path / "said.csv"), "--shop", "mine")
    pairs = [word for level in range(5) for word in ("c1", f"p{level}")]
    found = {}
    for objective in ("rating", "quantity", "thumbs"):
        given = (f"objective={objective}", "factors=4", "epochs=12")
        trained = shell.json("train", "fm", *(word for each in given for word in ("--set", each)))
        shell("publish", trained["version"])
        told = shell.json("predict", *pairs)["predictions"]
        found[objective] = [each["score"] for each in told]
        labels = [each["predictedLabel"] for each in told]
        assert labels == ([0, 0, 0, 1, 1] if objective == "thumbs" else [None] * 5)
    assert found["rating"] == pytest.approx([1, 2, 3, 4, 5], abs=0.4)
    assert found["quantity"] == pytest.approx([1, 2, 4, 8, 16], rel=0.3)
