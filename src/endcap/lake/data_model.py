"""The data model: every user, item and interaction field a shop may have, and where it lives here.

`render` writes `docs/reference/data-model.md`; a test imports each field and finds it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from endcap.lake.importers.generic import HEADERS
from endcap.lake.schemas import DatasetKind
from endcap.lake.shop_schemas import SHOP


@dataclass(frozen=True)
class Home:
    """Where one field of the data model lives: in columns of datasets, in events of a type, or derived from them."""

    group: str
    field: str
    columns: tuple[tuple[DatasetKind, str], ...] = ()
    events: tuple[str, ...] = ()
    derived: str = ""


def _in(kind: DatasetKind, *names: str) -> tuple[tuple[DatasetKind, str], ...]:
    return tuple((kind, name) for name in names)


def _user(*names: str) -> tuple[tuple[DatasetKind, str], ...]:
    return _in("users", *names)


def _event(*names: str) -> tuple[tuple[DatasetKind, str], ...]:
    return _in("interactions", *names)


_DEMOGRAPHICS, _BEHAVIOUR = "Users: demographics", "Users: behaviour"
_PREFERENCES, _HISTORY = "Users: preferences", "Users: purchase history"
_IDENTITY, _KIND, _DETAIL = "Items: identity", "Items: category and maker", "Items: details"
_SHOP, _OPINION = "Items: stock and margin", "Items: opinion"
_BROWSING, _INTENT = "Interactions: browsing", "Interactions: intent"
_PURCHASE, _FEEDBACK = "Interactions: purchase", "Interactions: feedback and impressions"

HOMES: tuple[Home, ...] = (
    Home(_DEMOGRAPHICS, "Age", _user("AGE", "AGE_GROUP")),
    Home(_DEMOGRAPHICS, "Gender", _user("GENDER")),
    Home(_DEMOGRAPHICS, "Location", _user("LOCATION")),
    Home(_DEMOGRAPHICS, "Occupation", _user("OCCUPATION")),
    Home(_DEMOGRAPHICS, "Education level", _user("EDUCATION_LEVEL")),
    Home(_BEHAVIOUR, "Browsing history", _event("ITEM_ID", "TIMESTAMP"), ("View",)),
    Home(_BEHAVIOUR, "Search queries", _event("SEARCH_QUERY") + _user("SEARCH_QUERIES"), ("Search",)),
    Home(
        _BEHAVIOUR,
        "Time spent on site",
        _user("TIME_ON_SITE") + _event("DURATION"),
        derived="sum of DURATION per user",
    ),
    Home(
        _BEHAVIOUR,
        "Frequency of visits",
        _user("VISITS_PER_MONTH") + _event("SESSION_ID"),
        derived="number of SESSION_ID per user and month",
    ),
    Home(
        _PREFERENCES,
        "Categories frequently browsed",
        _user("FAVOURITE_CATEGORIES"),
        ("View",),
        derived="counts of CATEGORY_L1 over a user's View events",
    ),
    Home(_PREFERENCES, "Wish lists", _user("WISH_LIST"), ("AddToWishList", "RemoveFromWishList")),
    Home(_PREFERENCES, "Alerts and notifications set", _user("ALERTS", "NOTIFICATIONS")),
    Home(_PREFERENCES, "Feedback and reviews given", _event("RATING", "REVIEW"), ("Rating", "Review")),
    Home(_PREFERENCES, "Answers to a questionnaire", _user("QUESTIONNAIRE")),
    Home(_HISTORY, "Items purchased", _event("ITEM_ID", "QUANTITY"), ("Purchase",)),
    Home(_HISTORY, "Frequency", _event("ORDER_ID"), ("Purchase",), "number of ORDER_ID per user and month"),
    Home(
        _HISTORY,
        "Average purchase value",
        _event("ORDER_ID", "PRICE", "QUANTITY"),
        ("Purchase",),
        "mean over a user's ORDER_ID of the sum of PRICE × QUANTITY",
    ),
    Home(_HISTORY, "Return history", _event("QUANTITY"), ("Return",)),
    Home(_IDENTITY, "Id", _in("items", "ITEM_ID")),
    Home(_IDENTITY, "Name", _in("items", "NAME")),
    Home(_IDENTITY, "Description", _in("items", "PRODUCT_DESCRIPTION")),
    Home(_IDENTITY, "Price", _in("items", "PRICE")),
    Home(_IDENTITY, "Image", _in("items", "IMAGE_URL")),
    Home(_KIND, "Category", _in("items", "CATEGORY_L1")),
    Home(_KIND, "Sub-category", _in("items", "CATEGORY_L2", "CATEGORY_L3")),
    Home(_KIND, "Brand", _in("items", "BRAND")),
    Home(_KIND, "Manufacturer", _in("items", "MANUFACTURER")),
    Home(_DETAIL, "Colour", _in("items", "COLOUR")),
    Home(_DETAIL, "Size", _in("items", "SIZE")),
    Home(_DETAIL, "Material", _in("items", "MATERIAL")),
    Home(_DETAIL, "Usage instructions", _in("items", "USAGE_INSTRUCTIONS")),
    Home(_DETAIL, "Warranty", _in("items", "WARRANTY")),
    Home(_SHOP, "Stock", _in("items", "STOCK")),
    Home(_SHOP, "Margin", _in("items", "MARGIN")),
    Home(_OPINION, "Average rating", _in("items", "AVERAGE_RATING")),
    Home(_OPINION, "Number of reviews", _in("items", "REVIEW_COUNT")),
    Home(
        _OPINION,
        "Positive and negative review count",
        _in("items", "POSITIVE_REVIEW_COUNT", "NEGATIVE_REVIEW_COUNT"),
    ),
    Home(_BROWSING, "Items viewed", _event("ITEM_ID"), ("View",)),
    Home(_BROWSING, "Duration of view", _event("DURATION"), ("View",)),
    Home(_BROWSING, "Sequence browsed", _event("SESSION_ID", "TIMESTAMP"), (), "order of TIMESTAMP in a SESSION_ID"),
    Home(_INTENT, "Added to and removed from cart", (), ("AddToCart", "RemoveFromCart")),
    Home(_INTENT, "Added to wish list", (), ("AddToWishList",)),
    Home(_INTENT, "Shared", (), ("Share",)),
    Home(_PURCHASE, "Purchased", _event("QUANTITY", "PRICE", "DISCOUNT"), ("Purchase",)),
    Home(_PURCHASE, "Purchased together", _event("ORDER_ID"), ("Purchase",), "items that share an ORDER_ID"),
    Home(_PURCHASE, "Time of purchase (season)", _event("TIMESTAMP"), ("Purchase",), "month and weekday of TIMESTAMP"),
    Home(_PURCHASE, "Purchase method (online, in store, mobile)", _event("CHANNEL", "STORE", "DEVICE"), ("Purchase",)),
    Home(_PURCHASE, "Returned", _event("QUANTITY"), ("Return",)),
    Home(_FEEDBACK, "Ratings", _event("RATING"), ("Rating",)),
    Home(_FEEDBACK, "Reviews", _event("REVIEW"), ("Review",)),
    Home(_FEEDBACK, "Not interested", (), ("NotInterested",)),
    Home(
        _FEEDBACK,
        "Impressions with position and place",
        _event("IMPRESSION", "POSITION", "PLACE"),
        ("Impression",),
    ),
)
"""In the order of the blueprint's data model."""

_INTRODUCTION = """# The data model

Written by `endcap.lake.data_model.render()`; a test keeps this page equal to it, and another imports every field below.

Tables hold the columns in lower case. `TIMESTAMP` and `CREATION_TIMESTAMP` are int64 microseconds UTC there. A field
that has several values (categories, wish lists, alerts) joins them by `|`. Event types are compared without case and
punctuation. A derived field has no column of its own: it is computed from the columns named.
"""


def render() -> str:
    """The page, as Markdown: each field with its home, then each column with the headers under which it is found."""
    lines = [_INTRODUCTION, "## Where each field lives", ""]
    lines += ["| field | column | event type | derived |", "|---|---|---|---|"]
    group = ""
    for home in HOMES:
        if home.group != group:
            group = home.group
            lines.append(f"| **{group}** | | | |")
        columns = ", ".join(f"`{kind}.{name}`" for kind, name in home.columns)
        events = ", ".join(f"`{name}`" for name in home.events)
        lines.append(f"| {home.field} | {columns} | {events} | {home.derived} |")
    for kind, schema in SHOP.items():
        lines += ["", f"## Columns of {kind}", ""]
        lines += ["| field | type | headers that are recognised |", "|---|---|---|"]
        lines += [_column_row(field.name, _type(field.name, kind), HEADERS[kind]) for field in schema.fields]
    return "\n".join(lines) + "\n"


def _column_row(name: str, kind: str, headers: Mapping[str, tuple[str, ...]]) -> str:
    return f"| `{name}` | {kind} | {', '.join(headers[name])} |"


def _type(name: str, kind: DatasetKind) -> str:
    field = SHOP[kind][name]
    words = [field.type, *(["required"] if not field.nullable else [])]
    words += [word for word, is_set in (("categorical", field.categorical), ("textual", field.textual)) if is_set]
    return ", ".join([*words, *(["item name"] if field.item_name else [])])
