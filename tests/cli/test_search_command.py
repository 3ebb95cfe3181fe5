"""`endcap search` asks the shop's campaign that searches, and says how to make one where there is none."""

from pathlib import Path
from typing import Any


def test_words_find_items_and_nobody_searches_without_a_campaign(shell: Any, csv: Path) -> None:
    shell("import", str(csv), "--shop", "mine")
    assert "endcap train search-personalised --shop mine" in shell("search", "tea", code=4)
    shell("train", "search", "--shop", "mine")
    shell("publish", "--shop", "mine")
    answer = shell.json("search", "tea", "2", "-n", "3")
    assert answer["recipe"] == "search" and answer["items"][0]["itemId"] == "tea-2"
    assert answer["items"][0]["reason"] == "Matches what you searched for"
    assert "tea-" in shell("search", "teas", "--user", "c2", "-n", "3")
