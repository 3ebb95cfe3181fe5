"""Whom to be in a shop: real shoppers as personas, somebody by id, or somebody new who says what they like."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from secrets import token_hex

import msgspec
import numpy as np

from endcap.api.acknowledging import acknowledged
from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.storefront.counter import OPEN, Counter, Missing, absent
from endcap.api.console.storefront.goods import Shelved
from endcap.api.console.storefront.people import People, Persona
from endcap.api.personalize.properties import fitted
from endcap.api.wire import invalid
from endcap.lake.schemas import Schema
from endcap.lake.shop_schemas import SHOP_USERS
from endcap.recipes.knowledge import Knowledge, default_rules
from endcap.recipes.knowledge_facts import PRICE, Places, Told
from endcap.recipes.knowledge_faults import unread
from endcap.recipes.knowledge_rules import Question, RuleFile, parse
from endcap.registry.datasets import describe_datasets
from endcap.serving.attributes import NumberColumn, TextColumn
from endcap.serving.shop import ShopState
from endcap.serving.shop_schemas import ShopSchemas
from endcap.serving.snapshot import Snapshot
from endcap.stream.collect import event_record, put_record
from endcap.stream.records import Event, Put, Value
from endcap.types import SECOND, ShopKey

CHOSEN, MOST = 12, 48
CHOICES = 14
"""Answers that are offered to a question about a column of the items."""
PICKED = 20
"""Products that somebody may choose to begin with."""
LONGEST = 64
"""Most letters of a value in an answer, or in what is offered for one."""
FOUND = 20
SCANNED = 200_000
_CONTENT = re.compile(r"\d[\d./ -]*(oz|lb|ml|cl|l|kg|g|ct|pk|ga|gal|qt|pt|dz|doz|load|sq ft)\b", re.IGNORECASE)
_MARKS = re.compile(r"[|=\x00-\x1f]")


class PersonasAsked(Ask, frozen=True):
    """Of which shop, and how many."""

    shop: str
    count: int = CHOSEN


class ShopperAsked(Ask, frozen=True):
    """One shopper."""

    shop: str
    user: str


class ShoppersSought(Ask, frozen=True):
    """Shoppers whose ids begin so."""

    shop: str
    starts: str = ""


class Personas(Shape, frozen=True):
    """Real shoppers, unlike each other; `users` is how many the shop has."""

    personas: tuple[Persona, ...]
    users: int


class ShoppersFound(Shape, frozen=True):
    """Ids."""

    users: tuple[str, ...]


class QuestionAsked(Shape, frozen=True):
    """One question: the field its answer is kept under, the choices where there are some, and whether several may be
    chosen; `kind` is choice, number or text."""

    name: str
    ask: str
    field: str
    choices: tuple[str, ...]
    several: bool
    kind: str


class Questions(Shape, frozen=True):
    """What shoppers are asked. Answers count wherever a campaign of the recipe `knowledge` is asked: `campaigns`; with
    none, `missing` says how to get one."""

    questions: tuple[QuestionAsked, ...]
    campaigns: tuple[str, ...]
    missing: Missing | None = None


class OfShop(Ask, frozen=True):
    """Of which shop."""

    shop: str


class NewShopper(Ask, frozen=True):
    """Somebody new, or the shopper of an id that was made so: products they like, and answers by field."""

    shop: str
    user: str = ""
    items: tuple[str, ...] = ()
    answers: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class ShopperMade(Shape, frozen=True):
    """Who it is now; `stored` is what was put of them, `liked` how many events were told."""

    user: str
    stored: str
    liked: int


class Shoppers:
    """`/shop/api/personas`, `/shop/api/shoppers`, `/shop/api/questions`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved = backstage, shelved
        self._held: dict[ShopKey, tuple[ShopState, People]] = {}

    def operations(self) -> Sequence[Operation]:
        """Each of them."""
        return (
            OPEN("getPersonas", "GET", "/shop/api/personas", "Real shoppers.", self.personas, PersonasAsked, Personas),
            OPEN("getPersona", "GET", "/shop/api/persona", "One shopper.", self.persona, ShopperAsked, Persona),
            OPEN(
                *("findShoppers", "GET", "/shop/api/shoppers", "Shoppers by their ids.", self.find),
                *(ShoppersSought, ShoppersFound),
            ),
            OPEN("getQuestions", "GET", "/shop/api/questions", "What is asked.", self.questions, OfShop, Questions),
            Operation(
                *("makeShopper", "POST", "/shop/api/shoppers", "Be somebody new.", self.make),
                *(NewShopper, ShopperMade),
                access="events",
                local=True,
            ),
        )

    def personas(self, call: Call, asked: PersonasAsked) -> Personas:
        """The same ones until the shop's data is another."""
        counter = self._counter(call, asked.shop)
        people = self._people(counter)
        rows = people.unlike(min(max(asked.count, 1), MOST))
        lake = self._backstage.workspace.lake
        users = len(counter.snapshot.state.histories.users)
        return Personas(personas=tuple(people.personas(lake, counter.shop, rows)), users=users)

    def persona(self, call: Call, asked: ShopperAsked) -> Persona:
        """Raises `Refusal` for one whom the shop's history does not have."""
        counter = self._counter(call, asked.shop)
        row = counter.snapshot.state.histories.users.find(asked.user)
        if row < 0:
            raise absent("The shop's history has no shopper", asked.user, ". Live shoppers have none yet.")
        rows = np.array([row], np.int32)
        return self._people(counter).personas(self._backstage.workspace.lake, counter.shop, rows)[0]

    def find(self, call: Call, asked: ShoppersSought) -> ShoppersFound:
        """Ids that begin with some letters, in order, of as many as can be looked through at once."""
        users = self._counter(call, asked.shop).snapshot.state.histories.users
        if not asked.starts:
            return ShoppersFound(users=())
        exact = users.find(asked.starts)
        names = users.names(np.arange(min(len(users), SCANNED), dtype=np.int32))
        found = sorted(name for name in names if name.startswith(asked.starts))[:FOUND]
        if exact >= 0 and asked.starts not in found:
            found = [asked.starts, *found][:FOUND]
        return ShoppersFound(users=tuple(found))

    def questions(self, call: Call, asked: OfShop) -> Questions:
        """Of the rules that are served, or else of the usual ones; without those that the items cannot answer."""
        counter = self._counter(call, asked.shop)
        state = counter.snapshot.state
        told = _knowing(counter.served)
        rules = told[0][1] if told else default_rules()
        found = [each for question in rules.questions if (each := _asked(question, rules, state)) is not None]
        missing = None if told else counter.missing("told")
        campaigns = tuple(snapshot.deployment.campaign for snapshot, _ in told)
        return Questions(questions=tuple(found), campaigns=campaigns, missing=missing)

    async def make(self, call: Call, asked: NewShopper) -> ShopperMade:
        """Stored as PutUsers and PutEvents store it; the next answer knows it. Raises `Refusal`."""
        counter = self._counter(call, asked.shop)
        if len(asked.items) > PICKED:
            raise invalid(f"{len(asked.items)} products were chosen, at most {PICKED} count.")
        goods = await counter.goods()
        known = [card.item for card in goods.cards(asked.items)]
        text = _questionnaire(asked.answers)
        _refuse_unread(counter, asked.answers)
        if not known and not text:
            raise invalid("Nothing was chosen and nothing answered. Choose a product, or answer a question.")
        user = asked.user or f"me-{token_hex(6)}"
        if not re.fullmatch(r"me-[0-9a-f]{12}", user):
            raise invalid("Only shoppers who were made here can be changed here.")
        now, by = self._backstage.clock.now(), self._backstage
        records = []
        if text:
            columns = await asyncio.to_thread(self._columns, counter.shop, text)
            records.append(put_record(counter.shop, "user", Put(id=user, time=now, properties=columns)))
        for place, item in enumerate(known):
            at = now - (len(known) - place) * SECOND
            event = Event(
                event_id=f"{user}-{token_hex(4)}",
                event_type="Like",
                time=at,
                item_id=item,
                user_id=user,
                session_id=f"{user}-first",
            )
            records.append(event_record(counter.shop, event))
        await acknowledged(by.log, records)
        by.metrics.taken("event", len(known))
        by.metrics.taken("user", int(bool(text)))
        return ShopperMade(user=user, stored=text, liked=len(known))

    def _columns(self, shop: ShopKey, text: str) -> dict[str, Value]:
        """The answers as the users' dataset takes them, which has a field for them after this."""
        resources = self._backstage.workspace.resources
        wanted = Schema("users", (SHOP_USERS["USER_ID"], SHOP_USERS["QUESTIONNAIRE"]))
        describe_datasets(resources, shop, {"users": wanted})
        schema = ShopSchemas(resources)(shop, "users")
        faults: list[str] = []
        columns = fitted({"QUESTIONNAIRE": text}, schema or wanted, "answers", faults, whole=True)
        if faults:
            raise invalid(f"{faults[0]}. Give the users' schema a field QUESTIONNAIRE.")
        return columns

    def _counter(self, call: Call, shop: str) -> Counter:
        return Counter.of(self._backstage, self._shelved, call, shop)

    def _people(self, counter: Counter) -> People:
        state = counter.snapshot.state
        held = self._held.get(counter.shop)
        if held is None or held[0] is not state:
            people = People.of(counter.snapshot, self._shelved.goods(counter.snapshot))
            held = self._held[counter.shop] = state, people
        return held[1]


def _knowing(served: Sequence[Snapshot]) -> list[tuple[Snapshot, RuleFile]]:
    """Campaigns of the recipe that reads answers, with their rules."""
    found = []
    for snapshot in served:
        for model in snapshot.models.values():
            if isinstance(model.recipe, Knowledge):
                found.append((snapshot, parse(model.recipe.text_) if model.recipe.text_ else default_rules()))
                break
    return found


def _refuse_unread(counter: Counter, answers: dict[str, tuple[str, ...]]) -> None:
    """Raises `Refusal` for an answer that a rule asks for and cannot read."""
    state = counter.snapshot.state
    told = {field.strip().lower(): Told.of(values) for field, values in answers.items()}
    for rules in [file for _, file in _knowing(counter.served)] or [default_rules()]:
        places = Places(rules.columns, tuple(state.items.columns))

        def is_number(word: str, places: Places = places) -> bool:
            return isinstance(state.items.columns.get(places.of(word)), NumberColumn)

        for rule in rules.rules:
            for each in unread(rule, told, is_number) if places.has(rule) else ():
                raise invalid(str(each))


def _asked(question: Question, rules: RuleFile, state: ShopState) -> QuestionAsked | None:
    """The question with its choices; None where nothing of the items could follow from an answer."""
    places = Places(rules.columns, tuple(state.items.columns))
    follows = [rule for rule in rules.rules if question.field in rule.answers() or question.field in rule.when]
    columns = [
        places.of(column)
        for rule in follows
        if places.has(rule)
        for _, column, condition in rule.item_conditions()
        if question.field in rule.when or question.field in condition.answers()
    ]
    if not columns:
        return None
    choices, kind = question.answers, "choice"
    if not choices and columns[0] == PRICE:
        kind = "number"
    elif not choices:
        choices = next((found for column in columns if (found := _values(state, column))), ())
        kind = "choice" if choices else "text"
    if choices and sum(1 for each in choices if _CONTENT.match(each)) * 2 > len(choices):
        return None  # how much is in a package, which nobody wears
    return QuestionAsked(
        name=question.name,
        ask=question.ask,
        field=question.field,
        choices=tuple(choices),
        several=question.several,
        kind=kind,
    )


def _values(state: ShopState, column: str) -> tuple[str, ...]:
    """The values that most items have; none where there are too many to choose from, or but one."""
    held = state.items.columns.get(column)
    if not isinstance(held, TextColumn) or len(held.words) < 2:
        return ()
    counts = np.bincount(held.codes[held.codes >= 0], minlength=len(held.words))
    best = np.argsort(-counts, kind="stable")[:CHOICES].astype(np.int32)
    names = held.words.names(best)
    return tuple(name for name in names if name and len(name) <= LONGEST and not _MARKS.search(name))


def _questionnaire(answers: dict[str, tuple[str, ...]]) -> str:
    """All answers in one text, as the rules read it. Raises `Refusal`."""
    if len(answers) > 32 or any(len(values) > 32 for values in answers.values()):
        raise invalid("At most 32 questions with 32 answers each.")
    parts = []
    for field, values in answers.items():
        for value in values:
            plain = _MARKS.sub(" ", value).strip()[:LONGEST]
            if plain:
                parts.append(f"{_MARKS.sub(' ', field).strip().lower()[:LONGEST]}={plain}")
    return "|".join(parts)
