"""Segments from a shop's history: which columns tell what sells, and how much likelier each item is in each segment.

Counted are distinct shoppers of an item, each by the strongest thing they did with it. The shares p_s of a segment are
those of a Dirichlet-multinomial around the shares p of all: p_s = (n_s + α p) / (Σ n_s + α). One α a column, where the
marginal likelihood of the counts is highest (empirical Bayes): a column that tells little gets a large one, and a small
segment leans on the shop. A column is kept for the evidence it gives: by how much that likelihood exceeds the one of
equal shares, beyond what the same column, shuffled, seems to tell; the best of both kinds stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from scipy.special import gammaln

from endcap.lake.dataset import Dataset
from endcap.lake.event_types import is_left_out, weight
from endcap.lake.schemas import Schema
from endcap.seams import rng
from endcap.serving.segments import AGE, HOURS, NO_SEGMENTS, Segments, band_of_age, hour_of, part_of_day
from endcap.types import DAY, EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID, Float32, Float64, Int32, Int64

WINDOW, LATELY = 365 * DAY, 28 * DAY
"""Events that tell segments apart, and those that tell what sells now."""
PEOPLE, CONTEXTS = 4, 3
"""Most columns kept of shoppers' attributes and of events' contexts."""
VALUES, COVERED = 64, 0.5
"""Most values of a column, those of most shoppers first, and the least share of what is known that they must be."""
SHOPPERS = 10
"""A segment of fewer is none."""
ITEMS, OF_EACH, POOL = 2_000, 100, 8_192
"""The shop's best, each segment's best, and most items of both together."""
STRENGTHS = np.logspace(1, 7, 13)
"""Values of α that are tried."""
EVENTS = 5_000_000
"""Of more events only the newest are counted."""
CONTEXT_COLUMNS = ("device", "channel", "event_attribution_source", "country", "store")
LISTS = frozenset({"wish_list", "alerts", "notifications", "search_queries", "favourite_categories", "questionnaire"})
"""Columns of shoppers that hold lists or texts."""


@dataclass(frozen=True)
class Column:
    """`counts` float64 csr [values, items]; `gain` is the evidence for it in nats, shuffled evidence taken off."""

    name: str
    values: tuple[str, ...]
    counts: sparse.csr_matrix
    strength: float
    gain: float


@dataclass(frozen=True)
class Coded:
    """Texts by code, -1 where unknown."""

    name: str
    codes: Int32
    values: tuple[str, ...]


def segments_of(dataset: Dataset, schema: Schema | None = None, contexts: pa.Table | None = None) -> Segments:
    """Of a shop's items by ordinal. `schema` says which columns of shoppers are categorical, `contexts` are events with
    `CONTEXT_COLUMNS` (see `read_contexts`)."""
    events = dataset.interactions
    if not len(events):
        return NO_SEGMENTS
    recent = np.flatnonzero(events.time > dataset.last_time - WINDOW)[-EVENTS:]
    user, item, worth = events.user[recent], events.item[recent], events.weight[recent].astype(np.float64)
    people = []
    for each in _attributes(dataset.user_metadata, schema):
        people.append(_column(each, each.codes[user], user, item, worth, dataset.n_items))
    around = []
    if dataset.time_kind == "micros":
        hours = Coded(HOURS, (hour_of(events.time[recent]) // 3).astype(np.int32), _parts())
        around.append(_column(hours, hours.codes, user, item, worth, dataset.n_items))
    around += [_told(each, dataset) for each in _contexts(contexts, dataset)]
    kept = [*_best(people, PEOPLE), *_best(around, CONTEXTS)]
    if not kept:
        return NO_SEGMENTS
    lately = events.time[recent] > dataset.last_time - LATELY
    if dataset.time_kind != "micros":
        lately[:] = True
    shop = _summed(np.zeros(len(user), np.int32), user, item, worth, 1, dataset.n_items)
    now = _summed(np.zeros(lately.sum(), np.int32), user[lately], item[lately], worth[lately], 1, dataset.n_items)
    return _made(kept, np.asarray(shop.todense()).ravel(), np.asarray(now.todense()).ravel(), dataset.items.ordinals)


def read_contexts(events: pa.Table) -> pa.Table | None:
    """Of interactions as they lie in the lake the columns that `segments_of` wants; None where it has none."""
    names = [name for name in CONTEXT_COLUMNS if name in events.column_names]
    return events.select([ITEM_ID, USER_ID, TIMESTAMP, EVENT_TYPE, *names]) if names else None


def _made(kept: list[Column], shop: Float64, now: Float64, ordinals: Int32) -> Segments:
    """Lifts over the pool of items, and the shares of the shop that they are lifts over."""
    total = shop.sum()
    # What sells now, with what sold in the year as a prior: an item that nobody took lately is still known.
    shares = (now + 0.1 * now.sum() * shop / total) / (1.1 * max(now.sum(), 1e-12))
    with np.errstate(divide="ignore"):
        base = np.log(shares)
    chosen = [np.argsort(-base, kind="stable")[:ITEMS]]
    lifts = [_lift(column) for column in kept]
    for lift in lifts:
        chosen += [np.argsort(-(base + row), kind="stable")[:OF_EACH] for row in lift]
    pool = np.unique(np.concatenate(chosen))
    pool = pool[shop[pool] > 0]
    pool = np.sort(pool[np.argsort(-base[pool], kind="stable")[:POOL]])
    return Segments(
        tuple((column.name, column.values) for column in kept),
        ordinals[pool].astype(np.int32),
        base[pool].astype(np.float32),
        np.concatenate([lift[:, pool] for lift in lifts]).astype(np.float32),
    )


def _lift(column: Column) -> Float32:
    """float32 [values, items]: log(p_s / p), 0 where nobody took an item."""
    counts, strength = column.counts, column.strength
    share = _shares(counts)
    known = share > 0
    lift = np.zeros(counts.shape, np.float32)
    for row in range(counts.shape[0]):
        told = counts[row].toarray().ravel()[known]
        lift[row, known] = np.log((told + strength * share[known]) / ((told.sum() + strength) * share[known]))
    return lift


def _best(columns: list[Column | None], most: int) -> list[Column]:
    told = [column for column in columns if column is not None and column.gain > 0.5 * np.log(column.counts.sum())]
    return sorted(told, key=lambda column: -column.gain / column.counts.sum())[:most]


def _column(each: Coded, codes: Int32, user: Int32, item: Int32, worth: Float64, n_items: int) -> Column | None:
    """A column counted and weighed; `codes` int32 [events]. None where it does not tell shoppers apart."""
    known = codes >= 0
    if not known.any():
        return None
    pairs = np.unique(codes[known].astype(np.int64) * (int(user.max()) + 1) + user[known])
    shoppers = np.bincount(pairs // (int(user.max()) + 1), minlength=len(each.values))
    best = np.argsort(-shoppers, kind="stable")[:VALUES]
    best = np.sort(best[shoppers[best] >= SHOPPERS])
    if len(best) < 2 or shoppers[best].sum() < COVERED * shoppers.sum():
        return None
    place = np.full(len(each.values), -1, np.int32)
    place[best] = np.arange(len(best))
    codes = np.where(known, place[codes], -1)
    known = codes >= 0
    codes, user, item, worth = codes[known], user[known], item[known], worth[known]
    counts = _summed(codes, user, item, worth, len(best), n_items)
    gain, strength = evidence(counts)
    shuffled = _summed(_shuffled(codes, user), user, item, worth, len(best), n_items)
    # Whatever is dealt at random among shoppers seems to tell a little.
    gain -= evidence(shuffled)[0]
    return Column(each.name, tuple(each.values[at] for at in best.tolist()), counts, strength, gain)


def _shuffled(codes: Int32, user: Int32) -> Int32:
    """The codes dealt anew: to shoppers, where each has but one, else to events."""
    draw = rng(0)
    first = np.zeros(int(user.max()) + 1, np.int32)
    first[user] = codes
    if np.array_equal(first[user], codes):
        who = np.unique(user)
        first[who] = first[draw.permutation(who)]
        return first[user]
    return draw.permutation(codes)


def _summed(codes: Int32, user: Int32, item: Int32, worth: Float64, values: int, n_items: int) -> sparse.csr_matrix:
    """float64 csr [values, items]: distinct shoppers, each by the weightiest of their events."""
    key = (codes.astype(np.int64) * n_items + item) * (int(user.max(initial=0)) + 1) + user
    order = np.lexsort((-worth, key))
    first = order[np.diff(key[order], prepend=-1) != 0]
    made = sparse.csr_matrix((worth[first], (codes[first], item[first])), shape=(values, n_items))
    made.sum_duplicates()
    return made


def evidence(counts: sparse.csr_matrix) -> tuple[float, float]:
    """(by how many nats the Dirichlet-multinomial beats one share for all, its α) of float64 counts [values, items]."""
    share = _shares(counts)
    expected, told = share[counts.indices], counts.data
    sums = np.asarray(counts.sum(1)).ravel()
    equal = float(told @ np.log(expected))

    def likelihood(strength: float) -> float:
        rows = gammaln(strength) - gammaln(strength + sums)
        return float(rows.sum() + (gammaln(told + strength * expected) - gammaln(strength * expected)).sum())

    found = [likelihood(each) - equal for each in STRENGTHS]
    best = int(np.argmax(found))
    return found[best], float(STRENGTHS[best])


def _shares(counts: sparse.csr_matrix) -> Float64:
    sums: Float64 = np.asarray(counts.sum(0), np.float64).ravel()
    return sums / sums.sum()


def _attributes(metadata: pa.Table | None, schema: Schema | None) -> Iterator[Coded]:
    """The categorical columns of shoppers, and their age in bands."""
    if metadata is None:
        return
    categorical = None if schema is None else {field.column for field in schema.fields if field.categorical}
    for name in metadata.column_names:
        column = metadata[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if name == AGE and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            ages = column.to_pylist()
            yield _coded(name, pa.array([None if age is None else band_of_age(int(age)) for age in ages], pa.string()))
        elif name != USER_ID and name not in LISTS and (categorical is None or name in categorical):
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                yield _coded(name, column)


def _coded(name: str, column: pa.Array | pa.ChunkedArray) -> Coded:
    """Texts as codes: of several joined by `|` the first, whatever their case; the commonest spelling is shown."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = whole.cast(pa.string()).dictionary_encode()
    spelt = [str(text).split("|")[0].strip() for text in encoded.dictionary.to_pylist()]
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(text.casefold(), len(places)) if text else -1 for text in spelt], np.int32)
    shown: Mapping[int, str] = {}
    counts = np.bincount(encoded.indices.drop_null().to_numpy(), minlength=len(spelt))
    for at in np.argsort(counts, kind="stable").tolist():
        shown = {**shown, int(codes[at]): spelt[at]} if len(places) <= 4 * VALUES else shown
    if len(places) > 4 * VALUES:
        shown = {int(codes[at]): spelt[at] for at in np.argsort(counts, kind="stable").tolist()}
    rows = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    found = np.where(rows < 0, -1, codes[rows]) if len(codes) else np.full(len(rows), -1)
    return Coded(name, found.astype(np.int32), tuple(shown[code] for code in range(len(places))))


def _contexts(table: pa.Table | None, dataset: Dataset) -> Iterator[tuple[Coded, Int32, Int32, Float64]]:
    """(codes of each event, user, item, weight) by column of what events tell of where they happened."""
    if table is None or not table.num_rows:
        return
    table = table.filter(pc.greater(table[TIMESTAMP], dataset.last_time - WINDOW))
    user, users = _codes(table[USER_ID])
    item, items = _codes(table[ITEM_ID])
    kind, kinds = _codes(table[EVENT_TYPE]) if EVENT_TYPE in table.column_names else (np.zeros(len(user), int), [""])
    worth = np.array([0.0 if is_left_out(name) else weight(name) for name in [*kinds, ""]])[kind]
    rows = np.array([*dataset.items.rows([str(name) for name in items]).tolist(), -1], np.int32)[item]
    kept = (worth > 0) & (rows >= 0) & (user >= 0)
    for name in CONTEXT_COLUMNS:
        if name in table.column_names:
            coded = _coded(name, table[name])
            yield Coded(name, coded.codes[kept], coded.values), user[kept].astype(np.int32), rows[kept], worth[kept]


def _codes(column: pa.ChunkedArray) -> tuple[Int64, list[str]]:
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    indices = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    return indices, [str(name) if name is not None else "" for name in encoded.dictionary.to_pylist()]


def _told(given: tuple[Coded, Int32, Int32, Float64], dataset: Dataset) -> Column | None:
    coded, user, item, worth = given
    if not len(user):
        return None
    return _column(coded, coded.codes, user, item, worth, dataset.n_items)


def _parts() -> tuple[str, ...]:
    return tuple(part_of_day(hour) for hour in range(0, 24, 3))
