"""A newcomer's own files: common headers recognised, what was recognised said, what is missing asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from endcap.lake.importers.mapping import Dialect, TableMapping, Value
from endcap.lake.importers.sql import Columns, resolves
from endcap.lake.schemas import DatasetKind, Schema

USER = (
    "user_id",
    "user",
    "customer_id",
    "customer",
    "cust_id",
    "cust",
    "client_id",
    "visitor_id",
    "visitor",
    "shopper_id",
    "account_id",
    "member_id",
    "household_id",
    "buyer_id",
    "uid",
)
ITEM = (
    "item_id",
    "item",
    "product_id",
    "product",
    "sku",
    "sku_id",
    "stock_code",
    "article_id",
    "article",
    "asin",
    "variant_id",
    "prod_id",
    "product_code",
    "iid",
)
TIME = (
    "timestamp",
    "time",
    "event_time",
    "datetime",
    "date_time",
    "created_at",
    "date",
    "order_date",
    "purchase_date",
    "ordered_at",
    "purchased_at",
    "invoice_date",
    "event_timestamp",
    "transaction_date",
    "ts",
    "unix_timestamp",
)

HEADERS: Mapping[DatasetKind, Mapping[str, tuple[str, ...]]] = {
    "interactions": {
        "USER_ID": USER,
        "ITEM_ID": ITEM,
        "TIMESTAMP": TIME,
        "EVENT_TYPE": ("event_type", "event", "event_name", "action", "behaviour", "behavior", "interaction_type"),
        "EVENT_VALUE": ("event_value", "value", "amount", "total", "sales_value", "revenue", "line_total"),
        "IMPRESSION": ("impression", "impressions", "items_shown"),
        "RECOMMENDATION_ID": ("recommendation_id",),
        "EVENT_ATTRIBUTION_SOURCE": ("event_attribution_source", "attribution_source"),
        "SESSION_ID": ("session_id", "session", "visit_id", "user_session"),
        "ORDER_ID": ("order_id", "order", "order_number", "basket_id", "invoice", "invoice_no", "transaction_id"),
        "QUANTITY": ("quantity", "qty", "units", "count"),
        "PRICE": ("price", "unit_price", "item_price"),
        "DISCOUNT": ("discount", "discount_amount"),
        "CHANNEL": ("channel", "purchase_method", "sales_channel"),
        "STORE": ("store", "store_id", "shop_id", "branch"),
        "COUNTRY": ("country", "country_code"),
        "DEVICE": ("device", "device_type"),
        "DURATION": ("duration", "dwell_time", "view_duration", "time_on_page", "seconds"),
        "POSITION": ("position", "rank", "slot"),
        "PLACE": ("place", "placement", "page_type", "widget"),
        "RATING": ("rating", "stars", "review_score", "score"),
        "REVIEW": ("review", "review_text", "comment"),
        "SEARCH_QUERY": ("search_query", "query", "search_term", "search"),
    },
    "items": {
        "ITEM_ID": (*ITEM, "id"),
        "NAME": ("name", "title", "item_name", "product_name", "product_title"),
        "PRODUCT_DESCRIPTION": ("product_description", "description", "body", "body_html", "summary"),
        "PRICE": ("price", "unit_price", "median_price", "list_price", "sale_price"),
        "IMAGE_URL": ("image_url", "image", "image_link", "picture", "photo"),
        "URL": ("url", "link", "product_url"),
        "CATEGORY_L1": (
            "category_l1",
            "category",
            "department",
            "product_category",
            "product_type",
            "google_product_category",
        ),
        "CATEGORY_L2": ("category_l2", "sub_category", "subcategory", "style", "category_2"),
        "CATEGORY_L3": ("category_l3", "sub_sub_category", "category_3"),
        "BRAND": ("brand", "brand_name", "vendor"),
        "MANUFACTURER": ("manufacturer", "maker", "manufacturer_id"),
        "COLOUR": ("colour", "color"),
        "SIZE": ("size", "package_size"),
        "MATERIAL": ("material", "fabric"),
        "USAGE_INSTRUCTIONS": ("usage_instructions", "instructions", "care_instructions", "how_to_use"),
        "WARRANTY": ("warranty", "guarantee"),
        "STOCK": ("stock", "current_stock", "inventory", "stock_level", "available_quantity", "quantity_in_stock"),
        "MARGIN": ("margin", "profit_margin"),
        "AVERAGE_RATING": ("average_rating", "avg_rating", "rating", "stars"),
        "REVIEW_COUNT": ("review_count", "number_of_reviews", "reviews", "num_reviews", "rating_count"),
        "POSITIVE_REVIEW_COUNT": ("positive_review_count", "positive_reviews"),
        "NEGATIVE_REVIEW_COUNT": ("negative_review_count", "negative_reviews"),
        "AGE_GROUP": ("age_group",),
        "GENDER": ("gender", "gender_affinity"),
        "ADULT": ("adult", "is_adult"),
        "TAGS": ("tags", "labels", "keywords"),
        "CREATION_TIMESTAMP": ("creation_timestamp", "created_at", "created", "date_added", "launch_date"),
    },
    "users": {
        "USER_ID": (*USER, "id"),
        "AGE": ("age",),
        "AGE_GROUP": ("age_group", "age_band", "age_range"),
        "GENDER": ("gender", "sex"),
        "LOCATION": ("location", "city", "region", "postcode", "zip", "zip_code", "state", "country"),
        "OCCUPATION": ("occupation", "job", "profession"),
        "EDUCATION_LEVEL": ("education_level", "education"),
        "INCOME": ("income", "income_band"),
        "HOUSEHOLD": ("household", "household_comp", "household_type"),
        "HOUSEHOLD_SIZE": ("household_size",),
        "CHILDREN": ("children", "kids_count", "kids"),
        "MARITAL_STATUS": ("marital_status",),
        "HOME_OWNERSHIP": ("home_ownership",),
        "FAVOURITE_CATEGORIES": ("favourite_categories", "favorite_categories", "persona", "interests", "preferences"),
        "WISH_LIST": ("wish_list", "wishlist"),
        "ALERTS": ("alerts", "price_alerts"),
        "NOTIFICATIONS": ("notifications", "subscriptions"),
        "SEARCH_QUERIES": ("search_queries", "searches"),
        "QUESTIONNAIRE": ("questionnaire", "answers", "survey"),
        "MEMBERSHIP_STATUS": ("membership_status", "membership", "tier", "loyalty"),
        "TIME_ON_SITE": ("time_on_site", "time_spent_on_site", "seconds_on_site"),
        "VISITS_PER_MONTH": ("visits_per_month", "visit_frequency", "frequency_of_visits"),
        "CREATION_TIMESTAMP": ("creation_timestamp", "created_at", "signup_date", "registered_at"),
    },
}
"""Names under which each field is commonly exported; compared without case and punctuation."""

NAMED = ("title", "item_name", "product_name", "product_title", "price")
"""What a thing with an id has that is for sale."""
_BOUGHT = ("QUANTITY", "PRICE", "ORDER_ID", "EVENT_VALUE")


def generic_dialect(kinds: Sequence[DatasetKind] = ("interactions", "items", "users")) -> Dialect:
    """A dialect that knows all common headers; `fitted` narrows it to one file."""
    tables = tuple(
        TableMapping(kind=kind, fields={field: Value(column=names) for field, names in HEADERS[kind].items()})
        for kind in kinds
    )
    return Dialect(name="generic", tables=tables)


def named_dialect(schemas: Mapping[DatasetKind, Schema]) -> Dialect:
    """A dialect for files whose columns are named as the schema's fields are."""
    tables = tuple(
        TableMapping(kind=kind, fields={field.name: Value(column=(field.name,)) for field in schema.fields})
        for kind, schema in schemas.items()
    )
    return Dialect(name="personalize", tables=tables)


def fitted_kind(columns: Columns, name: str) -> DatasetKind:
    """Which dataset a file holds, by its headers first and its name second."""
    has_user = columns.find(USER) is not None
    has_item = columns.find(ITEM) is not None
    if has_user and has_item:
        return "interactions"
    lowered = name.lower()
    if not has_user and columns.find(("id",)) is not None and columns.find(NAMED) is not None:
        has_item = True
    if has_item or any(word in lowered for word in ("item", "product", "catalog", "article")):
        return "items"
    if has_user or any(word in lowered for word in ("user", "customer", "member", "household", "demographic")):
        return "users"
    return "interactions"


def with_event_type(table: TableMapping, columns: Columns) -> tuple[TableMapping, str]:
    """The mapping with a constant event type where the file has none, and what was assumed."""
    if table.kind != "interactions" or resolves(table.fields["EVENT_TYPE"], columns):
        return table, ""
    bought = [field for field in _BOUGHT if resolves(table.fields[field], columns)]
    event = "Purchase" if bought else "View"
    because = f"there is {', '.join(bought)}" if bought else "there is no quantity, price or order"
    fields = {**table.fields, "EVENT_TYPE": Value(constant=event)}
    note = f"EVENT_TYPE: every row is taken for a {event}, as {because} (--map event_type==View to change)."
    return TableMapping(kind=table.kind, fields=fields), note
