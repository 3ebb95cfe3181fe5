"""Delete: asked for here, done by a job; only a schema goes at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.personalize.control.desk import Call, Handler
from endcap.api.personalize.shaping import camel


def deleter(kind: str) -> Handler:
    """Deletes a kind. What is being made is stopped; what something else uses is kept, and the user named."""
    name = f"{camel(kind)}Arn"

    def delete(call: Call) -> Mapping[str, Any]:
        call.desk.dependencies.delete(call.find(call.given[name], kind), at_once=kind == "schema")
        return {}

    return delete
