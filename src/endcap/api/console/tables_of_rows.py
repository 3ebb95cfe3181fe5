"""Rows of a shop's tables, page by page, of tables of any size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast, get_args

import msgspec

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.uploads import shop_of
from endcap.api.wire import Refusal, invalid
from endcap.errors import StateError
from endcap.lake.rows import MOST, Asked, Cell, Filter, Op, Rows
from endcap.lake.schemas import TIMES, DatasetKind

FILTERS = 8


class RowsAsk(Ask, frozen=True):
    """A page of a table. `filters` is JSON: `[["item_id", "=", "i1"], ["price", ">=", "3"], ["name", "contains",
    "tea"], ["brand", "empty", ""]]`."""

    shop: str
    kind: DatasetKind = "interactions"
    offset: int = 0
    limit: int = 100
    sort: str = ""
    descending: bool = False
    filters: str = "[]"


class ColumnLine(Shape, frozen=True):
    """One column; `time` where its whole numbers are microseconds since 1970."""

    name: str
    type: str
    time: bool


class RowsPage(Shape, frozen=True):
    """The rows of a page, by `columns`. `preparing`: the order is being made, pages in the middle come soon."""

    columns: tuple[ColumnLine, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    version: int
    preparing: bool
    ms: float


class RowsBrowser:
    """`GET /console/api/data/rows`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    def operations(self) -> Sequence[Operation]:
        """Its one row."""
        if self._backstage is not None:
            self._rows = Rows(self._backstage.workspace.lake, self._backstage.home / "rows")
        said = "A page of the rows of a table, sorted and filtered."
        return (Operation("listRows", "GET", "/console/api/data/rows", said, self.page, RowsAsk, RowsPage),)

    def page(self, call: Call, asked: RowsAsk) -> RowsPage:
        """Raises `InputError` for a filter that cannot be read, `Refusal` (404) for a table that is not there."""
        started = time.perf_counter()
        if asked.offset < 0 or not 1 <= asked.limit <= MOST:
            raise invalid(f"offset must be at least 0 and limit from 1 to {MOST}.")
        wanted = Asked(asked.kind, asked.offset, asked.limit, asked.sort, asked.descending, _filters(asked.filters))
        try:
            found = self._rows.page(shop_of(call, asked.shop), wanted)
        except StateError as error:
            raise Refusal(404, "ResourceNotFoundException", str(error)) from None
        return RowsPage(
            columns=tuple(ColumnLine(name=name, type=kind, time=name.upper() in TIMES) for name, kind in found.columns),
            rows=tuple(found.rows),
            total=found.total,
            version=found.version,
            preparing=found.preparing,
            ms=round((time.perf_counter() - started) * 1e3, 1),
        )


def _filters(text: str) -> tuple[Filter, ...]:
    try:
        given = msgspec.json.decode(text.encode("utf-8", "replace"), type=list[tuple[str, str, str]])
    except (msgspec.MsgspecError, RecursionError):
        raise invalid(
            'filters is a JSON list of [column, operator, value], such as [["item_id", "=", "i1"]].'
        ) from None
    if len(given) > FILTERS:
        raise invalid(f"At most {FILTERS} filters can be combined.")
    operators: tuple[Any, ...] = get_args(Op)
    for _, operator, _ in given:
        if operator not in operators:
            raise invalid(f"There is no operator {operator[:20]!r}; there are {', '.join(operators)}.")
    return tuple(Filter(column, cast("Op", operator), value) for column, operator, value in given)
