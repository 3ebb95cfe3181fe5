import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import InputError
from endcap.serving.recommendation_id import RUNGS, Origin, make, read


@settings(deadline=None)
@given(
    st.text("0123456789abcdef", min_size=8, max_size=8),
    st.integers(0, 10**6),
    st.integers(0, 99),
    st.sampled_from(RUNGS),
    st.text("0123456789abcdef", min_size=16, max_size=16),
)
def test_says_where_it_came_from(version: str, generation: int, variant: int, rung: str, token: str) -> None:
    text = make(version, generation, variant, rung, token)
    assert len(text) == 40
    assert read(text) == Origin(version, generation % 65536, variant, rung)


@settings(deadline=None)
@given(st.text(max_size=50))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no recommendation id"):
        read(text)
