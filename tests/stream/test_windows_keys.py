"""Ids as keys: the same however they come, and different where they differ."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.stream.windows_keys import key_of, keys_of, pairs
from endcap.stream.windows_seen import Seen

_texts = st.lists(st.text(max_size=12).filter(lambda text: text.isprintable()), max_size=30)


@settings(deadline=None)
@given(texts=_texts)
def test_a_key_does_not_depend_on_how_its_id_comes(texts):
    wanted = [key_of(text) for text in texts]
    assert keys_of(texts).tolist() == wanted
    column = pa.array(["before", *texts, "after"], pa.string())
    assert keys_of(column[1:-1]).tolist() == wanted
    assert keys_of(column.dictionary_encode()[1:-1]).tolist() == wanted
    assert keys_of(pa.chunked_array([column[:1], column[1:]])).tolist()[1:-1] == wanted
    assert len(set(wanted)) == len(set(texts))
    assert all((key == 0) == (text == "") for key, text in zip(wanted, texts, strict=True))


def test_a_hundred_thousand_ids_and_their_pairs_differ():
    keys = keys_of([f"u{number}" for number in range(100_000)])
    assert len(np.unique(keys)) == 100_000
    first, second = np.repeat(keys[:300], 300), np.tile(keys[:300], 300)
    assert len(np.unique(pairs(first, second))) == 90_000
    assert pairs(first[:1], np.zeros(1, np.int64)).tolist() == [0]


def test_a_null_is_no_key():
    assert keys_of(pa.array(["a", None, ""], pa.string())).tolist()[1:] == [0, 0]
    assert keys_of(pa.array(["a", None]).dictionary_encode()).tolist() == [key_of("a"), 0]
    assert keys_of([]).tolist() == []


@settings(deadline=None)
@given(names=st.lists(st.integers(-50, 50), max_size=300))
def test_names_are_met_for_the_first_time_once(names):
    seen, known, wanted = Seen(), set(), []
    for name in names:
        wanted.append(name not in known)
        known.add(name)
    half = len(names) // 2
    found = [*seen.add(np.array(names[:half], np.int64)), *seen.add(np.array(names[half:], np.int64))]
    assert found == wanted


def test_the_last_names_are_remembered_and_memory_is_bounded():
    seen = Seen(largest=4_096)
    names = np.arange(1, 100_001)
    assert seen.add(names).all()
    assert not seen.add(names[-2_048:]).any()
    assert seen.add(names[:1_000]).all()
    arrays = seen.arrays()
    assert len(arrays["seen.young"]) <= 4_096
    assert len(arrays["seen.old"]) <= 4_096
    other = Seen(largest=4_096)
    other.restore(arrays)
    assert not other.add(names[:1_000]).any()
