"""RecordIO-protobuf: byte for byte what SageMaker's own writer gives, by its own definition; damage is named."""

from __future__ import annotations

import ast
import importlib.util
import io
import struct
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from endcap.errors import DataError, InputError
from endcap.lake.recordio import Records, read_records, write_records

MAGIC = struct.pack("<I", 0xCED7230A)
KINDS = (np.float32, np.float64, np.int32)


@pytest.fixture(scope="module")
def theirs() -> Any:
    """`serializer_utils` of the package `sagemaker`, over the message of its own descriptor: its files alone, for the
    package itself wants a data scientist's tools, and its generated module an older protobuf."""
    found = importlib.util.find_spec("sagemaker")
    assert found is not None and found.submodule_search_locations, "run make setup-dev"
    root = Path(next(iter(found.submodule_search_locations)))
    (described,) = (
        node.args[0].value
        for node in ast.walk(ast.parse((root / "amazon/record_pb2.py").read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile"
        if isinstance(node.args[0], ast.Constant)
    )
    assert isinstance(described, bytes)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(described))  # type: ignore[no-untyped-call]
    record = message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))
    stand_ins = {name: ModuleType(name) for name in ("sagemaker.amazon.record_pb2", "sagemaker.utils")}
    stand_ins["sagemaker.amazon.record_pb2"].Record = record  # type: ignore[attr-defined]
    stand_ins["sagemaker.utils"].DeferredError = RuntimeError  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location("serializer_utils", root / "serializer_utils.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("sagemaker", "sagemaker.amazon"):
            patch.setitem(sys.modules, name, ModuleType(name))
        for name, stand_in in stand_ins.items():
            patch.setitem(sys.modules, name, stand_in)
        spec.loader.exec_module(module)
    module.Record = record  # type: ignore[attr-defined]
    return module


@st.composite
def records(draw: st.DrawFn) -> Records:
    kind = draw(st.sampled_from(KINDS))
    rows, width = draw(st.integers(1, 4)), draw(st.sampled_from([1, 3, 130, 20_000]))
    dense = draw(st.booleans()) and width < 200
    draws = np.random.default_rng(draw(st.integers(0, 9)))
    values = draws.integers(-300, 300, (rows, 3)).astype(kind) / kind(1 if kind is np.int32 else 7)
    places = np.sort(np.stack([draws.permutation(max(width, 3))[:3] for _ in range(rows)]), axis=1)
    kept = (places < width) & (draws.random(places.shape) < 0.8)
    found = (values.astype(kind)[kept], places[kept], np.concatenate(([0], np.cumsum(kept.sum(1)))))
    label = draw(st.sampled_from([None, *KINDS]))
    labels = None if label is None else draws.integers(-5, 5, rows).astype(label)
    return Records(sparse.csr_matrix(found, shape=(rows, width)), labels, dense)


def published(theirs: Any, given_: Records) -> bytes:
    """What their writer makes of the same rows. It says int32 of what is int64."""

    def plain(values: Any) -> Any:
        return values.astype(np.int64) if values.dtype == np.int32 else values

    labels = None if given_.labels is None else plain(given_.labels)
    file = io.BytesIO()
    if given_.dense:
        theirs.write_numpy_to_dense_tensor(file, plain(given_.rows).toarray(), labels)
    else:
        theirs.write_spmatrix_to_sparse_tensor(file, plain(given_.rows), labels)
    return file.getvalue()


@settings(max_examples=30, deadline=None)
@given(given_=records())
def test_byte_for_byte_what_the_published_definition_says(theirs: Any, given_: Records) -> None:
    data = write_records(given_)
    assert data == published(theirs, given_)
    again = read_records(data)
    assert again.rows.dtype == given_.rows.dtype and again.dense == given_.dense
    np.testing.assert_array_equal(again.rows.toarray(), given_.rows.toarray())
    if given_.labels is None:
        assert again.labels is None
    else:
        assert again.labels is not None and again.labels.dtype == given_.labels.dtype
        np.testing.assert_array_equal(again.labels, given_.labels)
    assert write_records(again) == data


def test_what_another_writer_lays_out_otherwise_is_read_alike(theirs: Any) -> None:
    """Unpacked numbers, the label first, keys that are not in order, and what is not needed."""
    tensor = struct.pack("<Bf", 1 << 3 | 5, 2.5) + struct.pack("<Bf", 1 << 3 | 5, -1.0) + bytes((2 << 3, 9, 2 << 3, 4))
    tensor += bytes((3 << 3 | 2, 1, 12))
    value = bytes((2 << 3 | 2, len(tensor))) + tensor
    entry = bytes((2 << 3 | 2, len(value))) + value + b"\x0a\x06values"
    message = b"\x1a\x02id" + b"\x0a" + bytes((len(entry),)) + entry
    parsed = theirs.Record.FromString(message)
    found = read_records(MAGIC + struct.pack("<I", len(message)) + message + b"\0" * (-len(message) % 4))
    tensors = parsed.features["values"].float32_tensor
    assert list(tensors.keys) == found.rows.indices.tolist() == [9, 4]
    assert list(tensors.values) == found.rows.data.tolist() == [2.5, -1.0]
    assert found.rows.shape == (1, 12) and found.labels is None


@cache
def some() -> bytes:
    rows = sparse.csr_matrix(np.array([[0, 1.5, 0, 2], [3, 0, 0, 0]], np.float32))
    return write_records(Records(rows, np.array([1, 0], np.float32)))


def read_or_error(data: bytes) -> Records | DataError:
    try:
        return read_records(data)
    except DataError as error:
        return error


def test_truncated_anywhere_it_says_where() -> None:
    data, whole = some(), len(some())
    ends = [0, 8 + struct.unpack("<I", data[4:8])[0]]
    ends = [0, ends[1] + -ends[1] % 4, whole]
    for size in range(whole):
        if size in ends:
            assert len(read_records(data[:size])) == ends.index(size)
        else:
            with pytest.raises(DataError, match=r"Record [12] is damaged at byte \d+: it ends before") as caught:
                read_records(data[:size])
            assert caught.value.row == 1 + (size > ends[1])


@settings(max_examples=300, deadline=None)
@given(place=st.deferred(lambda: st.integers(0, len(some()) - 1)), byte=st.integers(0, 255))
def test_damaged_anywhere_it_is_refused_or_read_never_worse(place: int, byte: int) -> None:
    data = bytearray(some())
    data[place] = byte
    found = read_or_error(bytes(data))
    if isinstance(found, DataError):
        assert "byte" in found.message and found.row in (1, 2)
    else:
        assert found.rows.shape[0] == 2 and found.rows.indices.max() < found.rows.shape[1]


@settings(max_examples=200, deadline=None)
@given(message=st.binary(max_size=60))
def test_any_bytes_in_a_frame_are_refused_or_read(message: bytes) -> None:
    data = MAGIC + struct.pack("<I", len(message)) + message + b"\0" * (-len(message) % 4)
    found = read_or_error(data)
    assert found.row == 1 if isinstance(found, DataError) else len(found) == 1


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Records(sparse.csr_matrix(np.ones((1, 5), np.float32)), np.ones(1, np.float32)), "another width"),
        (Records(sparse.csr_matrix(np.ones((1, 4), np.float64)), np.ones(1, np.float32)), "another type"),
        (Records(sparse.csr_matrix(np.ones((1, 4), np.float32))), "a label here and none"),
        (Records(sparse.csr_matrix(np.ones((1, 4), np.float32)), np.ones(1, np.float32), True), "dense and sparse"),
    ],
)
def test_records_that_do_not_belong_together_are_refused(other: Records, said: str) -> None:
    with pytest.raises(DataError, match=f"Record 3 .*{said}"):
        read_records(some() + write_records(other))


def test_a_length_that_lies_allocates_nothing() -> None:
    with pytest.raises(DataError, match="Record 1 is damaged at byte 0: it ends before"):
        read_records(MAGIC + b"\xff\xff\xff\x7f" + b"\0" * 16)
    with pytest.raises(DataError, match="byte 0: it does not begin with the magic number"):
        read_records(b"PAR1" * 8)


def test_what_cannot_be_written_is_said() -> None:
    with pytest.raises(InputError, match="type int64; expected float32"):
        write_records(Records(sparse.csr_matrix(np.ones((1, 2), np.int64))))
    with pytest.raises(InputError, match="2 labels for 1 rows"):
        write_records(Records(sparse.csr_matrix(np.ones((1, 2), np.float32)), np.ones(2, np.float32)))
