"""The reference page of recipes: what each is, its formula and settings, when to use it, what it costs, its numbers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from endcap.recipes import RECIPES, recipe_class

HEAD = """# Recipes

A recipe is an algorithm with its settings. All take the live history of the shopper, so a click changes the next answer
and nothing is retrained for it; strangers get what is popular. How to choose, train and judge one:
[the guide](../guide/recipes.md). How to find better values: [tuning](../guide/tuning.md).

*Search* is where `endcap tune` and performHPO look for a better value. Numbers come from
[QUALITY.md](../../benchmarks/QUALITY.md), which also names protocol, command, seed and date of each; the floor is what
a simpler method gets there.

| recipe | what it is | use it when |
|---|---|---|
"""

USE: dict[str, str] = {
    "action-rate": "actions (subscribe, take an offer) are to be suggested, and answers to them are recorded",
    "affinity": "the question is who, not what: segments of shoppers for an item or a kind of items",
    "als": "many shoppers, many items, and vectors are wanted, for an index or as features",
    "also-viewed": "views are recorded, and a page of one item wants what is weighed against it",
    "blend": "first: it learns from your data which of the others to trust, for repeat purchases and for new items",
    "bought-together": "a cart or a page of one item wants what completes it; knows what the shopper buys again",
    "buy-it-again": "things run out: what a shopper had and is due to buy again, and how likely that is",
    "content": "items say what they are in words, and many are new",
    "dcn": "as deepfm, where products of three fields and more tell",
    "deepfm": "a chance is asked for, of a row of fields or of shopper × item × moment, and fields tell together",
    "ease": "a catalogue of up to about ten thousand items with plenty of interactions and little trend",
    "ensemble": "nothing tells when: tastes are stable, and ALS beside the graph filter finds a tenth more",
    "ffnn": "as deepfm: the plain network that it and dcn must beat",
    "fm": "much is known of shoppers and items beside what was taken, and a chance of each pair is asked for",
    "graph-filter": "there are no times, or tastes are stable; `ensemble` puts ALS beside it",
    "hrnn": "visits are short, shoppers come back, and what a visit is about matters more than its details",
    "hybrid": "metadata and rules are known beside interactions, and a chance of each item is asked for",
    "item-item": "related items and baskets; reasons that can be said; fashion that changes by the week",
    "knowledge": "shoppers answer questions, or the shop has rules: what must, should, should not be shown to whom",
    "next-item": "nothing is taken twice and the next click counts, histories short or long: the best of two sources",
    "popularity": "a baseline beside every other number, or a list of best sellers",
    "ranked": "clicks and carts are recorded: what a shopper does now, and what is known of items, decides the order",
    "related": "one item is asked about: also viewed, also bought",
    "repeat": "shoppers buy the same things again: groceries, wholesale, consumables",
    "rp3beta": "a quick, light relative of the graph filter is wanted: one sparse product, nothing iterated",
    "sasrec": "histories are long and their order matters: films, music, groceries, sessions with many clicks",
    "search": "words are searched for, and who searches does not matter",
    "search-personalised": "shoppers with a history search, or another engine's hits are to be put in order",
    "semantic": "texts describe items in many words for the same thing, or no two shoppers took the same",
    "session-knn": "visits are anonymous or histories short: what comes next, from earlier visits like this one",
    "steered": "never by hand: it is what a solution with an `optimizationObjective` trains around its recipe",
    "svd": "vectors are wanted at once: one decomposition, one product to fold a history in",
    "trending": "a shelf of what sells better than it used to, for shoppers nothing is known of",
    "updated": "never by hand: it is what `trainingMode` UPDATE makes of a trained model",
}
"""When to use each recipe."""

COST: dict[str, str] = {
    "action-rate": "seconds; counts answers once, then a fit of three numbers",
    "affinity": "as als; asking scores every shopper for an item",
    "als": "linear in interactions × factors² and iterations; 0.1–0.4 of `implicit`'s time on two cores",
    "blend": "the sum of its sources, each fitted twice (before and after the hold-out)",
    "bought-together": "linear in pairs within orders",
    "also-viewed": "linear in pairs within sessions",
    "buy-it-again": "linear in interactions; no product of items",
    "content": "linear in words; neighbours by blocks of items × items",
    "dcn": "passes over rows with a small network; minutes on two cores, less with a GPU",
    "deepfm": "passes over rows with a small network; minutes on two cores, less with a GPU",
    "ease": "items³ and items² × 4 bytes: seconds for 5,000 items, `max_items` bounds it",
    "ensemble": "the sum of als with 512 factors and graph-filter",
    "ffnn": "passes over rows with a small network; minutes on two cores, less with a GPU",
    "fm": "linear in the non-zero features × factors and epochs",
    "graph-filter": "the largest `rank` singular vectors, and items × items kept sparse",
    "hrnn": "passes over sequences; minutes to hours on two cores, a GPU pays",
    "hybrid": "the sum of its parts, and a small network over their scores",
    "item-item": "linear in pairs of a shopper's (capped) events; 2–4 times as fast as `implicit`",
    "knowledge": "one pass over items and histories",
    "next-item": "as sasrec, and item-item over a window",
    "popularity": "one pass over interactions",
    "ranked": "its retrieval, features of the candidates of some thousand questions, and boosted trees",
    "related": "linear in pairs of a shopper's (capped) items",
    "repeat": "one pass over interactions",
    "rp3beta": "linear in pairs of a shopper's items, rows kept sparse",
    "sasrec": "passes over sequences; minutes to hours on two cores, a GPU pays",
    "search": "one pass over words",
    "search-personalised": "as search, and the recipe that knows taste",
    "semantic": "one pass of a text model over items; neighbours by blocks of items × items",
    "session-knn": "linear in pairs of near events and of common neighbours; asking reads the capped postings",
    "steered": "that of the recipe inside",
    "svd": "the largest `rank` singular vectors of the matrix",
    "trending": "one pass over interactions",
    "updated": "one pass over what is new",
}
"""What training costs, in words; how it grows."""

FLOOR: dict[str, str] = {
    "action-rate": "the action taken most often",
    "affinity": "the most active shoppers for every item",
    "als": "popularity",
    "blend": "repeat, and each other of its sources",
    "bought-together": "the co-purchase count",
    "also-viewed": "the count of shoppers with both",
    "buy-it-again": "repeat",
    "content": "items of the same category by popularity",
    "dcn": "fm",
    "deepfm": "fm",
    "ease": "popularity",
    "ensemble": "als and graph-filter",
    "ffnn": "logistic regression",
    "fm": "the mean of the shopper; logistic regression",
    "graph-filter": "popularity",
    "hrnn": "item-item over a window",
    "hybrid": "each of its parts",
    "item-item": "the co-purchase count; popularity",
    "knowledge": "popularity among what the rules allow",
    "next-item": "sasrec, and item-item over a window",
    "popularity": "items by chance",
    "ranked": "the order of its retrieval",
    "related": "the count of shoppers with both",
    "repeat": "popularity; plain counts of one's own purchases",
    "rp3beta": "popularity; item-item by count",
    "sasrec": "item-item over a window",
    "search": "items whose name holds the words, by popularity",
    "search-personalised": "search",
    "semantic": "content",
    "session-knn": "what followed the last item most often",
    "steered": "the recipe inside: less relevance for more worth",
    "svd": "popularity",
    "trending": "popularity",
    "updated": "the model that it updates, left as it is",
}
"""The simpler method that each has to beat outside the interval, or the log says why it is worth having."""

Row = Mapping[str, Any]


def render(rows: Sequence[Row] = ()) -> str:
    """The page as Markdown, one section per recipe; `rows` are those of benchmarks/results.json."""
    table = [f"| [`{name}`](#{name}) | {recipe_class(name).title} | {USE.get(name, '')} |" for name in sorted(RECIPES)]
    return HEAD + "\n".join(table) + "\n" + "".join(f"\n{_section(name, rows)}" for name in sorted(RECIPES))


def _section(name: str, rows: Sequence[Row]) -> str:
    kind = recipe_class(name)
    lines = [
        f"## {name}",
        "",
        f"{kind.title}. Reason shown: *{kind.reason}*.",
        "",
        f"- Use it when: {USE.get(name, '')}.",
        f"- Cost of training: {COST.get(name, '')}.",
        f"- Floor: {FLOOR.get(name, '')}.",
        "",
        inspect.cleandoc(kind.__doc__ or ""),
        "",
        "| setting | default | range | search | meaning |",
        "|---|---|---|---|---|",
        *(_setting(field) for field in kind.hyper_parameters()),
        *_numbers(name, rows),
    ]
    return "\n".join(lines) + "\n"


def _setting(field: Any) -> str:
    given = field.metadata
    made: Any = field.default if isinstance(field.default, (str, int, float, type(None))) else field.default_factory()
    bounds = ", ".join(f"`{choice}`" for choice in given.get("choices") or ()) or _range(given["low"], given["high"])
    return f"| `{field.name}` | {made} | {bounds} | {_search(given)} | {given['doc']} |"


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'} … {'' if high is None else f'{high:g}'}".strip()


def _search(given: Mapping[str, Any]) -> str:
    search = given.get("search")
    if not search:
        return ""
    if isinstance(search[0], (str, bool)):
        return ", ".join(f"`{each}`" for each in search)
    return f"{search[0]:g} … {search[1]:g}{', log' if given.get('log') else ''}"


def _numbers(name: str, rows: Sequence[Row]) -> Iterator[str]:
    """The rows about this recipe: those that name it behind a dot."""
    word = re.compile(rf"· (?:.*[\s,(])?{re.escape(name)}(?![\w-])")
    mine = [row for row in rows if word.search(str(row["row"])) and row.get("low") is not None]
    if mine:
        yield from ("", "| measured | value (95 % interval) | floor |", "|---|---|---|")
    for row in mine:
        value = f"{row['measured']:.4g} ({row['low']:.4f} … {row['high']:.4f})"
        yield f"| {row['row']} | {value} | {_floors(row)} |"


def _floors(row: Row) -> str:
    detail = row.get("detail")
    floor = detail.get("floor") if isinstance(detail, Mapping) else None
    if isinstance(floor, (int, float)):
        return f"{floor:.4g}"
    if not isinstance(floor, Mapping):
        return ""
    return "; ".join(f"{name} {value:.4g}" for name, value in floor.items() if isinstance(value, (int, float)))
