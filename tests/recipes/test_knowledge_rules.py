"""The rule file: what is written is read, what is wrong is refused by line, rule and field, nothing else is raised."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import InputError
from endcap.recipes.knowledge_facts import ItemFacts, Told, holds, resolved
from endcap.recipes.knowledge_rules import BANDS, Answer, Condition, Question, Rule, RuleFile, parse

WORDS = st.text("abc é|'\"\\#[]=", min_size=1, max_size=6).map(str.strip).filter(bool).map(str.lower)
NAMES = st.text("abcde_", min_size=1, max_size=5)
NUMBERS = st.integers(-1000, 1000).map(lambda each: each / 8)
ANSWERS = NAMES.map(Answer)
OPERANDS = st.lists(WORDS.filter(lambda each: each[0] != "$") | NUMBERS | ANSWERS, max_size=3).map(tuple)
BOUNDS = st.none() | NUMBERS | ANSWERS


def conditions(*, items: bool = True) -> st.SearchStrategy[Condition]:
    made = st.builds(
        Condition,
        one_of=OPERANDS if items else OPERANDS.map(_without_answers),
        none_of=OPERANDS if items else OPERANDS.map(_without_answers),
        least=BOUNDS if items else st.none() | NUMBERS,
        most=BOUNDS if items else st.none() | NUMBERS,
        bands=st.lists(st.sampled_from(BANDS), max_size=2).map(tuple) if items else st.just(()),
        words=st.lists(WORDS, max_size=2).map(tuple) if items else st.just(()),
        known=st.none() | st.booleans(),
        unknown_too=st.booleans(),
    )
    return made.filter(lambda each: each not in (Condition(), Condition(unknown_too=True)) and not each.contradiction())


def _without_answers(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(each for each in operands if not isinstance(each, Answer))


RULES = st.builds(
    Rule,
    name=NAMES,
    when=st.dictionaries(NAMES, conditions(items=False), max_size=2),
    must=st.dictionaries(NAMES, conditions(), min_size=1, max_size=2),
    prefer=st.lists(st.dictionaries(NAMES, conditions(), min_size=1, max_size=2), max_size=2).map(tuple),
    avoid=st.lists(st.dictionaries(NAMES, conditions(), min_size=1, max_size=2), max_size=2).map(tuple),
    weight=st.integers(1, 800).map(lambda each: each / 8),
    because=NAMES,
    optional=st.booleans(),
)
CHOICES = st.lists(st.integers(0, 99).map(str), max_size=2).map(tuple)
QUESTIONS = st.builds(Question, NAMES, NAMES, CHOICES, NAMES, st.booleans())
FILES = st.builds(
    RuleFile,
    st.lists(RULES, max_size=3, unique_by=lambda rule: rule.name).map(tuple),
    st.lists(QUESTIONS, max_size=2, unique_by=lambda question: question.name).map(tuple),
    st.dictionaries(NAMES, NAMES, max_size=2),
)


def _value(operand: Any) -> str:
    if isinstance(operand, Answer):
        return json.dumps(f"${operand.field}")
    return json.dumps(operand, ensure_ascii=False)


def _table(tests: Any) -> str:
    return "{ " + ", ".join(f"{column} = {_condition(test)}" for column, test in tests.items()) + " }"


def _condition(test: Condition) -> str:
    told = {"is": test.one_of, "not": test.none_of, "band": test.bands, "contains": test.words}
    parts = [f"{name} = [{', '.join(map(_value, several))}]" for name, several in told.items() if several]
    bounds = {"min": test.least, "max": test.most, "known": test.known}
    parts += [f"{name} = {_value(bound)}" for name, bound in bounds.items() if bound is not None]
    return "{ " + ", ".join([*parts, f"or_unknown = {json.dumps(test.unknown_too)}"]) + " }"


def written(file: RuleFile) -> str:
    lines = []
    for question in file.questions:
        lines += ["[[question]]", f'name = "{question.name}"', f'ask = "{question.ask}"', f'field = "{question.field}"']
        lines += [f"answers = {json.dumps(question.answers)}", f"several = {json.dumps(question.several)}"]
    for rule in file.rules:
        lines += ["[[rule]]", f'name = "{rule.name}"', f"when = {_table(rule.when)}", f"must = {_table(rule.must)}"]
        for part, several in (("prefer", rule.prefer), ("avoid", rule.avoid)):
            lines.append(f"{part} = [{', '.join(map(_table, several))}]")
        lines += [f"weight = {rule.weight}", f'because = "{rule.because}"', f"optional = {json.dumps(rule.optional)}"]
    return "\n".join([*lines, "[columns]", *(f'{word} = "{column}"' for word, column in file.columns.items())])


@settings(max_examples=15, deadline=None)
@given(FILES)
def test_what_is_written_is_read(file: RuleFile) -> None:
    read = parse(written(file))
    assert read.questions == file.questions and read.columns == file.columns
    for had, rule in zip(read.rules, file.rules, strict=True):
        assert not had.line or written(file).split("\n")[had.line - 1] == "[[rule]]"
        assert had == Rule(**{**vars(rule), "line": had.line})


@settings(max_examples=40, deadline=None)
@given(st.text() | FILES.map(written).flatmap(lambda text: st.integers(0, len(text)).map(lambda at: text[:at])))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse(text), RuleFile)
    except InputError:
        return


VALUES = st.none() | st.lists(WORDS, min_size=1, max_size=2).map("|".join)
MET = st.fixed_dictionaries({"a": st.none() | WORDS, "b": st.none() | NUMBERS.map(str)}).map(
    lambda given: {name: Told.of(value) for name, value in given.items()}
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(VALUES, min_size=1, max_size=6), st.lists(st.none() | NUMBERS, min_size=6, max_size=6), conditions(), MET
)
def test_columns_agree_with_one_value_at_a_time(
    texts: list[str | None], numbers: list[float | None], condition: Condition, answers: dict[str, Told]
) -> None:
    asked = Condition(**{**vars(condition), "bands": (), "words": ()})
    whole = resolved(asked, answers)
    if whole is None:
        return
    columns = {"text": pa.array(texts, pa.string()), "number": pa.array(numbers[: len(texts)], pa.float64())}
    rules = RuleFile((Rule("r", must={"text": Condition(known=True)}),))
    facts = ItemFacts.of(pa.table(columns), len(texts), rules)
    for name, column in columns.items():
        one_by_one = [holds(whole, Told.of(value)) for value in column.to_pylist()]
        # Of several texts each may fulfil a bound; a single number is what `holds` looks at. Of a column of numbers a
        # text that is none lets nothing pass (`not`): it is refused, or an answer that cannot be read.
        words = [each for each in whole.none_of if isinstance(each, str) and np.isnan(Told.of(each).number)]
        if not words if name == "number" else whole.least is None and whole.most is None:
            np.testing.assert_array_equal(facts.mask(name, whole), one_by_one)


HEAD = '# shop\n[[rule]]\nname = "r"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEAD + "must = { size = { at_least = 3 } }",
            "Line 2, rule 'r', must.size has 'at_least', expected is, not, min",
        ),
        (HEAD + 'must = { price = { max = "dear" } }', "Line 2, rule 'r', must.price.max is 'dear', expected a number"),
        (HEAD + 'prefer = { price = { band = "cheap" } }', "prefer.price.band is 'cheap', expected low, middle, high"),
        (HEAD + "must = 3", "Line 2, rule 'r', must is 3, expected a table"),
        (HEAD + 'must = { a = "b" }\nweight = 0', "rule 'r', weight is 0, expected a number above 0"),
        (HEAD + 'when = { a = "$b" }\nmust = { a = 1 }', "when.a compares an answer with"),
        (HEAD + 'when = { a = "b" }', "says nothing of items, expected must, prefer or avoid"),
        (HEAD + "must = { a = { or_unknown = true } }", "must.a asks nothing, expected one of is, not"),
        (HEAD + "must = { a = [] }", "must.a is an empty list"),
        (HEAD + "must = { a = 1 }\n" + HEAD + "must = { a = 1 }", "Two rules are called 'r'"),
        ("[[rule]]\nmust = { a = 1 }", "Line 1, rule 1, name is None, expected a text"),
        ("[rule]\nname = 'r'", r"[rule] was given once as a table, expected [[rule]]"),
        ("[[rules]]\nname = 'r'", "has 'rules', expected question, rule, columns"),
        ("[[question]]\nname = 'q'", "question 'q', ask is None, expected a text"),
        (HEAD + "must = { a = { min = 3, max = 2 } }", "must.a has min 3 above max 2"),
        (HEAD + "must = { a = { known = false, is = 3 } }", "must.a asks for more of a value that is to be unknown"),
        (HEAD + "must = { a = { known = true, or_unknown = true } }", "must.a asks for a value that is known, or not"),
        (HEAD + 'must = { a = { is = "x", not = ["x", "y"] } }', "must.a asks for what it rules out"),
        (HEAD + "when = { month = [12, 13] }\nmust = { a = 1 }", "when.month is 13.0, expected numbers 1 to 12"),
        (
            HEAD + 'must = { a = { band = "$b" } }\n[[question]]\nname = "b"\nask = "?"\nanswers = ["low", "cheap"]',
            "Line 5, question 'b', answers has 'cheap', and must.a of rule 'r' expects low, middle, high",
        ),
        (
            HEAD + 'must = { a = { max = "$b" } }\n[[question]]\nname = "b"\nask = "?"\nanswers = ["$5", "little"]',
            "answers has 'little', and must.a of rule 'r' expects a number",
        ),
        ("[columns]\nsize = 3", "[columns] expected the name of an item column"),
        ("a = [", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert told in str(caught.value)


def test_the_guides_example_can_be_followed() -> None:
    page = (Path(__file__).parents[2] / "docs/guide/knowledge.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    file = parse(example)
    assert [rule.name for rule in file.rules] == ["vegan", "budget", "materials", "gifts", "winter"]
    columns = {
        "material": ["leather", "linen"],
        "description": ["a vegan thing"] * 2,
        "department": ["tools", "gifts"],
        "name": ["warm boots", "napkins"],
        "price": [9.0, 4.0],
    }
    facts = ItemFacts.of(pa.table(columns), 2, file)
    assert facts.mask("material", file.rules[0].must["material"]).tolist() == [False, True]
