"""Several recipes asked the same questions, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from endcap.errors import EndcapError, InputError
from endcap.recipes import create


class Found(Protocol):
    """What was found of one recipe: `evaluate.Result`, `click.ClickResult`."""

    def json(self) -> dict[str, Any]: ...


R = TypeVar("R", bound=Found)


@dataclass(frozen=True)
class Comparison(Generic[R]):
    """What was found of each recipe, in the order asked for."""

    results: tuple[R, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Recipes that refused the data, with the reason."""

    def json(self) -> dict[str, Any]:
        """The document that `endcap evaluate --json` prints where several recipes are judged."""
        return {"results": [result.json() for result in self.results], "skipped": dict(self.skipped)}


def checked(recipes: Sequence[str], settings: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The recipes, each once, before hours are spent on the first of them.

    Raises `UnknownName` for a recipe or hyper-parameter that does not exist, `InputError` for a value out of range and
    for hyper-parameters of several recipes.
    """
    names = tuple(dict.fromkeys(recipes))
    if settings and len(names) != 1:
        raise InputError(
            f"Hyper-parameters ({', '.join(settings)}) are one recipe's, and {len(names)} are judged: "
            f"{', '.join(names)}.",
            fix="Judge one recipe with them: --recipe NAME --set key=value.",
        )
    for name in names:
        create(name, settings)
    return names


def several(recipes: Sequence[str], judge: Callable[[str], R]) -> Comparison[R]:
    """Ask `judge` for what it finds of each. One that refuses the data is left out, unless none is left: then what the
    first one said is raised."""
    results: list[R] = []
    refused: dict[str, EndcapError] = {}
    for name in recipes:
        try:
            results.append(judge(name))
        except EndcapError as error:
            refused[name] = error
    if not results:
        raise next(iter(refused.values()))
    return Comparison(tuple(results), {name: str(error) for name, error in refused.items()})
