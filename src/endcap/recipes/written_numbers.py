"""Numbers as people write them: with a currency, a decimal comma, thousands apart."""

from __future__ import annotations

import math
import re
import unicodedata

EXAMPLES = "5, 5.50, 5,50, $5, 5 EUR or 1.234,50"
"""What can be read, in words for who wrote something else."""
_CODES = (
    "aed ars aud bgn brl cad chf clp cny cop czk dkk egp eur gbp hkd huf idr ils inr jpy krw mxn myr ngn nok nzd pen "
    "php pkr pln ron rub sar sek sgd thb try twd uah usd vnd zar euros? dollars? pounds? francs? franken rupees? yen "
    "fr rs kr kč zł lei"
)
"""Words for money, in lower case."""
_MONEY = rf"(?:[a-z]{{0,2}}¤|(?:{'|'.join(_CODES.split())})\.?)"
"""¤ stands for every currency sign: $, US$, €, …"""
_NUMBER = (
    r"(?P<whole>\d{1,3}(?P<mark>[., '])\d{3}(?:(?P=mark)\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}|\d*)"
    r"(?:(?P<point>[.,])(?P<decimals>\d+)|[.,]-+)?"
)
"""Threes (or, as in India, twos) with one mark between them or no mark at all, then decimals; `5,-` is five."""
_WRITTEN = re.compile(rf"(?P<sign>[+-]?) ?(?P<before>{_MONEY})? ?{_NUMBER} ?(?P<after>{_MONEY})?")
_LONGEST = 40
_DIGIT = re.compile(r"\d")
_MACHINE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")


def written_number(text: str) -> float:
    """The number that a text is; NaN where it is none, or more than one.

    A single comma before exactly three digits parts thousands (`1,234`), unless only a 0 stands before it; a single
    point does so where money is named (`1.234 €`), else it is a decimal point, as programs write it.
    """
    if len(text) > _LONGEST or not _DIGIT.search(text):
        return math.nan
    plain = _unified(text)
    if _MACHINE.fullmatch(plain):
        return _finite(plain)
    found = _WRITTEN.fullmatch(plain)
    return math.nan if found is None else _value(found)


def _value(found: re.Match[str]) -> float:
    whole, mark, point = found["whole"], found["mark"], found["point"]
    if mark and whole.startswith("0"):  # no thousands begin so: 0,125
        is_decimal = not point and mark in ".," and whole.count(mark) == 1
        return _finite(found["sign"] + whole.replace(mark, ".")) if is_decimal else math.nan
    if mark and mark == point:  # 1.234.50: neither of the two
        return math.nan
    digits = re.sub(r"\D", "", whole)
    return _finite(f"{found['sign']}{digits}.{found['decimals'] or ''}") if digits or point else math.nan


def _unified(text: str) -> str:
    """Lower case; one kind of blank, of apostrophe, of dash and of currency sign."""
    folded = unicodedata.normalize("NFKC", text).strip().lower()
    folded = re.sub("[−–—]", "-", re.sub(r"\s+", " ", folded).replace("’", "'"))
    return "".join("¤" if unicodedata.category(letter) == "Sc" else letter for letter in folded)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else math.nan
