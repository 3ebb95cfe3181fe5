"""From the text of a filter to its tree, token by token: no recursion, so no text can be too deep.

filter := rule ("|" rule)*
rule   := (INCLUDE | EXCLUDE) (ItemID | UserID | ActionID) WHERE all (OR all)* [IF CurrentUser.FIELD test (AND …)*]
all    := Dataset.FIELD test (AND Dataset.FIELD test)*
test   := [NOT] IN (list | $P | ($P) | CurrentItem.FIELD) | (= | != | < | <= | > | >=) (scalar | (scalar))
list   := ("text", …)          scalar := "text" | number | TRUE | FALSE | $P | CurrentItem.FIELD
Keywords, datasets and fields are read without case.
"""

from __future__ import annotations

from collections.abc import Mapping

from endcap.lake.schemas import RECORDS, DatasetKind
from endcap.serving.filters.tokens import Token, number, tokens, unexpected, unquoted
from endcap.serving.filters.tree import (
    Action,
    Anything,
    Condition,
    Filter,
    Number,
    OfCurrentItem,
    Operator,
    Parameter,
    Rule,
    Target,
    Texts,
    Truth,
    Value,
)

TARGETS: Mapping[str, Target] = {"ITEMID": "item", "USERID": "user", "ACTIONID": "action"}
DATASETS: Mapping[str, DatasetKind] = {name.upper(): kind for kind, name in RECORDS.items()} | {"ACTION": "actions"}
"""`Action` is how one of the service's own examples writes it."""
ALLOWED: Mapping[Target, tuple[DatasetKind, ...]] = {
    "item": ("items", "interactions"),
    "user": ("users", "interactions"),
    "action": ("actions", "action_interactions"),
}
"""Datasets whose fields tell which items, users or actions are meant."""
EVENTS: tuple[DatasetKind, ...] = ("interactions", "action_interactions")
_ACTIONS: Mapping[str, Action] = {"INCLUDE": "INCLUDE", "EXCLUDE": "EXCLUDE"}
_COMPARISONS: Mapping[str, Operator] = {"=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_ORDERS = ("<", "<=", ">", ">=")
_CHAIN = "Chain rules with | to use several datasets."


def parse(text: str) -> Filter:
    """The filter that an expression says.

    Raises `InputError` in the service's words ("Could not create filter. Invalid input symbol: …"), the place named.
    """
    reader = _Reader(tokens(text))
    rules = [_rule(reader)]
    while reader.skip("|"):
        target = reader.peek(1)
        rules.append(_rule(reader))
        if rules[-1].target != rules[0].target:
            raise unexpected(target, "the same of ItemID, UserID and ActionID in all rules")
    if reader.here.kind != "end":
        raise unexpected(reader.here, "| or the end" if rules[-1].when else "AND, OR, IF, | or the end")
    return Filter(text, tuple(rules))


class _Reader:
    """The tokens and how far they have been read."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens, self._place = found, 0

    @property
    def here(self) -> Token:
        return self._tokens[self._place]

    def peek(self, ahead: int) -> Token:
        return self._tokens[min(self._place + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.here
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def skip(self, *texts: str) -> bool:
        """Read these words or signs if they come next."""
        for ahead, text in enumerate(texts):
            token = self.peek(ahead)
            if text not in (token.word, token.text if token.kind == "sign" else None):
                return False
        for _ in texts:
            self.take()
        return True

    def expect(self, text: str) -> None:
        if not self.skip(text):
            raise unexpected(self.here, text if text.isalpha() else f'"{text}"')


def _rule(reader: _Reader) -> Rule:
    action = _ACTIONS.get(reader.here.word)
    if action is None:
        raise unexpected(reader.here, "INCLUDE or EXCLUDE")
    reader.take()
    target = TARGETS.get(reader.here.word)
    if target is None:
        raise unexpected(reader.here, "ItemID, UserID or ActionID")
    reader.take()
    reader.expect("WHERE")
    first = _condition(reader, target, None)
    groups = [[first]]
    while reader.here.word in ("AND", "OR"):
        if reader.take().word == "OR":
            groups.append([])
        groups[-1].append(_condition(reader, target, first.dataset))
    when = _when(reader, target) if reader.here.word == "IF" else ()
    return Rule(action, target, first.dataset, tuple(map(tuple, groups)), when)


def _when(reader: _Reader, target: Target) -> tuple[Condition, ...]:
    """The conditions of an IF: about the current user, joined by AND only."""
    start = reader.take()
    if target == "user":
        raise unexpected(start, "AND, OR, | or the end: filters on UserID have no current user")
    found = [_of_current_user(reader)]
    while reader.skip("AND"):
        found.append(_of_current_user(reader))
    if reader.here.word == "OR":
        raise unexpected(reader.here, "AND, | or the end: conditions of an IF are joined by AND")
    return tuple(found)


def _of_current_user(reader: _Reader) -> Condition:
    start = reader.here
    if start.word != "CURRENTUSER":
        raise unexpected(start, "CurrentUser: an IF only checks conditions of the current user")
    field = _field(reader)
    condition = _test(reader, start, "users", field)
    if isinstance(condition.value, OfCurrentItem):
        raise unexpected(start, "a value or a parameter after CurrentUser, not CurrentItem")
    return condition


def _condition(reader: _Reader, target: Target, dataset: DatasetKind | None) -> Condition:
    start = reader.here
    allowed = [dataset] if dataset else ALLOWED[target]
    names = " or ".join(f"{RECORDS[each]}.FIELD" for each in allowed)
    if start.word == "CURRENTUSER":
        raise unexpected(start, f"{names}; CurrentUser comes after IF only")
    kind = DATASETS.get(start.word)
    if kind is None:
        raise unexpected(start, names)
    if kind not in allowed:
        raise unexpected(start, f"{names}: a rule has conditions on one dataset" if dataset else names, fix=_CHAIN)
    field = _field(reader)
    if kind in EVENTS and field != "event_type":
        raise unexpected(start, f"{RECORDS[kind]}.EVENT_TYPE: interactions can be filtered by their event type only")
    condition = _test(reader, start, kind, field)
    if isinstance(condition.value, OfCurrentItem) and kind != "items":
        raise unexpected(start, "Items.FIELD where a value comes from CurrentItem")
    return condition


def _field(reader: _Reader) -> str:
    """Read `Dataset.FIELD`; the field in lower case."""
    reader.take()
    reader.expect(".")
    if reader.here.kind != "word":
        raise unexpected(reader.here, "the name of a field")
    return reader.take().text.lower()


def _test(reader: _Reader, start: Token, dataset: DatasetKind, field: str) -> Condition:
    named = f"{start.text}.{field.upper()}"
    operator, at = _operator(reader), reader.here
    value = _listed(reader) if operator in ("IN", "NOT IN") else _scalar(reader)
    if isinstance(value, Texts) and "*" in value.values:
        if dataset not in EVENTS:
            raise unexpected(at, 'a value other than "*", which stands for any Interactions.EVENT_TYPE only')
        value = Anything()
    if dataset in EVENTS and operator in _ORDERS:
        raise unexpected(at, "IN, NOT IN, = or != before it: event types have no order")
    if dataset in EVENTS and isinstance(value, (Number, Truth)):
        raise unexpected(at, "the quoted name of an event type")
    return Condition(dataset, field, operator, value, start.position, named)


def _operator(reader: _Reader) -> Operator:
    if reader.skip("IN"):
        return "IN"
    if reader.skip("NOT", "IN"):
        return "NOT IN"
    found = _COMPARISONS.get(reader.here.text) if reader.here.kind == "sign" else None
    if found is None:
        raise unexpected(reader.here, "IN, NOT IN or one of = != < <= > >=")
    reader.take()
    return found


def _listed(reader: _Reader) -> Value:
    """What stands after IN."""
    token = reader.here
    if token.kind == "parameter":
        return Parameter(reader.take().text[1:])
    if token.word == "CURRENTITEM":
        return OfCurrentItem(_field(reader))
    if not reader.skip("("):
        raise unexpected(token, '("text", …), $PARAMETER or CurrentItem.FIELD')
    if reader.here.kind == "parameter":
        name = reader.take().text[1:]
        reader.expect(")")
        return Parameter(name)
    found = [_text(reader)]
    while reader.skip(","):
        found.append(_text(reader))
    if not reader.skip(")"):
        raise unexpected(reader.here, ", or )")
    return Texts(tuple(dict.fromkeys(found)))


def _text(reader: _Reader) -> str:
    if reader.here.kind != "text":
        raise unexpected(reader.here, "a quoted text; IN compares texts, numbers take = != < <= > >=")
    return unquoted(reader.take().text)


def _scalar(reader: _Reader) -> Value:
    """What stands after a comparison, in parentheses or not."""
    wrapped = reader.skip("(")
    token = reader.here
    value: Value
    if token.kind == "number":
        value = Number(number(reader.take().text))
    elif token.kind == "text":
        value = Texts((unquoted(reader.take().text),))
    elif token.kind == "parameter":
        value = Parameter(reader.take().text[1:])
    elif token.word in ("TRUE", "FALSE"):
        value = Truth(reader.take().word == "TRUE")
    elif token.word == "CURRENTITEM" and not wrapped:
        value = OfCurrentItem(_field(reader))
    else:
        raise unexpected(token, "a number, a quoted text, TRUE, FALSE, $PARAMETER or CurrentItem.FIELD")
    if wrapped:
        reader.expect(")")
    return value
