"""Properties put of one item, user or action, as one block: for each column the newest value, in whatever order they
came."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from endcap.stream.records import Value

Columns = dict[str, tuple[int, bytes, Value]]
"""Column → (time, id of the record, value)."""
_ENCODER = msgspec.msgpack.Encoder(order="sorted")
_DECODER = msgspec.msgpack.Decoder(Columns)


def laid_over(block: bytes | None, time: int, name: bytes, properties: Mapping[str, Value]) -> bytes:
    """A block with what was put at a time; a column keeps the value of the newest (time, id)."""
    columns = _DECODER.decode(block) if block else {}
    for column, value in properties.items():
        held = columns.get(column)
        if held is None or held[:2] < (time, name):
            columns[column] = (time, name, value)
    return _ENCODER.encode(columns)


def values(block: bytes) -> dict[str, Value]:
    """Column → value."""
    return {column: value for column, (_, _, value) in _DECODER.decode(block).items()}
