"""What rules look at: values of items in columns, answers of shoppers, and whether a condition holds of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.errors import InputError
from endcap.recipes.knowledge_rules import BANDS, Answer, Condition, Operand, Rule, RuleFile
from endcap.recipes.queries import Queries
from endcap.recipes.written_numbers import written_number
from endcap.types import DAY, HOUR, ITEM_ID, Bool, Float32, Int64

ROLES: Mapping[str, tuple[str, ...]] = {
    "category": ("category_l1", "categories", "genres", "department", "product_category"),
    "subcategory": ("category_l2", "style", "product_type"),
    "brand": ("manufacturer",),
    "colour": ("color",),
    "material": ("materials", "fabric"),
    "gender": ("gender_affinity",),
    "age": ("age_group",),
    "rating": ("average_rating",),
}
"""Columns that a word of a rule stands for where the items have no column of that name, the first that there is."""
PRICE = "price"
SHORT = 60
"""Texts up to this long are values that can be compared; longer ones can be searched for words only."""
QUESTIONNAIRE = "questionnaire"
"""A column of profiles that may hold all answers at once: `diet=vegan|skin=dry`."""
MOMENTS: Mapping[str, Callable[[Int64], Int64]] = {
    "month": lambda now: now.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12 + 1,
    "weekday": lambda now: (now // DAY + 3) % 7 + 1,
    "hour": lambda now: now % DAY // HOUR,
}
"""Fields that nobody answers: of the moment of asking, UTC. Months 1 … 12, weekdays 1 (Monday) … 7, hours 0 … 23."""
LONG = "…"
"""Stands for any longer text."""
_FEWEST = 2
"""Items that share a value, on average, for the column to tell something of taste."""


@dataclass(frozen=True)
class Told:
    """One value as rules see it: texts in lower case (several where joined by `|`), and the number that it is."""

    texts: tuple[str, ...] = ()
    number: float = float("nan")

    @classmethod
    def of(cls, value: Any) -> Told:
        """Of any value of a table, a profile or a request; None and blank texts are unknown."""
        if value is None or (isinstance(value, float) and np.isnan(value)):
            return cls()
        if isinstance(value, (list, tuple, set)):
            return cls.of("|".join(text for each in value for text in cls.of(each).texts))
        if isinstance(value, bool):
            return cls((str(value).lower(),))
        if isinstance(value, (int, float)):
            return cls((_plain(float(value)),), float(value))
        texts = tuple(part.strip().lower() for part in str(value).split("|") if part.strip())
        return cls(texts, written_number(texts[0]) if len(texts) == 1 else float("nan"))


def holds(condition: Condition, told: Told) -> bool:
    """Whether a condition without references to answers holds of one value. Price bands are those of items: see
    `ItemFacts.mask`."""
    is_known = bool(told.texts)
    if condition.known is False:
        return not is_known
    if not is_known:
        return condition.unknown_too
    held = not condition.one_of or _among(condition.one_of, told)
    held &= not condition.none_of or not _among(condition.none_of, told)
    held &= all(any(word in text for text in told.texts) for word in condition.words)
    held &= condition.least is None or told.number >= float(condition.least)  # type: ignore[arg-type]
    return held and (condition.most is None or told.number <= float(condition.most))  # type: ignore[arg-type]


def resolved(condition: Condition, answers: Mapping[str, Told]) -> Condition | None:
    """The condition with answers in place of the references to them, without the parts whose answer is not known; None
    where that leaves nothing to ask.

    An answer that is there and is no number where a number is asked for becomes a bound of NaN, which nothing known
    passes.
    """
    if not any(condition.answers()):
        return condition
    found: dict[str, Any] = {}
    for name in ("one_of", "none_of", "bands"):
        values: list[Operand] = []
        for operand in getattr(condition, name):
            values += answers.get(operand.field, Told()).texts if isinstance(operand, Answer) else [operand]
        found[name] = tuple(values)
    for name in ("least", "most"):
        found[name] = operand = getattr(condition, name)
        if isinstance(operand, Answer):
            told = answers.get(operand.field, Told())
            found[name] = told.number if told.texts else None
    whole = replace(condition, **found)
    return None if whole in (Condition(), Condition(unknown_too=True)) else whole


@dataclass(frozen=True)
class ItemFacts:
    """What is known of n items: `values` float32 csr [n, v], 1 where the item has the value `column=text` (or the word
    `column~word`) of `names`; `numbers` float32 [n, c] of the columns `number_names`, NaN where unknown; `bands`
    float32 [n]: 0, 1, 2 for the low, middle and high third of prices in the item's category, NaN where unknown."""

    values: sparse.csr_matrix
    names: tuple[str, ...]
    numbers: Float32
    number_names: tuple[str, ...]
    bands: Float32

    @classmethod
    def of(cls, metadata: pa.Table | None, n_items: int, rules: RuleFile) -> ItemFacts:
        """From the items' table: numbers, what rules compare, and the columns that tell of taste.

        Raises `InputError` for a rule, unless optional, that names a column the items do not have.
        """
        columns: dict[str, pa.ChunkedArray] = {}
        if metadata is not None:
            columns = {name.lower(): metadata[name] for name in metadata.column_names if name.lower() != ITEM_ID}
        place = Places(rules.columns, tuple(columns))
        named = {place.of(column) for rule in rules.rules for _, column, _ in rule.item_conditions()}
        numbers = {name: column for name, column in columns.items() if _is_number(column.type)}
        encoded = _Encoded(n_items)
        for name, column in columns.items():
            if name not in numbers:
                encoded.add(name, column, name in named)
        for rule in rules.rules:
            place.check(rule)
            for _, column, condition in rule.item_conditions():
                for word in condition.words:
                    encoded.add_word(place.of(column), columns.get(place.of(column)), word)
        table = np.full((n_items, len(numbers)), np.nan, np.float32)
        for at, column in enumerate(numbers.values()):
            table[:, at] = column.cast(pa.float64()).to_numpy().astype(np.float32)
        values, names = encoded.matrix()
        found = cls(values, names, table, tuple(numbers), np.full(n_items, np.nan, np.float32))
        return replace(found, bands=found._price_bands(place.of(PRICE), columns, place.of("category")))

    @property
    def columns(self) -> frozenset[str]:
        """Every column that can be asked about."""
        return frozenset((*self.number_names, *(name.partition("=")[0].partition("~")[0] for name in self.names)))

    def mask(self, column: str, condition: Condition) -> Bool:
        """bool [n]: the items of which a condition without references holds."""
        if column in self.number_names:
            held = self._numbers_hold(self.numbers[:, self.number_names.index(column)], condition)
        else:
            held = self._texts_hold(column, condition)
        if condition.bands:
            held &= self._in_bands(condition.bands) | (condition.unknown_too & np.isnan(self.bands))
        return held

    def passes(self, places: Places, rule: Rule) -> Bool:
        """bool [n]: the items that pass those conditions of a rule's `must` that need no answer."""
        held = np.ones(len(self.bands), np.bool_)
        for column, condition in rule.must.items():
            whole = resolved(condition, {})
            if whole is not None:
                held &= self.mask(places.of(column), whole)
        return held

    def tastes(self) -> tuple[str, ...]:
        """Columns of texts that several items share: what a history can tell a taste by."""
        found: dict[str, list[int]] = {}
        for at, name in enumerate(self.names):
            if "=" in name:
                found.setdefault(name.partition("=")[0], []).append(at)
        support = np.asarray(self.values.sum(axis=0)).ravel()
        return tuple(
            column for column, places in found.items() if len(places) > 1 and support[places].mean() >= _FEWEST
        )

    def values_of(self, column: str) -> list[str]:
        """The values that items have in a column of texts."""
        return [name.partition("=")[2] for name in self.names if name.startswith(f"{column}=")]

    def of_column(self, column: str) -> sparse.csr_matrix:
        """float32 csr [n, values of the column]."""
        return self.values[:, [at for at, name in enumerate(self.names) if name.startswith(f"{column}=")]]

    def _numbers_hold(self, numbers: Float32, condition: Condition) -> Bool:
        known = ~np.isnan(numbers)
        if condition.known is False:
            return ~known
        held = np.ones(len(numbers), np.bool_)
        if condition.one_of:
            held &= np.isin(numbers, _numbers(condition.one_of))
        if condition.none_of:
            unwanted = _numbers(condition.none_of)
            # What cannot be read might be any of them.
            held &= ~np.isin(numbers, unwanted) & ~np.isnan(unwanted).any()
        # As the numbers are kept in single precision, so are the bounds that they are compared with.
        if condition.least is not None:
            held &= numbers >= np.float32(condition.least)  # type: ignore[arg-type]
        if condition.most is not None:
            held &= numbers <= np.float32(condition.most)  # type: ignore[arg-type]
        return np.asarray(np.where(known, held, condition.unknown_too), np.bool_)

    def _texts_hold(self, column: str, condition: Condition) -> Bool:
        prefix = f"{column}="
        places = [at for at, name in enumerate(self.names) if name.startswith(prefix)]
        own = self.values[:, places]
        known: Bool = np.diff(own.indptr) > 0
        if condition.known is False:
            return ~known
        told = [Told.of(self.names[at][len(prefix) :]) for at in places]
        held = np.ones(len(known), np.bool_)
        if condition.one_of:
            held &= _any(own, [_among(condition.one_of, each) for each in told])
        if condition.none_of:
            held &= ~_any(own, [_among(condition.none_of, each) for each in told])
        bounds = Condition(least=condition.least, most=condition.most)
        if bounds != Condition():
            held &= _any(own, [holds(bounds, each) for each in told])
        for word in condition.words:
            held &= self._has(f"{column}~{word}")
        return np.asarray(np.where(known, held, condition.unknown_too), np.bool_)

    def _in_bands(self, bands: Iterable[Operand]) -> Bool:
        return np.isin(self.bands, [BANDS.index(str(band)) for band in bands if band in BANDS])

    def _has(self, name: str) -> Bool:
        if name not in self.names:
            return np.zeros(self.values.shape[0], np.bool_)
        return np.asarray(self.values[:, [self.names.index(name)]].toarray().ravel() > 0)

    def _price_bands(self, column: str, columns: Mapping[str, pa.ChunkedArray], category: str) -> Float32:
        bands = np.full(len(self.numbers), np.nan, np.float32)
        if column in self.number_names:
            price = self.numbers[:, self.number_names.index(column)]
        elif column in columns:
            price = np.array([Told.of(value).number for value in columns[column].to_pylist()], np.float32)
        else:
            return bands
        known = ~np.isnan(price)
        kinds = self.of_column(category)
        group = np.full(len(price), -1)
        first = np.diff(kinds.indptr) > 0
        group[first] = kinds.indices[kinds.indptr[:-1][first]]
        for own in np.unique(group[known]):
            rows = np.flatnonzero(known & (group == own))
            edges = np.quantile(price[rows], [1 / 3, 2 / 3])
            bands[rows] = np.searchsorted(edges, price[rows], side="left")
        return bands


class Places:
    """Which column of the items a rule's word means."""

    def __init__(self, given: Mapping[str, str], columns: Sequence[str]) -> None:
        self._given, self._columns = given, columns

    def of(self, word: str) -> str:
        """The column: the one the file names, one of that name, or one of its role; else the word itself."""
        chosen = self._given.get(word, word)
        if chosen in self._columns:
            return chosen
        return next((name for name in ROLES.get(chosen, ()) if name in self._columns), chosen)

    def has(self, rule: Rule) -> bool:
        """Whether the items have every column that the rule names."""
        return all(self.of(column) in self._columns for _, column, _ in rule.item_conditions())

    def check(self, rule: Rule) -> None:
        """Raise `InputError` for a rule that cannot be followed here and is not optional."""
        for part, column, _ in rule.item_conditions():
            if not rule.optional and self.of(column) not in self._columns:
                known = ", ".join(sorted(self._columns)) or "no columns"
                raise InputError(
                    f"{rule.place[0].upper()}{rule.place[1:]}, {part}.{column}: the items have no such column; "
                    f"they have {known}.",
                    fix="Name one of theirs, say which under [columns], or make the rule optional.",
                )


class _Encoded:
    """Values of text columns by number, as they come."""

    def __init__(self, n_items: int) -> None:
        self._n = n_items
        self._rows: list[int] = []
        self._codes: list[int] = []
        self._numbers: dict[str, int] = {}

    def add(self, name: str, column: pa.ChunkedArray, is_named: bool) -> None:
        """The values of a column, unless nearly each item has its own and no rule names it."""
        texts = [Told.of(value).texts for value in column.to_pylist()]
        short = [tuple(text if len(text) <= SHORT else LONG for text in each) for each in texts]
        held = [text for each in short for text in each]
        if not is_named and len(set(held)) * _FEWEST > len(held):
            return
        for row, each in enumerate(short):
            self._put(row, [f"{name}={text}" for text in each])

    def add_word(self, name: str, column: pa.ChunkedArray | None, word: str) -> None:
        """The items in whose text the word stands."""
        if column is None or f"{name}~{word}" in self._numbers:
            return
        for row, text in enumerate(column.to_pylist()):
            if text is not None and word in str(text).lower():
                self._put(row, [f"{name}~{word}"])

    def matrix(self) -> tuple[sparse.csr_matrix, tuple[str, ...]]:
        """(float32 csr [n, v], names)."""
        shape = (self._n, len(self._numbers))
        ones = np.ones(len(self._rows), np.float32)
        matrix = sparse.csr_matrix((ones, (self._rows, self._codes)), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix, tuple(self._numbers)

    def _put(self, row: int, names: Sequence[str]) -> None:
        self._rows += [row] * len(names)
        self._codes += [self._numbers.setdefault(name, len(self._numbers)) for name in names]


class Answers:
    """What q shoppers answered, by field: of the moment (`context`) before what is known of them (`profiles`)."""

    def __init__(self, queries: Queries) -> None:
        self._count, self._context, self._now = len(queries), queries.context, queries.now
        profiles = queries.profiles
        self._columns = {} if profiles is None else {name.lower(): profiles[name] for name in profiles.column_names}
        self._kept: dict[str, list[Told]] = {}

    def of(self, field: str) -> list[Told]:
        """One for each query."""
        if field not in self._kept:
            self._kept[field] = self._read(field)
        return self._kept[field]

    def _read(self, field: str) -> list[Told]:
        known: list[Any] = [None] * self._count
        if field in self._columns:
            known = self._columns[field].to_pylist()
        if QUESTIONNAIRE in self._columns:
            texts = self._columns[QUESTIONNAIRE].to_pylist()
            known = [answer_in(texts[at], field) if value is None else value for at, value in enumerate(known)]
        if field in MOMENTS and not any(known):
            known = MOMENTS[field](self._now).tolist()
        for at, told in enumerate(self._context):
            for name, value in told.items():
                if name.lower() == field:
                    known[at] = value
        return [Told.of(value) for value in known]


def answer_in(text: Any, field: str) -> str | None:
    """The answer of a field in a `QUESTIONNAIRE`."""
    parts = [part.partition("=") for part in str(text or "").split("|")]
    return "|".join(value for name, _, value in parts if name.strip().lower() == field) or None


def _among(operands: Iterable[Operand], told: Told) -> bool:
    return any(
        (operand in told.texts) or (not np.isnan(told.number) and _same(operand, told.number)) for operand in operands
    )


def _same(operand: Operand, number: float) -> bool:
    return bool((operand if isinstance(operand, float) else written_number(str(operand))) == number)


def _any(values: sparse.csr_matrix, wanted: Sequence[bool]) -> Bool:
    """bool [n]: the row has one of the wanted values."""
    return np.asarray(values @ np.array(wanted, np.float32) > 0) if len(wanted) else np.zeros(values.shape[0], np.bool_)


def _numbers(operands: Iterable[Operand]) -> Float32:
    """One for each operand, NaN for a text that is none."""
    found = [operand if isinstance(operand, float) else written_number(str(operand)) for operand in operands]
    return np.array(found, np.float32)


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
