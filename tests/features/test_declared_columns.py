"""Declared windows as features of a shop: kept with them, told apart by what they mean, and said in true words."""

from dataclasses import replace

import numpy as np
import pytest

import click_shop
from endcap.errors import ArtefactError
from endcap.features.declared import Declaration
from endcap.features.declared_columns import said
from endcap.features.shop import FEATURES, ShopFeatures, declared_of, declared_text
from endcap.serving.ranked_words import columns_with_words
from endcap.stream.histories import Past
from endcap.types import HOUR, MINUTE

PARTS = {"item": "i", "category": "c", "user": "u", "pair": "p", "session": "s"}


def _windows(**more: str) -> list[Declaration]:
    given = {"kind": "sliding", "length": "100m", "step": "2m", "aggregate": "count", **more}
    return [Declaration.parse(name, key=key, **given) for key, name in PARTS.items()]


def _shop(windows: list[Declaration]) -> ShopFeatures:
    return ShopFeatures.of(replace(click_shop.dataset(), windows=tuple(each.document() for each in windows)))


def _told(shop: ShopFeatures, now: int) -> np.ndarray:
    nobody = Past(np.zeros(2, np.int64), *(np.zeros(0, kind) for kind in (np.int32, np.int64, np.int16, np.float32, np.int64)))  # type: ignore[arg-type]  # fmt: skip  # noqa: E501
    items = np.arange(-1, 20, dtype=np.int32)
    return shop.values(nobody, np.array([now]), items, np.array([0, 21]), np.zeros(21, np.float32))[:, len(FEATURES) :]


def test_windows_are_kept_with_the_features_of_a_shop() -> None:
    data, shop = click_shop.dataset(), _shop(_windows())
    now = int(np.median(data.interactions.time))
    assert shop.names[len(FEATURES) :] == ("i", "c", "u", "p") and np.nanmax(_told(shop, now)[:, :2]) > 0
    arrays, notes = shop.arrays()
    again = ShopFeatures.from_arrays(arrays, notes)
    last = data.last_time
    assert again.signature == shop.signature and again.declared == shop.declared == declared_of(notes)
    assert np.array_equal(_told(again, last + 1), _told(shop, last + 1), equal_nan=True)
    for each in (shop, again):
        more = np.array([3, 3, 4], np.int32)
        each.fold(more, np.full(3, last + MINUTE), np.zeros(3, np.int16), np.ones(3, np.float32))
    later = _told(again, last + HOUR)
    assert np.array_equal(later, _told(shop, last + HOUR), equal_nan=True) and later[4, 0] >= 2 and later[4, 1] >= 2
    assert len(arrays["windows.0/rows.0"]) < len(data.interactions)
    with pytest.raises(ArtefactError):
        ShopFeatures.from_arrays({name: arrays[name] for name in arrays if name != "windows.1/state"}, notes)


def test_what_a_window_means_is_in_the_signature() -> None:
    first, other, grouped = _windows(), _windows(length="200m"), _windows(group="g")
    assert _shop(first).signature != _shop(other).signature and _shop(first).signature == _shop(grouped).signature
    assert _shop([]).signature == ShopFeatures.of(click_shop.dataset()).signature
    assert declared_text([]) == declared_text([first[-1].document()]) == _shop([]).declared == ""
    assert declared_text([each.document() for each in first]) == _shop(first).declared


def test_words_are_true_or_none() -> None:
    told = {name: said(each) for name, each in zip(PARTS.values(), _windows(), strict=True)}
    assert told.pop("i") == "Popular in the last 100 minutes"
    assert told.pop("c") == "From a category that was popular in the last 100 minutes"
    assert told == {"u": "", "p": "You showed interest in the last 100 minutes", "s": ""}
    assert said(Declaration.parse("w", key="item", kind="tumbling", length="7d", aggregate="sum")).endswith("last week")
    assert not any(map(said, _windows(weights="return=1"))) and not any(map(said, _windows(weights="view=-1")))
    extras = _shop(_windows()).extras
    names = ("retrieval_score", "i", "u", "unheard", "p", "popular_1d")
    assert columns_with_words(names, extras).tolist() == [0, 1, 4, 5]
    assert columns_with_words(names).tolist() == [0, 5]
