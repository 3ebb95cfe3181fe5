"""Endcap: the open recommendation engine for online shops.

The names below are the public surface; each is imported when it is first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "AccountKey": "endcap.types:AccountKey",
    "Dataset": "endcap.lake.dataset:Dataset",
    "EndcapError": "endcap.errors:EndcapError",
    "Event": "endcap.stream.records:Event",
    "InputError": "endcap.errors:InputError",
    "Lake": "endcap.lake.tables:Lake",
    "Queries": "endcap.recipes.queries:Queries",
    "Query": "endcap.types:Query",
    "Ranking": "endcap.types:Ranking",
    "Recipe": "endcap.recipes.base:Recipe",
    "Settings": "endcap.settings:Settings",
    "ShopKey": "endcap.types:ShopKey",
    "create": "endcap.recipes:create",
    "evaluate": "endcap.evaluation.evaluate:evaluate",
    "load_settings": "endcap.settings:load_settings",
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"endcap has no {name!r}; it has {', '.join(__all__)}")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
