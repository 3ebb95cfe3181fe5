"""What the guide promises: its examples are filters, its messages are the ones that come."""

import re
from pathlib import Path

import pytest

from endcap.errors import InputError
from endcap.lake.schemas import Field, Schema
from endcap.serving.filters import parse

GUIDE = (Path(__file__).parents[3] / "docs" / "guide" / "filters.md").read_text("utf-8")
EXAMPLES = [line.rstrip(" ●") for line in GUIDE.splitlines() if re.match(r"(INCLUDE|EXCLUDE) ", line)]
ITEMS = Schema("items", (Field("ITEM_ID"), Field("BRAND"), Field("GENRE"), Field("PRICE", "float")))


def test_the_guide_has_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_are_filters(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    "text",
    ["INCLUDE ItemID WHERE Items.PRICE = 1 IF Users.AGE > 18", "INCLUDE ItemID WHERE Items.COLOUR IN ($C)"],
)
def test_messages_are_the_ones_shown(text: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(text).check({"items": ITEMS})
    assert str(raised.value) in GUIDE.splitlines()
