"""Fields: columns become the features that their names say; what is kept is data and is checked when read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ArtefactError, InputError, SchemaError
from endcap.recipes.fields import Fields, Spec, guess, joined

TABLE = pa.table(
    {
        "who": ["a", "b", "a", None],
        "kinds": ["x|y", "x", "z|x|x", ""],
        "size": [1.0, 2.0, None, 4.0],
        "day": [1, 2, 3, 4],
        "words": ["red hen", "red cup big cup", None, "the"],
        "new": [True, None, False, True],
    }
)
SPEC = {
    "who": Spec("category"),
    "kinds": Spec("set"),
    "size": Spec("number"),
    "day": Spec("bins", bins=2),
    "words": Spec("text"),
    "new": Spec("category", unknown=False),
}


@pytest.fixture(scope="module")
def fields() -> Fields:
    return Fields.learn(TABLE, SPEC)


def rows(fields: Fields, table: pa.Table = TABLE) -> list[dict[str, float]]:
    found = fields.encode(table)
    assert found.dtype == np.float32 and found.shape == (table.num_rows, len(fields)) and found.has_sorted_indices
    return [
        {fields.names[at]: round(float(x), 2) for at, x in zip(row.indices, row.data, strict=True)} for row in found
    ]


def test_each_kind_of_column(fields: Fields) -> None:
    first, second, third, fourth = rows(fields)
    assert {name for name in first if name.startswith("words")} == {"words:red", "words:hen"}
    assert 0 < first.pop("words:red") < first.pop("words:hen") < 1  # the rarer word weighs more
    assert first == {"who=a": 1, "kinds=x": 0.5, "kinds=y": 0.5, "size": -1.07, "day<2.5": 1, "new=true": 1}
    assert {name for name in second if name.startswith("words")} == {"words:red", "words:cup", "words:big"}
    assert second["words:cup"] == pytest.approx(2 * second["words:big"], abs=0.02) and "new=true" not in second
    assert third["kinds=x"] == third["kinds=z"] == 0.5 and third["size?"] == 1
    assert fourth == {"who?": 1, "kinds?": 1, "size": 1.34, "day<inf": 1, "words:the": 1, "new=true": 1}


def test_features_belong_to_fields(fields: Fields) -> None:
    assert fields.columns == tuple(SPEC) and len(fields.names) == len(fields) == fields.starts[-1]
    for name, field in zip(fields.names, fields.field_of, strict=True):
        assert name.startswith(fields.columns[field])


def test_what_was_not_there_is_unknown(fields: Fields) -> None:
    (row,) = rows(fields, pa.table({"who": ["new"], "kinds": ["x|new"], "size": ["2.0"], "words": ["red zebra"]}))
    assert row == {"who?": 1, "kinds=x": 0.5, "kinds?": 0.5, "size": -0.27, "day?": 1, "words:red": 1}
    assert fields.encode(pa.table({"who": pa.array([], pa.string())})).shape == (0, len(fields))


def test_rare_values_are_not_kept_and_the_most_frequent_are() -> None:
    table = pa.table({"v": ["a"] * 3 + ["b"] * 2 + ["c"]})
    assert Fields.learn(table, {"v": Spec("category", least=2)}).names == ("v=a", "v=b", "v?")
    assert Fields.learn(table, {"v": Spec("category", most=1, unknown=False)}).names == ("v=a",)
    assert Fields.learn(table, {"v": Spec("text", least=1)}).names == ()  # words have two letters or more


def test_dictionaries_and_plain_columns_are_one() -> None:
    coded = pa.table({name: TABLE[name].combine_chunks().dictionary_encode() for name in ("who", "kinds", "day")})
    spec = {name: SPEC[name] for name in coded.column_names}
    plain, other = Fields.learn(TABLE, spec), Fields.learn(coded, spec)
    assert plain.names == other.names
    assert (plain.encode(coded) != other.encode(TABLE)).nnz == 0


@settings(max_examples=15, deadline=None)
@given(values=st.lists(st.one_of(st.none(), st.text(max_size=6)), min_size=1, max_size=8))
def test_any_texts_are_kept_as_bytes(values: list[str | None]) -> None:
    table = pa.table({"v": pa.array(values, pa.string())})
    for kind in ("category", "set", "text"):
        fields = Fields.learn(table, {"v": Spec(kind)})
        again = Fields.from_arrays(fields.arrays())
        assert again.names == fields.names
        assert (again.encode(table) != fields.encode(table)).nnz == 0
        if kind != "text":
            np.testing.assert_allclose(np.asarray(fields.encode(table).sum(axis=1)).ravel(), 1, rtol=1e-6)


def test_damaged_arrays_are_refused(fields: Fields) -> None:
    for name in ("spec", "0.texts", "0.ends", "2.weights"):
        arrays = fields.arrays()
        arrays[name] = arrays[name][:-1]
        with pytest.raises(ArtefactError, match="damaged"):
            Fields.from_arrays(arrays)
        del arrays[name]
        with pytest.raises(ArtefactError, match="damaged"):
            Fields.from_arrays(arrays)


def test_one_feature_each_is_laid_out_as_anything_else(fields: Fields) -> None:
    """Rows of one feature in every field take a way of their own."""
    some = Fields(tuple(field for field in fields.fields if field.column in ("who", "size", "day")))
    each = rows(some)
    assert [set(row) for row in each] == [
        {name for name in row if name.startswith(("who", "size", "day"))} for row in rows(fields)
    ]
    assert each[3]["who?"] == 1 and each[2]["size?"] == 1 and len(each[0]) == 3
    no_rows = some.encode(TABLE.slice(0, 0))
    assert no_rows.shape == (0, len(some)) and no_rows.dtype == np.float32


def test_a_guess_reads_what_can_be_read() -> None:
    table = pa.table({"id": ["1"], "n": [1], "t": ["w " * 40], "b": [True], "when": pa.array([1], pa.timestamp("us"))})
    kinds = {name: spec.kind for name, spec in guess(table, leave_out=("id",)).items()}
    assert kinds == {"n": "number", "t": "text", "b": "category"}


def test_mistakes_are_named() -> None:
    with pytest.raises(SchemaError, match="no column 'z'"):
        Fields.learn(TABLE, {"z": Spec("number")})
    with pytest.raises(InputError, match="expected one of"):
        Spec("colour")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="1 or more"):
        Spec("bins", bins=0)


def test_contexts_become_columns() -> None:
    table = joined([{"device": "phone"}, {}], ["device", "hour"])
    assert table.to_pydict() == {"device": ["phone", None], "hour": [None, None]}
