"""Checks of who and what: ids that meet nothing, users and items with too little, the minimum to learn from."""

from __future__ import annotations

from collections.abc import Iterator

from endcap.lake.checks.finding import Finding, of
from endcap.lake.checks.view import TablesView

LEAST_INTERACTIONS = 1000
LEAST_USERS = 25
"""Personalize's minima, below which it refuses to train: this many users with two interactions or more."""


def minimum(view: TablesView) -> Iterator[Finding]:
    """Whether there is enough to learn from."""
    if view.n_interactions < LEAST_INTERACTIONS:
        yield Finding(
            "few-interactions",
            "problem",
            f"There are {view.n_interactions:,} interactions, fewer than {LEAST_INTERACTIONS:,}.",
            "Below that, what shoppers have in common is mostly chance, and Personalize would refuse to train.",
            "Import a longer period, or more event types such as views.",
            view.n_interactions,
            LEAST_INTERACTIONS,
        )
    users = view.number("SELECT count(*) FROM per_user WHERE events >= 2")
    if users < LEAST_USERS:
        yield Finding(
            "few-users",
            "problem",
            f"Dataset has fewer than {LEAST_USERS} users with at least 2 interactions each: {users}.",
            "Taste shows only in users who come back; Personalize would refuse to train.",
            "Import a longer period, and check that the user id is the shopper's and not the order's or the session's.",
            users,
            LEAST_USERS,
        )


def unknown_items(view: TablesView) -> Iterator[Finding]:
    """Interactions with items that the catalogue does not have."""
    if "items" not in view.columns:
        yield Finding(
            "no-catalogue",
            "info",
            "There is no items table.",
            "Names, prices and categories are missing: nothing to filter on, to show, or to recommend new items by.",
            "Import the catalogue: endcap import FILE, with ITEM_ID and whatever else the shop knows.",
        )
        return
    yield from _unknown(view, "item", "items", "catalogue")


def unknown_users(view: TablesView) -> Iterator[Finding]:
    """Interactions by users that the users table does not have."""
    if "users" in view.columns:
        yield from _unknown(view, "user", "users", "users table")


def _unknown(view: TablesView, one: str, table: str, name: str) -> Iterator[Finding]:
    missing = f"SELECT {one}_id, events FROM per_{one} ANTI JOIN {table} USING ({one}_id)"
    ids, count = view.row(f"SELECT count(*), coalesce(sum(events), 0) FROM ({missing})")
    if not ids:
        return
    examples = view.rows(f"SELECT {one}_id FROM ({missing}) ORDER BY events DESC, {one}_id LIMIT 5")
    bare = "lower(ltrim(trim({}), '0'))"
    alike = view.number(
        f"SELECT count(*) FROM ({missing}) m WHERE {bare.format(f'm.{one}_id')} IN "
        f"(SELECT {bare.format(f'{one}_id')} FROM {table})"
    )
    hint = f" {alike:,} of them differ only in case, blanks or leading zeros." if alike else ""
    total = view.n_interactions
    severity = "info" if one == "user" or count <= 0.01 * total else "problem" if count > 0.5 * total else "warning"
    yield Finding(
        f"unknown-{one}s",
        "warning" if one == "user" and count > 0.9 * total else severity,  # type: ignore[arg-type]
        f"{ids:,} {one}s in {of(int(count), total, 'interactions')} are not in the {name}.{hint}",
        "They are recommended without name, price or category, and every filter on those hides them."
        if one == "item"
        else "Nothing is known of them but what they did.",
        f"Import the {table} they belong to; if most are unknown, the two files number their {one}s differently.",
        int(count),
        total,
        tuple(str(row[0]) for row in examples),
    )


def thin_users(view: TablesView) -> Iterator[Finding]:
    """Users of whom only one event is known."""
    count = view.number("SELECT count(*) FROM per_user WHERE events = 1")
    if count > 0.1 * view.n_users:
        yield Finding(
            "one-event-users",
            "warning" if count > 0.6 * view.n_users else "info",
            f"{of(count, view.n_users, 'users')} have a single interaction.",
            "One event says little of a taste; they get what goes with that one item, and popular items.",
            "Add weaker signals such as views and carts. If nearly all are so, the id may be a session's.",
            count,
            view.n_users,
        )


def thin_items(view: TablesView) -> Iterator[Finding]:
    """Items seen once, and catalogue items never seen."""
    once = view.number("SELECT count(*) FROM per_item WHERE events = 1")
    if once > 0.1 * view.n_items:
        yield Finding(
            "one-event-items",
            "info",
            f"{of(once, view.n_items, 'items with interactions')} have a single one.",
            "Behaviour cannot place them; they are found through their category and description only.",
            "Import descriptions and categories, so that content can stand in for behaviour.",
            once,
            view.n_items,
        )
    if "items" not in view.columns:
        return
    total = view.number("SELECT count(*) FROM items")
    never = view.number("SELECT count(*) FROM items ANTI JOIN per_item USING (item_id)")
    if never > 0.05 * total:
        yield Finding(
            "cold-items",
            "info",
            f"{of(never, total, 'catalogue items')} have no interaction at all.",
            "New or forgotten: models of behaviour never show them, so they stay unseen.",
            "Exploration and content recipes reach them; take items off the catalogue that are no longer sold.",
            never,
            total,
        )
