from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from filter_shop import ACTIONS, ITEMS, USERS, Put, attributes
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import InputError
from endcap.serving.filters import Events, Everyone, FilterView, evaluate, matching_users, parse

SHOES = [
    {"item_id": "0", "genre": "shoe|boot", "price": 19.99, "stock": 3, "sale": False, "brand": "Acme"},
    {"item_id": "1", "genre": "shoe", "price": 50.0, "stock": 0, "sale": True, "brand": "Acme"},
    {"item_id": "2", "genre": "hat", "price": 5.0, "stock": None, "sale": None, "brand": None},
    {"item_id": "3"},
]
CLICKS = Events.of([0, 1, 0, 2], ["Click", "click", "purchase", "view"])


def shown(text: str, view: FilterView | None = None, **values: str) -> list[int]:
    view = view or FilterView(attributes(ITEMS, SHOES), events=CLICKS)
    return np.flatnonzero(evaluate(parse(text), view, values)).tolist()


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ('Items.GENRE IN ("boot","hat")', [0, 2]),
        ('Items.GENRE NOT IN ("boot")', [1, 2, 3]),
        ('Items.GENRE = "shoe"', [0, 1]),
        ('Items.GENRE != "shoe"', [2, 3]),
        ('Items.GENRE IN ("shoe|boot")', [0]),
        ('Items.GENRE NOT IN ("shoe|boot", "hat")', [1, 3]),
        ('Items.GENRE IN ("boot|shoe", "shoe|", "|")', []),
        ('Items.GENRE IN ("SHOE")', []),
        ('Items.GENRE IN ("")', []),
        ("Items.PRICE = 19.99", [0]),
        ("Items.PRICE >= 19.99", [0, 1]),
        ("Items.PRICE < 19.99", [2]),
        ("Items.PRICE != 50", [0, 2, 3]),
        ("Items.PRICE > -1", [0, 1, 2]),
        ("Items.STOCK < 1", [1]),
        ("Items.STOCK <= 99999999999999999999999", [0, 1]),
        ("Items.PRICE < " + "9" * 400, [0, 1, 2]),
        ("Items.SALE = TRUE", [1]),
        ("Items.SALE = FALSE", [0]),
        ("Items.SALE != TRUE", [0, 2, 3]),
        ('Items.BRAND = "Acme" AND Items.PRICE < 20 OR Items.GENRE IN ("hat")', [0, 2]),
        ('Interactions.EVENT_TYPE IN ("click")', [0, 1]),
        ('Interactions.EVENT_TYPE IN ("CLICK", "view")', [0, 1, 2]),
        ('Interactions.EVENT_TYPE NOT IN ("click")', [2, 3]),
        ('Interactions.EVENT_TYPE IN ("click") AND Interactions.EVENT_TYPE NOT IN ("purchase")', [1]),
        ('Interactions.EVENT_TYPE = "purchase"', [0]),
        ('Interactions.EVENT_TYPE IN ("*")', [0, 1, 2]),
        ('Interactions.EVENT_TYPE NOT IN ("*")', [3]),
    ],
)
def test_conditions(conditions: str, expected: list[int]) -> None:
    assert shown(f"INCLUDE ItemID WHERE {conditions}") == expected
    assert shown(f"EXCLUDE ItemID WHERE {conditions}") == sorted({0, 1, 2, 3} - set(expected))


def test_rules_are_included_less_excluded_in_any_order() -> None:
    rules = [
        'INCLUDE ItemID WHERE Items.GENRE IN ("shoe")',
        'INCLUDE ItemID WHERE Items.GENRE IN ("hat")',
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")',
    ]
    assert shown(" | ".join(rules)) == shown(" | ".join(reversed(rules))) == [1, 2]


def test_a_rule_whose_if_is_not_met_does_not_apply() -> None:
    users = attributes(USERS, [{"age": 15, "membership_status": "gold|vip"}, {"age": None}])
    text = 'INCLUDE ItemID WHERE Items.GENRE IN ("hat") IF CurrentUser.AGE > 18'
    items = attributes(ITEMS, SHOES)
    assert shown(text, FilterView(items, users, user=0)) == [0, 1, 2, 3]
    assert shown(text.replace("18", "14"), FilterView(items, users, user=0)) == [2]
    for stranger in (1, -1):
        assert shown(text, FilterView(items, users, user=stranger)) == [0, 1, 2, 3]
        assert shown(text.replace("> 18", "!= 18"), FilterView(items, users, user=stranger)) == [2]
    both = 'EXCLUDE ItemID WHERE Items.STOCK = 0 IF CurrentUser.AGE < 18 AND CurrentUser.MEMBERSHIP_STATUS IN ("vip")'
    assert shown(both, FilterView(items, users, user=0)) == [0, 2, 3]


def test_current_item() -> None:
    items = attributes(ITEMS, SHOES)
    cheaper = "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRE IN CurrentItem.GENRE"
    assert shown(cheaper, FilterView(items, item=1)) == [0]
    assert shown(cheaper, FilterView(items, item=0)) == []
    other = "INCLUDE ItemID WHERE Items.GENRE NOT IN CurrentItem.GENRE AND Items.SALE != CurrentItem.SALE"
    assert shown(other, FilterView(items, item=0)) == [2, 3]
    for unknown in (3, -1):
        assert shown(cheaper, FilterView(items, item=unknown)) == []
        assert shown(other, FilterView(items, item=unknown)) == [0, 1, 2, 3]
    with pytest.raises(InputError, match="the request names no item"):
        shown(cheaper, FilterView(items))


def test_times_are_seconds_in_filters_and_microseconds_in_tables() -> None:
    view = FilterView(attributes(ITEMS, [{"creation_timestamp": 1_600_000_000_000_000}, {}]))
    text = "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP < $DATE"
    assert shown(text, view, DATE="1600000001") == [0]
    assert shown(text, view, DATE="1600000000") == []
    assert shown("INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP = 1600000000.0", view) == [0]


def test_values_of_a_request() -> None:
    text = "INCLUDE ItemID WHERE Items.GENRE IN ($G) | EXCLUDE ItemID WHERE Items.PRICE > $MAX AND Items.STOCK = ($S)"
    assert shown(text, G='"boot","hat"') == [0, 2]
    assert shown(text, G="'shoe'", MAX="20") == [0, 1]
    assert shown(text, G="'shoe'", MAX=" 20 ", S="0") == [0]
    assert shown("EXCLUDE ItemID WHERE Items.SALE = $A", A="true") == [0, 2, 3]
    assert shown("EXCLUDE ItemID WHERE Items.SALE = $A", A='"False"') == [1, 2, 3]
    assert shown("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($E)", E='"*"') == [3]
    assert shown("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($E)") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "The filter needs a value for G"),
        ({"g": '"a"'}, "There is no filter parameter 'g'. Known: G, P. Names are case-sensitive."),
        ({"G": "a"}, "The filter value of G cannot be read at character 1"),
        ({"G": '"a'}, "cannot be read at character 1"),
        ({"G": '"a",'}, "cannot be read at character 5"),
        ({"G": '"a" "b"'}, "cannot be read at character 5"),
        ({"G": ""}, "cannot be read at character 1"),
        ({"G": f'"{"a" * 999}"'}, "has 1,001 characters, at most 1,000"),
        ({"G": "10"}, "Items.GENRE (G in filterValues) holds texts, expected IN, NOT IN, = or != and quoted texts"),
        ({"G": '"a"', "P": '"cheap"'}, "Items.PRICE (P in filterValues) holds numbers"),
        ({"G": '"a"', "P": "true"}, "found TRUE"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as raised:
        shown("INCLUDE ItemID WHERE Items.GENRE IN ($G) | EXCLUDE ItemID WHERE Items.PRICE < $P", None, **values)
    assert words in str(raised.value)


def test_at_most_25_values() -> None:
    names = [f"P{number}" for number in range(26)]
    text = " | ".join(f"EXCLUDE ItemID WHERE Items.STOCK = ${name}" for name in names)
    with pytest.raises(InputError, match="26 filter values, at most 25"):
        shown(text, None, **dict.fromkeys(names, "1"))
    assert shown(text, None, **dict.fromkeys(names[:25], "3")) == [1, 2, 3]


def test_events_look_back_100_of_each_type() -> None:
    rows = [{"item_id": str(row)} for row in range(130)]
    events = Events.of([*range(120), 125], ["view"] * 120 + ["buy"])
    view = FilterView(attributes(ITEMS, rows), events=events)
    assert shown('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', view) == [*range(20, 120), 125]
    many = Events.of([*range(120), 3, 4, 5], ["view"] * 120 + ["buy", "cart", "share"])
    text = "INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($TYPES)"
    view = FilterView(view.items, events=many)
    assert shown(text, view, TYPES='"*"') == [3, 4, 5, *range(20, 120)]
    assert shown(text, view, TYPES='"BUY","cart","Share","never"') == [3, 4, 5]
    few = Events.of([1, 3, 4, 5], ["view", "buy", "cart", "share"])
    assert shown(text, FilterView(view.items, events=few), TYPES='"BUY","cart","Share"') == [3, 4, 5]


def test_events_of_unknown_items_are_left_out() -> None:
    view = FilterView(attributes(ITEMS, SHOES), events=Events.of([-1, 4, 1], ["view", "view", "buy"]))
    assert shown('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', view) == [1]


def test_filters_see_what_was_put_at_once() -> None:
    put = Put()
    view = FilterView(attributes(ITEMS, SHOES, put), attributes(USERS, [{"age": 20}]), user=0)
    text = 'INCLUDE ItemID WHERE Items.GENRE IN ("hat")'
    assert shown(text, view) == [2]
    put.put("0", genre=["hat", "cap"])
    put.put("5", genre="hat", price=1.5)
    assert shown(text, view) == [0, 2, 5]
    put.put("2", genre=None)
    assert shown(text, view) == [0, 5]
    assert shown("INCLUDE ItemID WHERE Items.PRICE < 2", view) == [5]
    assert shown("INCLUDE ItemID WHERE Items.NEW = TRUE", view) == []
    put.put("1", new=True)
    assert shown("INCLUDE ItemID WHERE Items.NEW = TRUE", view) == [1]
    assert view.items.value(0, "genre") == "hat|cap"
    assert view.items.value(0, "brand") == "Acme"
    assert view.items.value(9, "brand") is None


def test_bitmaps_are_kept_until_something_is_put() -> None:
    put = Put()
    view = FilterView(attributes(ITEMS, SHOES, put), events=CLICKS)
    parsed = parse("INCLUDE ItemID WHERE Items.GENRE IN ($G) | EXCLUDE ItemID WHERE Items.STOCK = 0")
    first = evaluate(parsed, view, {"G": '"shoe"'})
    assert evaluate(parse(parsed.text), view, {"G": '"shoe"'}) is first
    assert evaluate(parsed, view, {"G": '"hat"'}) is not first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = False
    put.put("1", stock=2)
    assert np.flatnonzero(evaluate(parsed, view, {"G": '"shoe"'})).tolist() == [0, 1]


def test_users_of_a_segment() -> None:
    put = Put()
    users = attributes(USERS, [{"membership_status": "gold"}, {"membership_status": "silver"}, {}], put)
    everyone = Everyone.of(np.array([0, 2, 2, 3]), np.array([0, 1, 1], np.int16), ("Click", "buy"))
    view = FilterView(users=users, everyone=everyone)
    gold = parse("INCLUDE UserID WHERE Users.MEMBERSHIP_STATUS IN ($M)")
    assert matching_users(gold, view, {"M": '"gold"'}).tolist() == [True, False, False]
    quiet = parse('EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("click")')
    assert matching_users(quiet, view).tolist() == [False, True, True]
    put.put("3", membership_status="gold")
    live = FilterView(users=users, everyone=everyone.and_also([3, 1], ["click", "share"]))
    assert matching_users(gold, live, {"M": '"gold"'}).tolist() == [True, False, False, True]
    assert matching_users(quiet, live).tolist() == [False, True, True, False]
    both = parse(
        'INCLUDE UserID WHERE Users.AGE > 1 OR Users.MEMBERSHIP_STATUS = "gold" | '
        'EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("buy") AND Interactions.EVENT_TYPE IN ("click")'
    )
    assert matching_users(both, live).tolist() == [False, False, False, True]
    with pytest.raises(InputError, match="not about users"):
        matching_users(parse("INCLUDE ItemID WHERE Items.A = 1"), view)
    with pytest.raises(InputError, match="not known here"):
        matching_users(quiet, FilterView(users=users))


def test_actions() -> None:
    actions = attributes(ACTIONS, [{"value": 5, "category": "loyalty"}, {"value": 20}, {"value": None}])
    view = FilterView(actions=actions, action_events=Events.of([1, 2], ["TAKEN", "NOT_TAKEN"]), events=CLICKS)
    assert shown("INCLUDE ActionID WHERE Actions.VALUE > ($VALUE)", view, VALUE="10") == [1]
    assert shown('EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("NOT_TAKEN")', view) == [0, 1]
    assert shown('INCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("*")', view) == [1, 2]


# A row-by-row reading of the language, written without the parser, the columns or the bitmaps.

OPERATORS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
TEXTS = ["a", "b", 'q"', "a b", "a|b"]
SEVERAL = {field.column for schema in (ITEMS, USERS) for field in schema.fields if field.categorical}
FIELDS = {"genre": "text", "brand": "text", "price": "number", "weight": "number", "stock": "number", "sale": "truth"}


@dataclass
class Spoken:
    """A condition before it is written."""

    field: str
    operator: str
    value: Any
    parameter: str = ""

    def write(self, dataset: str) -> str:
        wrapped = self.operator in ("IN", "NOT IN")
        value = f"${self.parameter}" if self.parameter else literal(self.value)
        return f"{dataset}.{self.field.upper()} {self.operator} {f'({value})' if wrapped else value}"

    def meets(self, held: Any) -> bool:
        wanted = self.value if isinstance(self.value, list) else [self.value]
        if self.operator in ("NOT IN", "!="):
            return not Spoken(self.field, "IN", wanted).meets(held)
        if held is None:
            return False
        if isinstance(held, list):
            held = "|".join(held)
        values = [*held.split("|"), held] if self.field in SEVERAL else [held]
        if self.operator in ("IN", "="):
            return any(value in wanted for value in values)
        return any(OPERATORS[self.operator](value, self.value) for value in values)


def literal(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(literal, value))
    if isinstance(value, bool):
        return str(value).upper()
    return str(value) if isinstance(value, (int, float)) else '"' + value.replace('"', '\\"') + '"'


numbers = st.one_of(st.integers(-3, 5), st.sampled_from([-0.5, 0.25, 1.5, 3.0]))
held = {
    "text": st.one_of(st.none(), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3).map("|".join)),
    "number": st.one_of(st.none(), numbers),
    "whole": st.one_of(st.none(), st.integers(-3, 5)),
    "truth": st.one_of(st.none(), st.booleans()),
}
rows = st.fixed_dictionaries({name: held["whole" if name == "stock" else kind] for name, kind in FIELDS.items()})
puts = st.dictionaries(
    st.integers(0, 8),
    st.fixed_dictionaries(
        {},
        optional={
            "genre": st.one_of(held["text"], st.lists(st.sampled_from(TEXTS), max_size=2)),
            "price": held["number"],
            "stock": held["whole"],
            "sale": held["truth"],
        },
    ),
    max_size=4,
)
KINDS = ["click", "Buy", "view"]
events = st.lists(st.tuples(st.integers(-1, 8), st.sampled_from(KINDS)), max_size=12)


@st.composite
def conditions(draw: st.DrawFn, fields: dict[str, str]) -> Spoken:
    name = draw(st.sampled_from(sorted(fields)))
    kind = fields[name]
    if kind == "text":
        choice = draw(st.sampled_from(["IN", "NOT IN", "=", "!="]))
        value: Any = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3, unique=True))
        return Spoken(name, choice, value if "IN" in choice else value[0])
    if kind == "number":
        return Spoken(name, draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="])), draw(numbers))
    return Spoken(name, draw(st.sampled_from(["=", "!="])), draw(st.booleans()))


@dataclass
class SpokenRule:
    action: str
    groups: list[list[Spoken]]
    when: list[Spoken]
    is_about_events: bool
    drops: bool = False

    def write(self) -> str:
        dataset = "Interactions" if self.is_about_events else "Items"
        text = " OR ".join(" AND ".join(each.write(dataset) for each in group) for group in self.groups)
        condition = f" IF {' AND '.join(each.write('CurrentUser') for each in self.when)}" if self.when else ""
        return f"{self.action} ItemID WHERE {text}{condition}"


@st.composite
def rules(draw: st.DrawFn) -> SpokenRule:
    is_about_events = draw(st.booleans())
    if is_about_events:
        types = st.lists(st.sampled_from(["click", "BUY", "never"]), min_size=1, max_size=2, unique=True)
        one = st.builds(Spoken, st.just("event_type"), st.sampled_from(["IN", "NOT IN"]), types)
    else:
        one = conditions(FIELDS)
    groups = draw(st.lists(st.lists(one, min_size=1, max_size=3), min_size=1, max_size=3))
    when = draw(st.lists(conditions({"age": "number", "membership_status": "text", "is_staff": "truth"}), max_size=2))
    return SpokenRule(draw(st.sampled_from(["INCLUDE", "EXCLUDE"])), groups, when, is_about_events)


def naive(spoken: list[SpokenRule], item: dict[str, Any], user: dict[str, Any], types: list[str]) -> bool:
    """Whether one item is let through."""
    applying = [
        rule for rule in spoken if not rule.drops and all(each.meets(user.get(each.field)) for each in rule.when)
    ]
    included, has_include, excluded = False, False, False
    for rule in applying:
        holds = False
        for group in rule.groups:
            if rule.is_about_events:
                lower = [name.lower() for name in types]
                met = [(any(v.lower() in lower for v in each.value)) != (each.operator == "NOT IN") for each in group]
            else:
                met = [each.meets(item.get(each.field)) for each in group]
            holds = holds or all(met)
        if rule.action == "INCLUDE":
            has_include, included = True, included or holds
        else:
            excluded = excluded or holds
    return (included or not has_include) and not excluded


@given(
    catalogue=st.lists(rows, max_size=7),
    put=puts,
    user=st.fixed_dictionaries({"age": held["whole"], "membership_status": held["text"], "is_staff": held["truth"]}),
    spoken=st.lists(rules(), min_size=1, max_size=3),
    happened=events,
    data=st.data(),
)
@settings(max_examples=200, deadline=None)
def test_bitmaps_equal_a_reading_row_by_row(
    catalogue: list[dict[str, Any]],
    put: dict[int, dict[str, Any]],
    user: dict[str, Any],
    spoken: list[SpokenRule],
    happened: list[tuple[int, str]],
    data: st.DataObject,
) -> None:
    values: dict[str, str] = {}
    for place, rule in enumerate(spoken):
        for number, each in enumerate([*[one for group in rule.groups for one in group], *rule.when]):
            if data.draw(st.booleans()):
                each.parameter = f"P{place}_{number}"
                if rule.action == "INCLUDE" or data.draw(st.booleans()):
                    values[each.parameter] = literal(each.value)
                else:
                    rule.drops = True
    live = Put({str(ordinal): properties for ordinal, properties in put.items()}, [str(ordinal) for ordinal in put])
    view = FilterView(
        attributes(ITEMS, catalogue, live),
        attributes(USERS, [user]),
        user=0,
        events=Events.of([item for item, _ in happened], [name for _, name in happened]),
    )
    text = " | ".join(rule.write() for rule in spoken)
    bitmap = evaluate(parse(text), view, values)
    assert len(bitmap) == len(view.items) == max([len(catalogue), *(ordinal + 1 for ordinal in put)])
    for ordinal, allowed in enumerate(bitmap.tolist()):
        item = {**(catalogue[ordinal] if ordinal < len(catalogue) else {}), **put.get(ordinal, {})}
        types = [name for touched, name in happened if touched == ordinal]
        assert allowed == naive(spoken, item, user, types), (text, values, item)
