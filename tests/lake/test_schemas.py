"""Schemas: Personalize's records come back as they went, and what it refuses is refused with the field's name."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import SchemaError
from endcap.lake.schemas import ARROW, KEYS, RESERVED, Field, Schema
from endcap.lake.shop_schemas import SHOP, narrowed


def avro(name: str, *fields: tuple[str, object], **more: object) -> str:
    return json.dumps(
        {
            "type": "record",
            "name": name,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": [{"name": field, "type": kind, **more} for field, kind in fields],
            "version": "1.0",
        }
    )


BASIC = (("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"))


def test_a_custom_interactions_schema() -> None:
    schema = Schema.from_avro(
        avro("Interactions", *BASIC, ("EVENT_TYPE", "string"), ("EVENT_VALUE", ["float", "null"]))
    )
    assert schema.kind == "interactions"
    assert schema.required == ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE")
    assert schema["EVENT_VALUE"].nullable
    assert schema.arrow().field("timestamp") == pa.field("timestamp", pa.int64(), nullable=False)
    assert schema.arrow().names == ["user_id", "item_id", "timestamp", "event_type", "event_value"]


def test_flags() -> None:
    text = json.dumps(
        {
            "type": "record",
            "name": "Items",
            "fields": [
                {"name": "ITEM_ID", "type": "string"},
                {"name": "TITLE", "type": "string", "itemName": True},
                {"name": "GENRE", "type": ["null", "string"], "categorical": True},
                {"name": "DESCRIPTION", "type": ["string", "null"], "textual": True},
                {"name": "CREATION_TIMESTAMP", "type": "long"},
            ],
        }
    )
    schema = Schema.from_avro(text)
    assert [field.name for field in schema.fields if field.categorical] == ["GENRE"]
    assert [field.name for field in schema.fields if field.textual] == ["DESCRIPTION"]
    assert [field.name for field in schema.fields if field.item_name] == ["TITLE"]
    assert schema["CREATION_TIMESTAMP"].is_time


@pytest.mark.parametrize(
    ("text", "domain", "message"),
    [
        ("{", None, "not valid JSON"),
        ("[]", None, 'must be "record"'),
        (avro("Orders", *BASIC), None, "expected one of Interactions, Items, Users"),
        (avro("Interactions"), None, "no fields"),
        (avro("Interactions", *BASIC[:2]), None, "missing required field.s. TIMESTAMP"),
        (
            avro("Interactions", *BASIC),
            "ECOMMERCE",
            "ECOMMERCE interactions schema is missing required field.s. EVENT_TYPE",
        ),
        (avro("Items", ("ITEM_ID", "string"), ("PRICE", "float")), "ECOMMERCE", "CATEGORY_L1"),
        (avro("Items", ("ITEM_ID", "string"), ("GENRES", "string")), "VIDEO_ON_DEMAND", "CREATION_TIMESTAMP"),
        (avro("Items", ("ITEM_ID", "string")), None, "at least one metadata field"),
        (avro("Users", ("USER_ID", "string"), *((f"F{n}", "int") for n in range(26))), None, "at most 25"),
        (avro("Items", ("ITEM_ID", "string"), *((f"F{n}", "int") for n in range(101))), None, "at most 100"),
        (avro("Interactions", *BASIC, ("NOTE", {"type": "map"})), None, "Field NOTE has type"),
        (avro("Interactions", *BASIC, ("NOTE", ["string", "int"])), None, "Field NOTE has type"),
        (avro("Interactions", *BASIC[:2], ("TIMESTAMP", "string")), None, "TIMESTAMP has type string, expected long"),
        (avro("Interactions", ("USER_ID", ["string", "null"]), *BASIC[1:]), None, "USER_ID identifies rows"),
        (avro("Interactions", *BASIC, ("a", "int"), ("A", "int")), None, "there twice"),
        (avro("Interactions", *BASIC, ("A B", "int")), None, "Field name 'A B'"),
        (avro("Users", ("USER_ID", "string"), ("AGE", "int"), categorical=True), None, "categorical"),
        (
            avro("Items", ("ITEM_ID", "string"), ("A", "string"), ("B", "string"), textual=True),
            None,
            "Only one textual",
        ),
        (avro("Items", ("ITEM_ID", "string"), ("A", "string"), textual="yes"), None, "expected true or false"),
        (" " * 20_001, None, "20,001 characters"),
        ("[" * 15_000, None, "not valid JSON"),
    ],
)
def test_what_is_refused(text: str, domain: None, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Schema.from_avro(text, domain)


def test_ready_made_schemas_pass_their_own_checks() -> None:
    for kind, schema in SHOP.items():
        assert Schema.from_avro(schema.to_avro()) == schema
        assert schema.kind == kind
    ecommerce = Schema.from_avro(narrowed(SHOP["items"], {"PRICE", "CATEGORY_L1"}).to_avro(), "ECOMMERCE")
    assert ecommerce.required == ("ITEM_ID",)


NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True).filter(lambda name: name not in RESERVED)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    kind = draw(st.sampled_from(sorted(KEYS)))
    extra = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    fields = [Field(name, "long" if name == "TIMESTAMP" else "string") for name in KEYS[kind]]
    for name in extra:
        type_ = draw(st.sampled_from(sorted(ARROW)))
        fields.append(Field(name, type_, draw(st.booleans()), type_ == "string" and draw(st.booleans())))
    return Schema(kind, tuple(draw(st.permutations(fields))))


@given(schema=schemas())
def test_any_schema_comes_back_from_its_own_text(schema: Schema) -> None:
    again = Schema.from_avro(schema.to_avro())
    assert again == schema
    assert again.arrow() == schema.arrow()


@given(
    text=st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "name", "fields", "x"]), inner),
    )
)
def test_nothing_else_is_raised_whatever_is_given(text: object) -> None:
    with pytest.raises(SchemaError):
        Schema.from_avro(json.dumps(text))
