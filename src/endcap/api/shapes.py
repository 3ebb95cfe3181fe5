"""Typed requests from botocore's own service models: what AWS documents is what is checked."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import msgspec
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

from endcap.api.wire import invalid

_SCALARS: dict[str, Any] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": bool,
    "string": str,
    "timestamp": float | str,
    "blob": str,
}


_SHAPES: dict[type[Any], StructureShape] = {}


@cache
def service(name: str) -> ServiceModel:
    """The service model that botocore ships, for example of `personalize-runtime`."""
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def request_type(service_name: str, operation: str) -> type[Any]:
    """A msgspec Struct with the operation's input members; optional ones are None where absent."""
    shape = service(service_name).operation_model(operation).input_shape
    kind = _struct(shape)
    _SHAPES[kind] = shape
    return kind


def convert(value: Any, kind: type[Any]) -> Any:
    """A decoded JSON value as a request. Raises `Refusal` (400) naming every wrong member and its constraint."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # Msgspec stops at the first fault and is quick; the slower reader names them all.
        from endcap.api.personalize.validation import validated  # noqa: PLC0415 - it reads shapes of this module

        validated(value, _SHAPES[kind])
        said, _, place = str(error).partition(" - at ")
        where = place.strip("`").removeprefix("$").removeprefix(".")
        at = f"Value at '{where}' failed to satisfy constraint: " if where else ""
        raise invalid(f"1 validation error detected: {at}{said}.") from None


def _struct(shape: StructureShape) -> type[Any]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, member in shape.members.items():
        kind = _type(member)
        fields.append((name, kind) if name in shape.required_members else (name, kind | None, None))
    return msgspec.defstruct(shape.name, fields, kw_only=True, frozen=True, gc=False)


def _type(shape: Shape) -> Any:
    limits = shape.metadata
    low, high = limits.get("min"), limits.get("max")
    if isinstance(shape, StructureShape):
        return _struct(shape)
    if isinstance(shape, ListShape):
        several: Any = list.__class_getitem__(_type(shape.member))
        return Annotated[several, msgspec.Meta(min_length=low, max_length=high)]
    if isinstance(shape, MapShape):
        entries: Any = dict.__class_getitem__((_type(shape.key), _type(shape.value)))
        return Annotated[entries, msgspec.Meta(min_length=low, max_length=high)]
    scalar = _SCALARS[shape.type_name]
    if isinstance(shape, StringShape) or scalar is str:
        pattern = limits.get("pattern")
        whole = None if pattern is None else rf"\A(?:{pattern})\Z"
        return Annotated[str, msgspec.Meta(min_length=low, max_length=high, pattern=whole)]
    return Annotated[scalar, msgspec.Meta(ge=low, le=high)] if (low, high) != (None, None) else scalar
