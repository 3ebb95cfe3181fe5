"""Mappings as SQL: one expression per field, one condition per reason for which a row is rejected.

Every name is quoted and every value escaped here; a mapping can name columns but never add syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from endcap.errors import SchemaError
from endcap.lake.importers.mapping import Condition, Scalar, TableMapping, Value
from endcap.lake.importers.times import TimeReading
from endcap.lake.schemas import Field, Schema

MAX_ID = 256
SQL_TYPES = {"string": "VARCHAR", "int": "INTEGER", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE"}
SQL_TYPES |= {"boolean": "BOOLEAN"}
_REAL = ("float", "double")
_EXPECTED = {"int": "a whole number", "long": "a whole number", "boolean": "true or false"}
_PLACE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Check:
    """Why a row is rejected: `condition` is SQL over the fields, `column` the field it is about."""

    reason: str
    column: str
    condition: str


@dataclass(frozen=True)
class Columns:
    """The columns of one source: name -> DuckDB type; looked up without case and punctuation."""

    types: Mapping[str, str]

    def find(self, names: tuple[str, ...]) -> str | None:
        """The first of the names that is there."""
        exact = next((name for name in names if name in self.types), None)
        if exact is not None:
            return exact
        plain = {_plain(name): name for name in reversed(list(self.types)) if not name.startswith("_")}
        return next((plain[_plain(name)] for name in names if _plain(name) in plain), None)


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Scalar) -> str:
    """An SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + value.replace("'", "''").replace("\0", "") + "'"


def mapped(field: str) -> str:
    """The name that a mapped field has beside the source's columns."""
    return quoted(f"field:{field}")


def origins(value: Value) -> list[tuple[str, ...]]:
    """The alternatives for every source column that a value needs."""
    if value.column:
        return [value.column]
    names = value.divide or value.total or tuple(_PLACE.findall(value.template))
    return [(name,) for name in names]


def resolves(value: Value, columns: Columns) -> bool:
    """Whether the source has what the value needs; a template or a total needs any one of its columns."""
    found = [columns.find(names) is not None for names in origins(value)]
    return any(found) if value.template or value.total else all(found)


def missing_fields(table: TableMapping, schema: Schema, columns: Columns) -> list[str]:
    """Required fields for which the source has no column."""
    return [name for name in schema.required if name not in table.fields or not resolves(table.fields[name], columns)]


def needed_columns(table: TableMapping, columns: Columns) -> list[str]:
    """The source columns that the mapping reads."""
    found = [columns.find(names) for value in table.fields.values() for names in origins(value)]
    return list(dict.fromkeys(name for name in found if name is not None))


def source_text(value: Value, columns: Columns) -> str:
    """SQL of a value as text, before its conversion to the field's type; empty text is NULL."""
    if value.constant is not None:
        return literal(str(value.constant))
    if value.template:
        text = _template(value.template, columns)
    elif value.divide or value.total:
        return f"CAST({_arithmetic(value, columns)} AS VARCHAR)"
    else:
        text = _column_text(columns, value.column)
    if value.whole and columns.types.get(columns.find(value.column) or "") == "VARCHAR":
        text = f"regexp_replace({text}, '^([0-9]+)\\.0$', '\\1')"
    if value.extract:
        text = f"nullif(regexp_extract({text}, {literal(value.extract)}, 1), '')"
    if value.split:
        trimmed = f"list_transform(string_split({text}, {literal(value.split)}), lambda x: trim(x))"
        pieces = f"list_filter({trimmed}, lambda x: x <> '')"
        text = f"array_to_string({pieces}, '|')"
    if value.patterns:
        cases = " ".join(
            f"WHEN regexp_matches({text}, {literal(pattern)}) THEN {literal(result)}"
            for pattern, result in value.patterns.items()
        )
        text = f"CASE {cases} ELSE {text if value.otherwise is None else literal(value.otherwise)} END"
    return _styled(text, value.style)


def typed(value: Value, field: Field, columns: Columns, time: TimeReading | None) -> str:
    """SQL of a field's value in its own type; NULL where it is empty or does not fit."""
    if field.is_time:
        assert time is not None
        return time.sql(quoted(columns.find(value.column) or "") if value.column else source_text(value, columns))
    if field.type == "string":
        return source_text(value, columns)
    if value.divide or value.total:
        return f"CAST({_arithmetic(value, columns)} AS {SQL_TYPES[field.type]})"
    name = columns.find(value.column) if value.column else None
    as_is = not value.patterns and not value.extract and not value.style
    if name and as_is and _fits(columns.types[name], field.type):
        return f"CAST({quoted(name)} AS {SQL_TYPES[field.type]})"
    if name and as_is and field.type in _REAL and columns.types[name] in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isfinite({quoted(name)}) THEN CAST({quoted(name)} AS {SQL_TYPES[field.type]}) END"
    return _number(source_text(value, columns), field.type)


def checks(table: TableMapping, schema: Schema, columns: Columns, times: Mapping[str, TimeReading]) -> list[Check]:
    """All reasons for which a row of this source may be rejected; the first that holds is given."""
    found: list[Check] = []
    for field in schema.fields:
        value = table.fields.get(field.name)
        if value is None or not resolves(value, columns):
            continue
        found += _type_checks(field, value, columns, times)
    for rule in table.rules:
        if resolves(table.fields[rule.keep.field], columns):
            kept = _holds(rule.keep, schema)
            if rule.unless and resolves(table.fields[rule.unless.field], columns):
                kept = f"({kept} OR {_holds(rule.unless, schema)})"
            found.append(Check(rule.reason, rule.keep.field, f"NOT {kept}"))
    return found


def _type_checks(field: Field, value: Value, columns: Columns, times: Mapping[str, TimeReading]) -> list[Check]:
    here, text = mapped(field.name), _given(value, columns)
    found = []
    if not field.nullable and value.constant is None:
        reason = value.empty or f"{field.name} is empty"
        found.append(Check(reason, field.name, f"{here} IS NULL AND {text} IS NULL"))
    if field.is_time:
        found.append(Check(times[field.name].misfit(field.name), field.name, f"{here} IS NULL AND {text} IS NOT NULL"))
    elif field.type != "string" and not (value.divide or value.total or value.constant is not None):
        expected = _EXPECTED.get(field.type, "a finite number")
        found.append(Check(f"{field.name} is not {expected}", field.name, f"{here} IS NULL AND {text} IS NOT NULL"))
    if field.name.endswith("_ID") and not field.nullable:
        found.append(Check(f"{field.name} is longer than {MAX_ID}", field.name, f"length({here}) > {MAX_ID}"))
        found.append(Check(f"{field.name} holds a NUL byte", field.name, f"contains({here}, chr(0))"))
    return found


def _given(value: Value, columns: Columns) -> str:
    name = columns.find(value.column) if value.column else None
    if value.patterns or value.extract:  # what they leave nothing of was not meant to be a value
        return f"nullif({source_text(value, columns)}, '')"
    if name is None:
        return source_text(value, columns)
    if columns.types[name] == "VARCHAR":
        return f"nullif(trim({quoted(name)}), '')"
    return quoted(name)


def _holds(condition: Condition, schema: Schema) -> str:
    here = mapped(schema[condition.field].name)
    if condition.op == "present":
        return f"({here} IS NOT NULL)"
    if condition.op == "matches":
        return f"coalesce(regexp_matches({here}, {literal(_scalar(condition))}), false)"
    if condition.op == "in":
        values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        return f"coalesce({here} IN ({', '.join(literal(value) for value in values)}), false)"
    return f"coalesce({here} {condition.op} {literal(_scalar(condition))}, false)"


def _scalar(condition: Condition) -> Scalar:
    if isinstance(condition.value, tuple):
        raise SchemaError(f'The rule on {condition.field} compares with a list; use op = "in".')
    return condition.value


def _column_text(columns: Columns, names: tuple[str, ...]) -> str:
    name = columns.find(names)
    if name is None:
        return "NULL"
    kind, here = columns.types[name], quoted(name)
    if kind.endswith("[]"):
        return f"array_to_string({here}, '|')"
    if kind in ("DOUBLE", "FLOAT"):  # whole numbers that pandas turned into floats for want of a null
        whole = f"abs({here}) < 9e15 AND {here} = trunc({here})"
        return f"CASE WHEN {whole} THEN CAST(CAST({here} AS BIGINT) AS VARCHAR) ELSE CAST({here} AS VARCHAR) END"
    if kind == "BLOB":
        return f"nullif(trim(decode({here})), '')"
    if kind == "VARCHAR":
        return f"nullif(trim({here}), '')"
    return f"CAST({here} AS VARCHAR)"


def _template(template: str, columns: Columns) -> str:
    pieces = []
    for piece in template.split(","):
        parts, end = [], 0
        for match in _PLACE.finditer(piece):
            parts += [literal(piece[end : match.start()].lstrip() if not end else piece[end : match.start()])]
            parts += [_column_text(columns, (match[1],))]
            end = match.end()
        pieces.append(" || ".join([*parts, literal(piece[end:].rstrip())]))
    return f"nullif(concat_ws(', ', {', '.join(pieces)}), '')"


def _arithmetic(value: Value, columns: Columns) -> str:
    def number(name: str) -> str:
        column = columns.find((name,))
        if column is None:
            return "NULL"
        return (
            _number(_column_text(columns, (column,)), "double")
            if columns.types[column] == "VARCHAR"
            else quoted(column)
        )

    if value.divide:
        over, under = (number(name) for name in value.divide)
        return f"CASE WHEN {under} = 0 THEN {over} ELSE {over} / {under} END"
    return " + ".join(f"coalesce({number(name)}, 0)" for name in value.total)


def _number(text: str, kind: str) -> str:
    if kind in ("int", "long"):
        whole = f"regexp_full_match({text}, '[+-]?[0-9]+(\\.0*)?')"
        return f"CASE WHEN {whole} THEN TRY_CAST({text} AS {SQL_TYPES[kind]}) END"
    if kind == "boolean":
        return f"TRY_CAST({text} AS BOOLEAN)"
    number = f"TRY_CAST({text} AS {SQL_TYPES[kind]})"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _fits(source: str, kind: str) -> bool:
    integers = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT")
    wide = {"long": (*integers, "UINTEGER", "BIGINT"), "int": integers, "boolean": ("BOOLEAN",)}
    return source in wide.get(kind, (*integers, "UINTEGER", "BIGINT", "UBIGINT")) or (
        kind in _REAL and source.startswith("DECIMAL")
    )


def _styled(text: str, style: str) -> str:
    if style == "title":
        words = f"string_split(lower({text}), ' ')"
        return f"array_to_string(list_transform({words}, lambda w: upper(w[1:1]) || w[2:]), ' ')"
    if style == "plain":
        return _without_markup(text)
    if style == "money":
        return _amount(text)
    return f"{style}({text})" if style else text


def _without_markup(text: str) -> str:
    bare = f"regexp_replace({text}, '<(script|style)[^>]*>.*?</(script|style)>|<[^>]*>', ' ', 'gis')"
    for entity, sign in (
        ("&nbsp;", " "),
        ("&quot;", '"'),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ):
        bare = f"replace({bare}, {literal(entity)}, {literal(sign)})"
    return f"nullif(trim(regexp_replace({bare}, '\\s+', ' ', 'g')), '')"


def _amount(text: str) -> str:
    """What is written with one point is read as it is; otherwise the last mark before two digits is the decimal one."""
    digits = f"rtrim(regexp_extract({text}, '-?[0-9][0-9.,'' ]*'), '., ')"
    bare = f"regexp_replace({digits}, '['' ]', '', 'g')"
    cents = "'^(.*)[.,]([0-9]{1,2})$'"
    whole = f"regexp_replace(regexp_extract({bare}, {cents}, 1), '[.,]', '', 'g')"
    return (
        f"CASE WHEN {bare} = '' THEN {text} WHEN regexp_full_match({bare}, '-?[0-9]+[.][0-9]+') THEN {bare}"
        f" WHEN regexp_matches({bare}, {cents}) THEN {whole} || '.' || regexp_extract({bare}, {cents}, 2)"
        f" ELSE regexp_replace({bare}, '[.,]', '', 'g') END"
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()) or name
