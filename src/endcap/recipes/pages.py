"""The guide's page of recipes, written from the recipes themselves."""

from __future__ import annotations

import inspect
from typing import Any

from endcap.recipes import RECIPES, recipe_class

HEAD = """# Recipes

A recipe is an algorithm with its settings. All take the live history of the shopper, so a click changes the next answer
and nothing is retrained for it; strangers get what is popular. Train one with
`endcap train --recipe NAME --set key=value`, judge it with `endcap evaluate --recipe NAME`,
or in Python with `endcap.evaluate("NAME", train, test)`.

This page is written by `python -m endcap.recipes.pages > docs/guide/recipes.md`; a test fails when it is old.

| recipe | what it is | use it when |
|---|---|---|
"""

USE: dict[str, str] = {
    "action-rate": "actions (subscribe, take an offer) are to be suggested, and answers to them are recorded",
    "affinity": "the question is who, not what: segments of shoppers for an item or a kind of items",
    "als": "many shoppers, many items, and vectors are wanted, for an index or as features",
    "blend": "first: it learns from your data which of the others to trust, for repeat purchases and for new items",
    "content": "items say what they are in words, and many are new",
    "ease": "a catalogue of up to about ten thousand items with plenty of interactions and little trend",
    "graph-filter": "there are no times, or tastes are stable: the strongest recipe here on Gowalla",
    "item-item": "related items and baskets; reasons that can be said; fashion that changes by the week",
    "popularity": "a baseline beside every other number, or a list of best sellers",
    "ranked": "clicks and carts are recorded: what a shopper does now, and what is known of items, decides the order",
    "related": "one item is asked about: also viewed, also bought",
    "repeat": "shoppers buy the same things again: groceries, wholesale, consumables",
    "trending": "a shelf of what sells better than it used to, for shoppers nothing is known of",
    "updated": "never by hand: it is what `trainingMode` UPDATE makes of a trained model",
}
"""When to use each recipe."""


def page() -> str:
    """The page as Markdown: one section per recipe, its formula, and its settings."""
    rows = [f"| [`{name}`](#{name}) | {recipe_class(name).title} | {USE[name]} |" for name in sorted(RECIPES)]
    return HEAD + "\n".join(rows) + "\n" + "".join(f"\n{_section(name)}" for name in sorted(RECIPES))


def _section(name: str) -> str:
    kind = recipe_class(name)
    lines = [
        f"## {name}",
        "",
        f"{kind.title}. Reason shown: *{kind.reason}*. Use it when: {USE[name]}.",
        "",
        inspect.cleandoc(kind.__doc__ or ""),
        "",
        "| setting | default | range | meaning |",
        "|---|---|---|---|",
        *(_setting(field) for field in kind.hyper_parameters()),
    ]
    return "\n".join(lines) + "\n"


def _setting(field: Any) -> str:
    made: Any = field.default
    low, high = field.metadata.get("low"), field.metadata.get("high")
    bounds = "" if low is None and high is None else f"{'' if low is None else low} … {'' if high is None else high}"
    return f"| `{field.name}` | {made} | {bounds.strip()} | {field.metadata['doc']} |"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
