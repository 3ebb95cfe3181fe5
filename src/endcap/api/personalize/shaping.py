"""Answers from botocore's output shapes: a record's members under the wire's names, only those that the shape has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from endcap.registry.resources import Resource

_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": bool,
    "string": str,
    # Microseconds inside, seconds on the wire, to the millisecond as the service gives them.
    "timestamp": lambda micros: int(micros) // 1000 / 1000,
}


def shaped(value: Any, shape: Shape) -> Any:
    """A value as the shape has it: unknown members, nulls and numbers that are none left out."""
    if isinstance(shape, StructureShape):
        kept = {name: member for name, member in shape.members.items() if _is_there(value.get(name))}
        return {name: shaped(value[name], member) for name, member in kept.items()}
    if isinstance(shape, ListShape):
        return [shaped(each, shape.member) for each in value if _is_there(each)]
    if isinstance(shape, MapShape):
        return {name: shaped(each, shape.value) for name, each in value.items() if _is_there(each)}
    return _SCALARS[shape.type_name](value)


def camel(kind: str) -> str:
    """`dataset-import-job` as members are named: `datasetImportJob`."""
    first, *others = kind.split("-")
    return first + "".join(word.title() for word in others)


def described(resource: Resource) -> dict[str, Any]:
    """What can be said of a resource: its document without private members, and what its row's columns say."""
    public = {name: value for name, value in resource.document.items() if not name.startswith("_")}
    return public | {
        f"{camel(resource.kind)}Arn": resource.arn,
        "status": resource.status,
        "creationDateTime": resource.created,
        "lastUpdatedDateTime": resource.updated,
    }


def _is_there(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))
