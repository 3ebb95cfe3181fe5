import pytest
from filter_shop import SCHEMAS

from endcap.errors import InputError
from endcap.lake.schemas import Field, Schema
from endcap.serving.filters import parse


@pytest.mark.parametrize(
    "text",
    [
        'INCLUDE ItemID WHERE items.genre IN ("a") AND ITEMS.Price < 10 AND Items.SALE = TRUE IF currentuser.age > 18',
        'INCLUDE ItemID WHERE Items.PRODUCT_DESCRIPTION = "text" OR Items.ITEM_ID IN ($CART)',
        "EXCLUDE ItemID WHERE Items.PRICE > $P AND Items.GENRE NOT IN ($G) AND Items.SALE != $S",
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*") | EXCLUDE ItemID WHERE Items.STOCK = 0',
        "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.WEIGHT AND Items.GENRE IN CurrentItem.BRAND",
        "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP <= CurrentItem.CREATION_TIMESTAMP",
        'INCLUDE UserID WHERE Users.IS_STAFF = FALSE AND Users.MEMBERSHIP_STATUS = "gold"',
        'INCLUDE ActionID WHERE Actions.VALUE > 3 | EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("TAKEN")',
    ],
)
def test_filters_that_fit(text: str) -> None:
    parse(text).check(SCHEMAS)
    parse(text).check(SCHEMAS, "RELATED_ITEMS")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "INCLUDE ItemID WHERE Items.COLOUR = 1",
            "Invalid input symbol: Items.COLOUR at position 22. Items has no field COLOUR; its fields are BRAND, CREAT",
        ),
        ("INCLUDE ItemID WHERE Items.STOCK = 1 IF CurrentUser.CITY = 1", "CurrentUser.CITY at position 41. Users has"),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.COST", "Items has no field COST"),
        ('INCLUDE ItemID WHERE Items.PRICE IN ("1")', "A field of the type float cannot take IN, expected one of = !="),
        ("INCLUDE ItemID WHERE Items.PRICE NOT IN ($P)", "cannot take NOT IN"),
        ("INCLUDE ItemID WHERE Items.GENRE < $P", "type string cannot take <, expected one of IN NOT IN = !="),
        ("INCLUDE ItemID WHERE Items.SALE > TRUE", "type boolean cannot take >, expected one of = !="),
        ("INCLUDE ItemID WHERE Items.GENRE = 5", 'It is of the type string, expected a text such as "shoe", found 5'),
        ('INCLUDE ItemID WHERE Items.PRICE = "5"', 'It is of the type float, expected a number, found "5"'),
        ("INCLUDE ItemID WHERE Items.SALE = 1", "It is of the type boolean, expected TRUE or FALSE, found 1"),
        ("INCLUDE ItemID WHERE Items.STOCK = TRUE", "expected a number, found TRUE"),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.GENRE", "compared with CurrentItem.GENRE, expected a number"),
        ("INCLUDE ItemID WHERE Items.STOCK < CurrentItem.CREATION_TIMESTAMP", "expected a number"),
        ("INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP < CurrentItem.STOCK", "expected a time"),
    ],
)
def test_filters_that_do_not_fit(text: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(text).check(SCHEMAS)
    assert raised.value.message.startswith("Could not create filter. ")
    assert words in raised.value.message


def test_current_item_needs_a_recipe_for_related_items() -> None:
    parsed = parse("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE")
    with pytest.raises(InputError, match="recipes for related items only, this one is USER_PERSONALIZATION"):
        parsed.check(SCHEMAS, "USER_PERSONALIZATION")
    parse("INCLUDE ItemID WHERE Items.PRICE < 3").check(SCHEMAS, "USER_PERSONALIZATION")


def test_datasets_must_be_there() -> None:
    only_items = {"items": SCHEMAS["items"]}
    with pytest.raises(InputError, match=r"CurrentUser\.AGE at position 41\. The dataset group has no Users dataset"):
        parse("INCLUDE ItemID WHERE Items.STOCK = 1 IF CurrentUser.AGE = 1").check(only_items)
    with pytest.raises(InputError, match="has no Interactions dataset"):
        parse('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")').check(only_items)


def test_event_types_need_a_field_but_any_event_does_not() -> None:
    plain = {"interactions": Schema("interactions", SCHEMAS["interactions"].fields[:3])}
    parse('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")').check(plain)
    with pytest.raises(InputError, match="Interactions has no field EVENT_TYPE"):
        parse('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")').check(plain)


def test_at_most_ten_distinct_fields() -> None:
    names = [f"F{number}" for number in range(11)]
    schemas = {"items": Schema("items", (Field("ITEM_ID"), *(Field(name, "int") for name in names)))}
    ten = " AND ".join(f"Items.{name} > 0 AND Items.{name.lower()} < 9" for name in names[:10])
    parse(f"INCLUDE ItemID WHERE {ten}").check(schemas)
    for last in ("AND Items.F10 = 1", "AND Items.F0 = CurrentItem.F10"):
        with pytest.raises(InputError, match="It uses 11 distinct fields, at most 10"):
            parse(f"INCLUDE ItemID WHERE {ten} {last}").check(schemas)
