import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from endcap.errors import InputError
from endcap.serving.filters import Filter, parse
from endcap.serving.filters.tree import Anything, Condition, Number, OfCurrentItem, Parameter, Texts, Truth

DOCUMENTED = [
    "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRE IN CurrentItem.GENRE",
    "EXCLUDE ItemID WHERE Items.GENRE IN ($GENRE) IF CurrentUser.AGE = $AGE",
    'INCLUDE ItemID WHERE Items.CATEGORY IN ("watch") AND Items.DESCRIPTION IN ("luxury") IF CurrentUser.AGE > 18',
    "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP < $DATE",
    "INCLUDE ItemID WHERE Items.YEAR >= 1970 AND Items.YEAR < 1980",
    'INCLUDE ItemID WHERE Items.CATEGORY IN ($CATEGORY) | INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("favorite")',
    'EXCLUDE ItemID WHERE Items.CATEGORY IN ("shoe") AND Items.DESCRIPTION NOT IN ("boot")',
    "INCLUDE UserID WHERE Users.MEMBERSHIP_STATUS IN ($MEMBERSHIP)",
    "EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)",
    "INCLUDE ActionID WHERE Actions.VALUE > ($VALUE)",
    'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
    "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)",
    'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click", "stream")',
    "INCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ($EVENT_TYPE)",
    'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("NOT_TAKEN")',
    'INCLUDE ActionID WHERE Action.MEMBERSHIP_LEVEL IN ("Premium") IF CurrentUser.MEMBERSHIP = $PREMIUM',
    "EXCLUDE ActionID WHERE Actions.VALUE < ($VALUE) IF CurrentUser.MEMBERSHIP = $PREMIUM",
    "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE) | "
    'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click", "stream")',
    'EXCLUDE itemId WHERE INTERACTIONS.event_type in ("EVENT_TYPE")',
    "INCLUDE ItemID WHERE Interactions.event_type IN ('watched','favorited')",
    'INCLUDE ItemID WHERE Items.GENRE IN ("Comedy") IF CURRENTUSER.GENDER = "F"',
]


@pytest.mark.parametrize("text", DOCUMENTED)
def test_documented_expressions_are_filters(text: str) -> None:
    parsed = parse(text)
    assert parsed.text == text
    assert len(parsed.rules) == text.count("|") + 1


def only(text: str) -> Condition:
    [rule] = parse(text).rules
    [[condition]] = rule.any_of
    return condition


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("= 10", Number(10)),
        ("= -3", Number(-3)),
        ("<= +19.99", Number(19.99)),
        ("> .5", Number(0.5)),
        ("> (7.)", Number(7.0)),
        ("= 9223372036854775807", Number(2**63 - 1)),
        ("= TRUE", Truth(True)),
        ("!= (false)", Truth(False)),
        ('= "a"', Texts(("a",))),
        ("= $P_1", Parameter("P_1")),
        ("IN $P", Parameter("P")),
        ("NOT IN ( $P )", Parameter("P")),
        ('IN ("a","b" , "a")', Texts(("a", "b"))),
        (r'IN ("5\" disc", "a|b", "C:\\x\y")', Texts(('5" disc', "a|b", r"C:\x\y"))),
        ("""IN ('it is "it"', 'it\\'s')""", Texts(('it is "it"', "it's"))),
        ('IN ("AND","$P","日本 ☂")', Texts(("AND", "$P", "日本 ☂"))),
        ("IN currentitem.Genre", OfCurrentItem("genre")),
    ],
)
def test_values(written: str, value: object) -> None:
    assert only(f"include itemid where items.Field {written}").value == value


def test_names_are_read_without_case_and_shown_as_written() -> None:
    condition = only('exclude ITEMID where iTeMs.genRes not in ("x")')
    assert (condition.dataset, condition.field, condition.operator) == ("items", "genres", "NOT IN")
    assert condition.position == 22


def test_an_asterisk_is_any_event_type() -> None:
    assert only('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")').value == Anything()
    assert only('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE = "*"').value == Anything()


def test_and_binds_tighter_than_or() -> None:
    [rule] = parse("INCLUDE ItemID WHERE Items.A = 1 OR Items.B = 2 AND Items.C = 3 OR Items.D = 4").rules
    assert [[each.field for each in group] for group in rule.any_of] == [["a"], ["b", "c"], ["d"]]


def test_parameters_of_include_rules_are_mandatory() -> None:
    parsed = parse(
        "INCLUDE ItemID WHERE Items.A IN ($A) IF CurrentUser.B = $B | "
        "EXCLUDE ItemID WHERE Items.C = $C AND Items.A = $A"
    )
    assert parsed.parameters == {"A": True, "B": True, "C": False}
    assert parsed.target == "item"
    assert parsed.fields == {("items", "a"), ("users", "b"), ("items", "c")}
    assert (parsed.uses_current_user, parsed.uses_current_item, parsed.uses_events) == (True, False, False)


REFUSED = [
    ("", "The expression is empty"),
    (" \n\t ", "The expression is empty"),
    ("x" * 2501, "has 2,501 characters, at most 2,500"),
    ("SELECT 1", "Invalid input symbol: SELECT at position 1, expected INCLUDE or EXCLUDE"),
    ("INCLUDE Items WHERE", "Invalid input symbol: Items at position 9, expected ItemID, UserID or ActionID"),
    ("INCLUDE ItemID Items.A = 1", "Invalid input symbol: Items at position 16, expected WHERE"),
    ("INCLUDE ItemID WHERE", "Invalid input symbol: end of expression at position 21, expected Items.FIELD or"),
    ("INCLUDE ItemID WHERE Price < 1", "symbol: Price at position 22, expected Items.FIELD or Interactions.FIELD"),
    ("INCLUDE ItemID WHERE Items < 1", "symbol: < at position 28, expected"),
    ("INCLUDE ItemID WHERE Items.1", 'symbol: .1 at position 27, expected "."'),
    ("INCLUDE ItemID WHERE Items.A LIKE 1", "symbol: LIKE at position 30, expected IN, NOT IN or one of"),
    ("INCLUDE ItemID WHERE Items.A == 1", "symbol: = at position 31, expected a number, a quoted text"),
    ("INCLUDE ItemID WHERE Items.A <> 1", "symbol: > at position 31"),
    ("INCLUDE ItemID WHERE Items.A IN (1, 2)", "symbol: 1 at position 34, expected a quoted text"),
    ("INCLUDE ItemID WHERE Items.A IN ()", "symbol: ) at position 34, expected a quoted text"),
    ('INCLUDE ItemID WHERE Items.A IN ("a" "b")', 'symbol: "b" at position 38, expected , or )'),
    ('INCLUDE ItemID WHERE Items.A IN "a"', 'symbol: "a" at position 33, expected ("text", …), $PARAMETER'),
    ('INCLUDE ItemID WHERE Items.A IN ("a)', 'symbol: " at position 34, expected a closing quote'),
    ("INCLUDE ItemID WHERE Items.A IN (“a”)", "symbol: “ at position 34, expected straight quotes"),
    ('INCLUDE ItemID WHERE Items.A IN ("*")', 'a value other than "*"'),
    ("INCLUDE ItemID WHERE Items.A = 1e5", "symbol: 1 at position 32, expected a number such as 10, -3 or 19.99"),
    ("INCLUDE ItemID WHERE Items.A = $", "expected $ and a parameter name"),
    ("INCLUDE ItemID WHERE Items.A = 1; DROP", "symbol: ; at position 33, expected a keyword"),
    ("INCLUDE ItemID WHERE (Items.A = 1)", "symbol: ( at position 22"),
    ("INCLUDE ItemID WHERE Users.A = 1", "symbol: Users at position 22, expected Items.FIELD or Interactions.FIELD"),
    ("INCLUDE UserID WHERE Items.A = 1", "expected Users.FIELD or Interactions.FIELD"),
    ("INCLUDE ActionID WHERE Interactions.A = 1", "expected Actions.FIELD or Action_Interactions.FIELD"),
    (
        'INCLUDE ItemID WHERE Items.A = 1 AND Interactions.EVENT_TYPE IN ("a")',
        "symbol: Interactions at position 38, expected Items.FIELD: a rule has conditions on one dataset",
    ),
    ('INCLUDE ItemID WHERE Interactions.DEVICE IN ("a")', "expected Interactions.EVENT_TYPE"),
    ("INCLUDE ItemID WHERE Interactions.EVENT_TYPE > 1", "event types have no order"),
    ("INCLUDE ItemID WHERE Interactions.EVENT_TYPE = 1", "the quoted name of an event type"),
    ("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN CurrentItem.A", "where a value comes from CurrentItem"),
    ("INCLUDE UserID WHERE Users.A IN CurrentItem.A", "where a value comes from CurrentItem"),
    ("INCLUDE ItemID WHERE CurrentUser.A = 1", "CurrentUser comes after IF only"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF Users.A = 1", "symbol: Users at position 37, expected CurrentUser"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = 1 OR CurrentUser.B = 1", "joined by AND"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = 1 IF CurrentUser.B = 1", "symbol: IF at position 55"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = 1 AND Items.B = 1", "symbol: Items at position 59"),
    ("INCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = CurrentItem.A", "not CurrentItem"),
    ("INCLUDE UserID WHERE Users.A = 1 IF CurrentUser.A = 1", "filters on UserID have no current user"),
    ("INCLUDE ItemID WHERE Items.A = 1 |", "symbol: end of expression at position 35, expected INCLUDE or EXCLUDE"),
    ("INCLUDE ItemID WHERE Items.A = 1 | EXCLUDE UserID WHERE Users.B = 1", "symbol: UserID at position 44"),
    (
        "INCLUDE ItemID WHERE Items.A = 1 Items.B = 2",
        "symbol: Items at position 34, expected AND, OR, IF, | or the end",
    ),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_refusals_name_the_symbol_its_place_and_what_was_expected(text: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(text)
    assert raised.value.message.startswith("Could not create filter. ")
    assert words in str(raised.value)


PIECES = """INCLUDE EXCLUDE ItemID UserID ActionID WHERE Items Interactions Users Actions Action_Interactions
CurrentUser CurrentItem . EVENT_TYPE PRICE
IN NOT = != < <= > >= ( ) , | IF AND OR TRUE FALSE $P 10 -1.5 "a" 'b' "*" \\ " """
pieces = st.sampled_from(PIECES.split())
garbage = st.one_of(st.text(max_size=200), st.lists(pieces, max_size=60).map(" ".join), st.lists(pieces).map("".join))


def read(text: str) -> Filter | InputError:
    try:
        return parse(text)
    except InputError as error:
        return error


@given(text=garbage)
@example("(" * 2500)
@example('"' + "\\" * 2499)
@example("INCLUDE ItemID WHERE Items.A = " + "9" * 2400)
@example("\ud800")
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_filter_or_an_input_error(text: str) -> None:
    found = read(text)
    if isinstance(found, InputError):
        assert found.message.startswith("Could not create filter. ")
    else:
        assert found.rules and found.parameters is not None and found.fields


@given(first=st.sampled_from(DOCUMENTED), cut=st.integers(0, 120), piece=pieces)
@settings(deadline=None)
def test_a_damaged_filter_is_a_filter_or_an_input_error(first: str, cut: int, piece: str) -> None:
    for text in (first[:cut], first[cut:], f"{first[:cut]} {piece} {first[cut:]}"):
        found = read(text)
        assert isinstance(found, Filter) or found.message.startswith("Could not create filter. ")


def test_the_longest_expressions_are_read_at_once() -> None:
    rule = 'INCLUDE ItemID WHERE Items.A IN ("a")'
    chain = "|".join([rule] * 65)
    assert len(chain) <= 2500
    assert len(parse(chain).rules) == 65
    assert len(parse(rule + " OR Items.A = 1" * 160).rules[0].any_of) == 161
