"""Whether a filter fits a shop: its fields exist, and take these operators and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from endcap.errors import InputError
from endcap.lake.schemas import RECORDS, DatasetKind, Field, Schema
from endcap.serving.filters.tree import (
    REFUSED,
    Anything,
    Condition,
    Filter,
    Number,
    OfCurrentItem,
    Operator,
    Parameter,
    Texts,
    Truth,
)

Sort = Literal["text", "number", "boolean"]
"""What a field holds, as far as operators care."""

MOST_FIELDS = 10
RELATED = "RELATED_ITEMS"
"""The type of recipes that may be asked with CurrentItem."""
SORTS: Mapping[str, Sort] = {
    "string": "text",
    "boolean": "boolean",
    **dict.fromkeys(("int", "long", "float", "double"), "number"),
}
TAKES: Mapping[Sort, tuple[Operator, ...]] = {
    "text": ("IN", "NOT IN", "=", "!="),
    "number": ("=", "!=", "<", "<=", ">", ">="),
    "boolean": ("=", "!="),
}
_EXAMPLES: Mapping[Sort, str] = {"text": 'a text such as "shoe"', "number": "a number", "boolean": "TRUE or FALSE"}


def check(parsed: Filter, schemas: Mapping[DatasetKind, Schema], recipe_type: str | None = None) -> None:
    """Raise `InputError`, in the service's words, for the first thing that does not fit these schemas.

    `recipe_type` is that of the recipe it is to be used with, where that is known.
    """
    if len(parsed.fields) > MOST_FIELDS:
        raise InputError(f"{REFUSED}It uses {len(parsed.fields)} distinct fields, at most {MOST_FIELDS} are allowed.")
    if parsed.uses_current_item:
        try:
            check_current_item(recipe_type)
        except InputError as error:
            raise InputError(f"{REFUSED}{error.message}", fix=error.fix) from None
    for rule in parsed.rules:
        for condition in rule.conditions():
            _check(condition, schemas)


def check_current_item(recipe_type: str | None) -> None:
    """Raise `InputError` for a recipe whose requests have no current item; None is one that is not known."""
    if recipe_type not in (None, RELATED):
        raise InputError(
            f"CurrentItem can be used with recipes for related items only, this one is {recipe_type}.",
            fix="Use a recipe of the type RELATED_ITEMS, or compare with a value or a parameter.",
        )


def _check(condition: Condition, schemas: Mapping[DatasetKind, Schema]) -> None:
    value = condition.value
    if isinstance(value, Anything):
        if condition.dataset not in schemas:
            raise _no_dataset(condition, condition.dataset)
        return
    field = _field(condition, condition.dataset, condition.field, schemas)
    sort = SORTS[field.type]
    if condition.operator not in TAKES[sort]:
        takes = " ".join(TAKES[sort])
        raise _wrong(
            condition, f"A field of the type {field.type} cannot take {condition.operator}, expected one of {takes}"
        )
    if isinstance(value, OfCurrentItem):
        other = _field(condition, "items", value.field, schemas)
        if SORTS[other.type] != sort or other.is_time != field.is_time:
            expected = "a time" if field.is_time else _EXAMPLES[sort]
            raise _wrong(condition, f"It cannot be compared with CurrentItem.{other.name}, expected {expected}")
    elif not isinstance(value, Parameter) and sort_of(value) != sort:
        raise _wrong(condition, f"It is of the type {field.type}, expected {_EXAMPLES[sort]}, found {_written(value)}")


def sort_of(value: Texts | Number | Truth) -> Sort:
    """The sort of field that a written value is compared with."""
    if isinstance(value, Texts):
        return "text"
    return "number" if isinstance(value, Number) else "boolean"


def _field(condition: Condition, dataset: DatasetKind, column: str, schemas: Mapping[DatasetKind, Schema]) -> Field:
    if dataset not in schemas:
        raise _no_dataset(condition, dataset)
    fields = {field.column: field for field in schemas[dataset].fields}
    if column not in fields:
        known = ", ".join(sorted(field.name for field in fields.values()))
        raise InputError(
            f"{REFUSED}Invalid input symbol: {condition.shown} at position {condition.position}. "
            f"{RECORDS[dataset]} has no field {column.upper()}; its fields are {known}."
        )
    return fields[column]


def _no_dataset(condition: Condition, dataset: DatasetKind) -> InputError:
    return InputError(
        f"{REFUSED}Invalid input symbol: {condition.shown} at position {condition.position}. "
        f"The dataset group has no {RECORDS[dataset]} dataset.",
        fix="Create the dataset first.",
    )


def _wrong(condition: Condition, what: str) -> InputError:
    return InputError(f"{REFUSED}Invalid input symbol: {condition.shown} at position {condition.position}. {what}.")


def _written(value: Texts | Number | Truth) -> str:
    if isinstance(value, Texts):
        return ", ".join(f'"{each}"' for each in value.values)
    return str(value.value).upper()
