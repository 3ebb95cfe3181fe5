"""The description of our own JSON API (OpenAPI 3.1), from which the pages' client is generated.

`python -m endcap.api.console.openapi FILE` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from endcap import __version__
from endcap.api.console.operation import Operation
from endcap.api.console.tables import described

REF = "#/components/schemas/{name}"
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole description as JSON-able data."""
    types = [kind for each in operations for kind in (each.asks, each.answers) if kind is not None]
    schemas, components = msgspec.json.schema_components(dict.fromkeys(types), ref_template=REF)
    named = dict(zip(dict.fromkeys(types), schemas, strict=True))
    paths: dict[str, Any] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _described(each, named, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Endcap",
            "version": __version__,
            "description": "What the storefront and the console speak.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _described(operation: Operation, named: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    parameters = [_in_path(name) for name in _placeholders(operation.path)]
    said: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    is_query = operation.method in ("GET", "DELETE") or bool(operation.types)
    if operation.asks is not None and is_query:
        schema = components[operation.asks.__name__]
        required = schema.get("required", ())
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": value}
            for name, value in schema["properties"].items()
        ]
    elif operation.asks is not None:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": named[operation.asks]}}}
    if operation.types:
        content = {kind.decode(): _BINARY for kind in operation.types}
        said["requestBody"] = {"required": True, "content": content}
    if parameters:
        said["parameters"] = parameters
    content = {"application/json": {"schema": named[operation.answers]}}
    said["responses"] = {"200": {"description": "What was asked for.", "content": content}}
    return said


def _placeholders(path: str) -> list[str]:
    return [segment[1:-1] for segment in path.split("/") if segment.startswith("{")]


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def main() -> None:
    """Write the description where the first argument says."""
    Path(sys.argv[1]).write_bytes(msgspec.json.format(msgspec.json.encode(document(described())), indent=2) + b"\n")


if __name__ == "__main__":
    main()
