"""The mapping table as a page of the reference, written from the data itself."""

from __future__ import annotations

from endcap.stream.dialects import Dialect, dialects
from endcap.stream.dialects.paths import ROOTS, Path

_HEAD = """# What `/collect` understands

Written from `stream/dialects/dialects.toml`; `make verify` keeps this page equal to it. A path is looked up in the
event's item (`item.`), in the event (`event.`) or in the whole call (`call.`); the first that holds something counts.
Times may be ISO 8601 or numbers, whose size tells seconds, milliseconds and microseconds apart where the unit is not
fixed. Events of other names are taken under their own name where they name an item, else they are not ours and are
counted as ignored. How to send: `docs/guide/collect.md`.
"""


def render() -> str:
    """The page, as Markdown."""
    return _HEAD + "\n".join(_section(each) for each in dialects().values())


def _section(each: Dialect) -> str:
    lines = ["", f"## {each.title}", "", f"`{each.key}`. {each.about}", ""]
    rows = {"event type": each.name, "items": each.items, **each.fields, **each.columns}
    lines += ["| ours | theirs |", "|---|---|"]
    lines += [f"| `{name}` | {', '.join(f'`{_text(path)}`' for path in paths)} |" for name, paths in rows.items()]
    if each.types:
        lines += ["", "| their event | our type |", "|---|---|"]
        lines += [f"| `{theirs}` | `{ours}` |" for theirs, ours in each.types.items()]
    return "\n".join(lines) + "\n"


def _text(path: Path) -> str:
    place = ".".join((ROOTS[path.root], *path.keys))
    return f"{place} ({path.unit})" if path.unit else place
