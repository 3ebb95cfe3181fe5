"""Records of feature groups as what is known of shoppers and items: one definition, for training and for answers.

A column is a feature's name in lower case. Identifier and event time say nothing of anybody, and collections of numbers
are left out; texts of a list or set are joined by `|`, as in tables of users and items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from endcap.features.groups import Feature, FeatureGroup
from endcap.features.offline import Lookup, join
from endcap.features.online import Values
from endcap.lake.tables import Lake

Known = str | int | float
_CUT, _JOIN = "_cut", "|"


def known_of(group: FeatureGroup, values: Values) -> dict[str, Known]:
    """By column, what one record says; without what is missing, or fits the group no more."""
    typed = group.columns(values)
    told = {each.name.lower(): typed.get(each.name) for each in _telling(group)}
    return {
        name: _JOIN.join(value) if isinstance(value, list) else value
        for name, value in told.items()
        if value is not None
    }


def with_records(
    lake: Lake, known: pa.Table | None, ids: pa.Array, key: str, groups: Sequence[FeatureGroup], cut: int
) -> pa.Table:
    """`known`, whose rows are those of `ids`, with the newest record of each id up to `cut` (microseconds) laid over
    it: where a record says something, that counts, of several groups what the last says."""
    ids = ids.cast(pa.string())
    table = pa.table({key: ids}) if known is None else known
    spine = pa.table({key: ids, _CUT: pa.repeat(pa.scalar(cut, pa.int64()), len(ids))})
    for group in groups:
        telling = _telling(group)
        if not telling:
            continue
        found = join(lake, spine, [Lookup(group, key, tuple(each.name for each in telling), prefix="=")], time=_CUT)
        for each in telling:
            table = _laid_over(table, each.name.lower(), _plain(found[f"={each.name}"]))
    return table


def _telling(group: FeatureGroup) -> list[Feature]:
    own = (group.identifier, group.event_time)
    return [each for each in group.features if each.name not in own and (not each.collection or each.type == "String")]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join(column, _JOIN) if pa.types.is_list(column.type) else column


def _laid_over(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    names: Mapping[str, str] = {each.lower(): each for each in table.column_names}
    if name not in names:
        return table.append_column(name, column)
    before = table[names[name]]
    if before.type != column.type:
        kind = pa.float64() if _is_number(before.type) and _is_number(column.type) else pa.string()
        before, column = before.cast(kind), column.cast(kind)
    return table.set_column(table.column_names.index(names[name]), names[name], pc.coalesce(column, before))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
