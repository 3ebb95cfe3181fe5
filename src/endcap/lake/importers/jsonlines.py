"""JSON Lines: one object a line, taken apart by DuckDB so that one bad line is one reject."""

# SQL is made here from our own text: names are quoted, values are escaped or numbers.

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from endcap.errors import DataError
from endcap.lake.importers.sources import Chunk, Limits, SourceFile
from endcap.lake.importers.sql import literal, quoted
from endcap.lake.importers.text import HEAD, TextSource

_NO_DELIMITER = "\x1f"
"""A control character, which JSON text cannot hold unescaped."""
_SAMPLE_LINES = 2_000


class JsonSource(TextSource):
    """One JSON object a line. Nested fields are columns named with dots; lists become values joined by `|`."""

    def __init__(self, file: SourceFile, limits: Limits, encoding: str) -> None:
        super().__init__(file, limits, encoding)
        lines = [line for line in self._text_head().splitlines() if line.strip()]
        if not lines:
            raise DataError(f"{file.path} is empty: expected one JSON object a line.")
        if lines[0].lstrip().startswith("["):
            raise DataError(
                f"{file.path} is a JSON array, expected one object a line.", row=1, fix="Convert it: jq -c '.[]' FILE"
            )
        found = [_flat(line) for line in (lines[:-1] if len(self.head) >= HEAD else lines)[:_SAMPLE_LINES]]
        self._columns = list(dict.fromkeys(name for row in found for name in row))
        self._lists = {name for row in found for name, value in row.items() if value.startswith("[")}

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    def sample(self, columns: Sequence[str]) -> pa.Table:
        lines = [line for line in self._text_head().splitlines() if line.strip()][:_SAMPLE_LINES]
        found = [_flat(line) for line in lines]
        names = [*self._columns, *(name for name in columns if name not in self._columns)]
        text = {name: pa.array([row.get(name) for row in found], pa.string()) for name in names}
        return pa.table({**text, "_row": np.arange(1, len(found) + 1)})

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        parse = {"delimiter": _NO_DELIMITER, "quote_char": False, "newlines_in_values": False}
        yield from self._blocks(["_line"], parse, False, self.limits.line)

    def projection(self, columns: Sequence[str]) -> str:
        paths = ", ".join(literal("$" + "".join(f'."{part}"' for part in name.split("."))) for name in columns)
        is_object = "CASE WHEN json_valid(_line) THEN json_type(_line) = 'OBJECT' ELSE false END"
        picks = [
            f"{_joined(place) if name in self._lists else f'_v[{place}]'} AS {quoted(name)}"
            for place, name in enumerate(columns, start=1)
        ]
        return (
            f"SELECT {', '.join(picks)}, CASE WHEN _v IS NULL THEN 'not a JSON object' END AS _broken, _line, _row"
            f" FROM (SELECT *, CASE WHEN {is_object} THEN json_extract_string(_line, [{paths}]) END AS _v FROM chunk)"
        )


def _joined(place: int) -> str:
    is_list = f"_v[{place}] LIKE '[%' AND json_valid(_v[{place}])"
    return (
        f"CASE WHEN {is_list} THEN array_to_string(from_json(_v[{place}], '[\"VARCHAR\"]'), '|') ELSE _v[{place}] END"
    )


def _flat(line: str) -> dict[str, str]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    flat: dict[str, str] = {}
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        name, item, depth = waiting.pop(0)
        if isinstance(item, dict) and depth < 3:
            waiting += [(f"{name}.{key}" if name else key, inner, depth + 1) for key, inner in item.items()]
        elif item is not None and name:
            flat[name] = item if isinstance(item, str) else json.dumps(item)
    return flat
