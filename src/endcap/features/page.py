"""The page of ranking features, written from their table."""

from __future__ import annotations

from endcap.features.kinds import KIND_NAMES, NAMED
from endcap.features.shop import FEATURES

_INTRODUCTION = """# Ranking features

What a ranker is told of each candidate, in the order of its columns; written by `endcap.features.page.render()`, and a
test keeps this page equal to it. The same code gives the values from which a ranker learns and those that it is asked
about, and `endcap features` compares the two on logged answers.

Unknown is NaN. What is counted over the whole shop ends at the last whole minute that is over for ten seconds; what is
read from the shopper's own history (the newest 512 events that say interest) goes up to the moment itself. A session
ends after a pause of 30 minutes. *Live* features read the session, the last minutes or the last hour.
"""


def render() -> str:
    """As Markdown: the features, then the event types and what they mean here."""
    lines = [
        _INTRODUCTION,
        f"## The {len(FEATURES)} features",
        "",
        "| feature | of | live | what it is |",
        "|---|---|---|---|",
    ]
    for each in FEATURES:
        lines.append(f"| `{each.name}` | {each.key} | {'yes' if each.live else ''} | {each.doc} |")
    lines += ["", "## Event types", ""]
    lines += ["Compared without case and punctuation; no type at all means a purchase.", ""]
    lines += ["| kind | event types |", "|---|---|"]
    for kind, name in enumerate(KIND_NAMES):
        types = ", ".join(f"`{text}`" for text, meant in NAMED.items() if meant == kind)
        lines.append(f"| {name} | {types or 'any other'} |")
    return "\n".join(lines) + "\n"
