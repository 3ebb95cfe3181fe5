"""What an event of each type counts."""

import pytest

from endcap.lake.event_types import DEFAULT_WEIGHTS, LEFT_OUT, UNKNOWN, is_left_out, weight


@pytest.mark.parametrize("name", ["AddToCart", "add_to_cart", "add to cart", "ADD-TO-CART"])
def test_names_are_compared_without_case_and_punctuation(name: str) -> None:
    assert weight(name) == DEFAULT_WEIGHTS["addtocart"] and not is_left_out(name)


@pytest.mark.parametrize("name", ["Return", "not interested", "remove_from_cart", "Impression"])
def test_what_is_no_sign_of_interest_is_left_out_and_counts_fully_when_asked_for(name: str) -> None:
    assert is_left_out(name) and weight(name) == 1


def test_a_purchase_says_most_and_every_weight_is_positive() -> None:
    assert weight("Purchase") == weight("") == 1
    assert all(0 < value <= 1 for value in DEFAULT_WEIGHTS.values())
    assert weight("Wiggle") == UNKNOWN and not LEFT_OUT & DEFAULT_WEIGHTS.keys()
