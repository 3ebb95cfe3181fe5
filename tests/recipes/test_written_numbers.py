"""Numbers as people write them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.recipes.written_numbers import written_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("$5", 5),
        ("US$5", 5),
        ("5 €", 5),
        ("5 EUR", 5),
        ("CHF 5.-", 5),
        ("5,-", 5),
        ("Rs. 500", 500),
        ("5 euros", 5),
        ("5,50", 5.5),
        ("0,125", 0.125),
        (",5", 0.5),
        ("1.234,50", 1234.5),
        ("1,234.50", 1234.5),
        ("1,234", 1234),
        ("1.234", 1.234),
        ("1.234 €", 1234),
        ("1\u202f234,50 €", 1234.5),
        ("1’234.50", 1234.5),
        ("1,00,000", 100_000),
        ("-5", -5),
        ("−5,5", -5.5),
        ("1e3", 1000),
        ("１２", 12),
    ],
)
def test_is_read(text: str, number: float) -> None:
    assert written_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["", " ", "$", "cheap", "about 5", "5-10", "5 kg", "5 5", "1.234.50", "5,5,5", "nan", "inf", "1e999", "0,123,456"],
)
def test_is_none(text: str) -> None:
    assert math.isnan(written_number(text))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["{}", "${}", "{} EUR", "{}€", "eur {}"]))
def test_cents_are_read_in_every_spelling(cents: int, frame: str) -> None:
    english = f"{cents / 100:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    for text in (english, german, english.replace(",", "'"), german.replace(".", "\xa0"), f"{cents / 100:.2f}"):
        assert written_number(frame.format(text)) == cents / 100


@settings(max_examples=60, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15))
def test_what_programs_write_is_what_they_meant(number: float) -> None:
    assert written_number(repr(number)) == number


@given(st.text())
def test_any_text_is_a_number_or_none(text: str) -> None:
    assert isinstance(written_number(text), float)
