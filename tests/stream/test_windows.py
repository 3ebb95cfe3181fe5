"""Every kind of window and every aggregate against a naive implementation over the sorted, distinct list."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from naive_windows import Arrivals, Happened, amount, ended, inside

from endcap.errors import ArtefactError, InputError
from endcap.stream.windows import AGGREGATES, AHEAD, LATE, Aggregate, Block, Counts, Window, Windows, openings
from endcap.types import DAY, HOUR, MINUTE, SECOND

WEIGHTS, PER, PRIOR = [1.0, 2.0, 0.0, 0.5], [0.0, 0.0, 1.0, 1.0], (0.5, 10.0)
START = 20_000 * DAY
WINDOWS = {
    "stagger": Window("stagger", 2 * MINUTE),
    "stagger-days": Window("stagger", 2 * DAY),
    "tumbling": Window("tumbling", HOUR),
    "sliding": Window("sliding", 30 * MINUTE),
    "sliding-days": Window("sliding", 10 * DAY),
    "stepped": Window("sliding", HOUR, 10 * MINUTE),
    "session": Window("session", 30 * MINUTE),
    "panes": Window("tumbling", HOUR, panes=True),
    "stepped-panes": Window("sliding", 3 * HOUR, HOUR, panes=True),
}
PAIRS = [
    (name, aggregate)
    for name, aggregate in itertools.product(WINDOWS, AGGREGATES)
    if not WINDOWS[name].panes or aggregate in ("count", "sum", "rate")
]

# Seconds, minutes and days apart, and exactly at the ends of windows.
_offsets = st.one_of(
    st.integers(0, 300).map(lambda n: n * SECOND),
    st.integers(0, 200).map(lambda n: n * MINUTE),
    st.integers(0, 20 * 24).map(lambda n: n * HOUR),
    st.integers(0, 4 * HOUR),
)
_events = st.builds(
    lambda time, salt, key, other, kind: Happened(
        START + time, 1 + (((time * 3 + salt) * 3 + key) * 4 + other) * 4 + kind, key, other, kind
    ),
    *(_offsets, st.integers(0, 2), st.integers(1, 2), st.integers(0, 3), st.integers(0, 3)),
)
"""One name, one event."""
_arrivals = st.lists(st.tuples(st.lists(_events, min_size=1, max_size=12), st.integers(0, 3 * DAY)), max_size=8)
_asked = st.lists(st.tuples(st.integers(1, 3), st.integers(-7 * DAY, 2 * DAY)), min_size=1, max_size=8)


def block(events: list[Happened]) -> Block:
    columns = [[getattr(event, name) for event in events] for name in ("key", "time", "name", "other")]
    kinds = np.array([event.kind for event in events], np.int16)
    return Block(*(np.array(column, np.int64) for column in columns), kinds)


def engine(window: Window, aggregate: Aggregate, **given: bool) -> Windows:
    return Windows(window, aggregate, np.array(WEIGHTS), per=np.array(PER), prior=PRIOR, **given)


def same(found: float, wanted: float) -> bool:
    return (math.isnan(found) and math.isnan(wanted)) or math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-9)


@pytest.mark.parametrize("name", WINDOWS)
@given(arrivals=_arrivals, asked=_asked, order=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_late_repeated_and_unordered_events_give_what_sorted_distinct_ones_do(name, arrivals, asked, order):
    window = WINDOWS[name]
    by_aggregate = {aggregate: engine(window, aggregate) for each, aggregate in PAIRS if each == name}
    naive, now = Arrivals(), START
    for events, passed in arrivals:
        now += passed
        told = [*events, *order.sample(events, len(events) // 2)]
        order.shuffle(told)
        for windows in by_aggregate.values():
            windows.fold(block(told), now)
        naive.add(told, now)
    if window.panes:
        naive.late = naive.ahead = 0  # repeats are sorted out first there
    floor = max((event.time for event in naive.accepted), default=0) if window.panes else 0
    keys = [key for key, _ in asked]
    times = [max(now + offset, floor) for _, offset in asked]
    held = [inside(window, naive.of(key), time) for key, time in zip(keys, times, strict=True)]
    for aggregate, windows in by_aggregate.items():
        if aggregate == "last":
            found = windows.last(np.array(keys), np.array(times), 3).tolist()
            for row, events in zip(found, held, strict=True):
                others = [event.other for event in reversed(events) if event.other][:3]
                assert row == others + [0] * (3 - len(others))
            continue
        values = windows.values(np.array(keys), np.array(times)).tolist()
        for value, events, time in zip(values, held, times, strict=True):
            wanted = amount(aggregate, events, time, WEIGHTS, PER, PRIOR)
            assert same(value, wanted), (aggregate, value, wanted)
        counts = windows.counts()
        assert counts.taken == len(naive.accepted)
        if not window.panes:
            assert (counts.late, counts.ahead, counts.crowded) == (naive.late, naive.ahead, 0)


@pytest.mark.parametrize("name", [name for name in WINDOWS if not name.startswith("sliding")])
@given(arrivals=_arrivals, order=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_records_of_closed_windows_end_as_those_of_sorted_input(name, arrivals, order):
    window = WINDOWS[name]
    windows, naive = engine(window, "sum", listed=True), Arrivals()
    newest: dict[tuple[int, int], float] = {}
    listed: dict[tuple[int, int], float] = {}
    now = START
    for events, passed in arrivals:
        now += passed
        order.shuffle(events)
        windows.fold(block(events), now)
        naive.add(events, now)
        listed = {}
        closed = windows.closed(now)
        for key, start, end, value in zip(*(column.tolist() for column in closed), strict=True):
            assert start < end <= now
            assert (key, end) not in listed
            listed[key, end] = value
        newest |= listed
    wanted = {
        (key, end): amount("sum", held, end, WEIGHTS, PER, PRIOR)
        for key in (1, 2)
        for _, end, held in ended(window, naive.of(key), now)
    }
    assert {at: newest.get(at) for at in wanted} == wanted
    assert not len(windows.closed(now).key)


@pytest.mark.parametrize("name", [name for name, window in WINDOWS.items() if window.panes])
def test_an_event_of_a_clock_that_ran_ahead_counts_when_it_comes_again_in_time(name):
    windows = engine(WINDOWS[name], "sum")
    early = [Happened(START + 25 * 3600 * 1_000_000, 33, 2, 0, 0)]
    windows.fold(block(early), START)
    assert (windows.counts().ahead, windows.counts().taken) == (1, 0)
    windows.fold(block(early), START + 26 * 3600 * 1_000_000)
    windows.fold(block(early), START + 26 * 3600 * 1_000_000)
    assert (windows.counts().repeated, windows.counts().taken) == (1, 1)


@given(arrivals=_arrivals)
@settings(max_examples=40, deadline=None)
def test_settled_windows_are_listed_once_and_for_good(arrivals):
    window = WINDOWS["stagger"]
    windows, naive = engine(window, "sum", listed=True), Arrivals()
    found: list[tuple[int, int, int, float]] = []
    now = START
    for events, passed in arrivals:
        now += passed
        windows.fold(block(events), now)
        naive.add(events, now)
        found += zip(*(column.tolist() for column in windows.closed(now, settled=True)), strict=True)
    windows.fold(block([]), now + LATE)
    found += zip(*(column.tolist() for column in windows.closed(now + LATE, settled=True)), strict=True)
    wanted = [
        (key, start, end, amount("sum", held, end, WEIGHTS, PER, PRIOR))
        for key in (1, 2)
        for start, end, held in ended(window, naive.of(key), now)
    ]
    assert sorted(each for each in found if each[2] <= now) == sorted(wanted)


@pytest.mark.parametrize("name", WINDOWS)
@given(events=st.lists(_events, min_size=1, max_size=60), ahead=st.integers(0, 3 * HOUR))
@settings(max_examples=30, deadline=None)
def test_a_block_folds_as_its_events_one_by_one_do(name, events, ahead):
    whole, single = (engine(WINDOWS[name], "sum", listed=True) for _ in range(2))
    events.sort()
    whole.fold(block(events))
    for event in events:
        single.fold(block([event]), event.time)
    keys, now = np.array([1, 2]), np.full(2, max(event.time for event in events) + ahead)
    assert whole.values(keys, now).tolist() == single.values(keys, now).tolist()
    assert whole.counts() == single.counts()
    assert [column.tolist() for column in whole.closed(int(now[0]))] == [
        column.tolist() for column in single.closed(int(now[0]))
    ]


def test_the_two_minute_window_opens_closes_and_opens_again():
    windows = engine(WINDOWS["stagger"], "sum", listed=True)
    events = [Happened(START + at * SECOND, 100 + at, 1, 0, 1) for at in (0, 60, 119, 120, 300)]
    windows.fold(block(events), START + DAY // 2)
    asked = [0, 60, 119, 120, 239, 240, 299, 300, 420]
    found = windows.values(np.full(9, 1), START + np.array(asked) * SECOND)
    assert found.tolist() == [2, 4, 6, 2, 2, 0, 0, 2, 0]
    closed = windows.closed(START + 299 * SECOND)
    assert ((closed.start - START) // SECOND).tolist() == [0, 120]
    assert ((closed.end - START) // SECOND).tolist() == [120, 240]
    assert closed.value.tolist() == [6, 2]


def test_what_is_too_late_or_too_early_is_counted_and_left_out():
    windows = engine(WINDOWS["sliding-days"], "count")
    now = START + 30 * DAY
    edge = [now - LATE - 1, now - LATE, now + AHEAD, now + AHEAD + 1]
    windows.fold(block([Happened(time, place + 1, 1, 0, 0) for place, time in enumerate(edge)]), now)
    assert windows.counts() == Counts(taken=2, late=1, ahead=1, repeated=0, crowded=0, keys=1, rows=2)
    assert windows.values(np.array([1, 1]), np.array([now, now + AHEAD])).tolist() == [1, 2]
    windows.fold(block([]), now - DAY)
    assert windows.watermark == now


@given(order=st.permutations(range(40)))
@settings(max_examples=30, deadline=None)
def test_a_crowded_key_keeps_its_newest_entries_whatever_the_order(order):
    windows = Windows(Window("sliding", DAY, entries=16), "count", np.ones(4))
    events = [Happened(START + at * SECOND, at + 1, 1, 0, 0) for at in order]
    for event in events:
        windows.fold(block([event]), START + HOUR)
    seconds = [39, 30, 24, 23, 0]
    found = windows.values(np.full(5, 1), START + np.array(seconds) * SECOND)
    assert found.tolist() == [16, 7, 1, 0, 0]
    counts = windows.counts()
    assert counts.rows <= 20 and counts.crowded == 40 - counts.rows


def test_a_hot_key_is_counted_exactly_in_panes():
    windows = Windows(Window("sliding", 6 * HOUR, HOUR, panes=True), "sum", np.array([1.0, 2.0]))
    n = 50_000
    time = START + np.arange(n) * SECOND
    kind = (np.arange(n) % 2).astype(np.int16)
    events = Block(np.ones(n, np.int64), time, np.arange(1, n + 1), np.zeros(n, np.int64), kind)
    windows.fold(events)
    windows.fold(events, int(time[-1]))
    from_hour = (n - 1) // 3_600 - 5
    assert windows.values(np.array([1]), time[-1:]).tolist() == [1.5 * (n - from_hour * 3_600)]
    assert windows.counts().repeated == n
    assert windows.counts().rows < 30


def test_state_stays_bounded():
    windows = Windows(Window("sliding", HOUR), "count", np.ones(1), keys=1_000)
    zero = np.zeros(500, np.int64)
    for day in range(60):
        key, time = np.arange(500) + 500 * day, START + day * DAY + np.arange(500)
        windows.fold(Block(key, time, key + 1, zero, zero.astype(np.int16)))
        counts = windows.counts()
        assert counts.keys <= 5_000
        assert len(windows.arrays()["rows.0"]) <= 40_000
        assert windows.values(key, time[-1:].repeat(500)).tolist() == [1.0] * 500
    assert counts.taken == 30_000
    assert counts.keys <= 1_000


@pytest.mark.parametrize(("name", "aggregate"), PAIRS)
def test_a_saved_state_goes_on_where_it_was(name, aggregate):
    if aggregate == "last":
        return
    first, second = engine(WINDOWS[name], aggregate), engine(WINDOWS[name], aggregate)
    events = [Happened(START + at * MINUTE, at + 1, 1 + at % 2, at % 3, at % 4) for at in range(200)]
    first.fold(block(events[:120]))
    second.restore(first.arrays())
    for windows in (first, second):
        windows.fold(block(events[100:]), events[-1].time)
    keys, now = np.array([1, 2]), np.full(2, events[-1].time + MINUTE)
    assert np.array_equal(first.values(keys, now), second.values(keys, now), equal_nan=True)
    assert first.counts() == second.counts()


@pytest.mark.parametrize(
    "damage",
    [{"plan": np.zeros(7, np.int64)}, {"keys.1": np.array([9_999], np.int64)}, {"rows.3": np.zeros(3, np.int16)}],
)
def test_a_damaged_state_is_refused(damage):
    windows = engine(WINDOWS["stagger"], "sum")
    windows.fold(block([Happened(START, 1, 1, 0, 0)]))
    arrays = windows.arrays()
    with pytest.raises(ArtefactError, match="windows"):
        engine(WINDOWS["stagger"], "sum").restore({**arrays, **damage})
    del arrays["state"]
    with pytest.raises(ArtefactError, match="lack"):
        engine(WINDOWS["stagger"], "sum").restore(arrays)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kind": "hopping", "length": 1}, "no window 'hopping'"),
        ({"kind": "sliding", "length": 0}, "lasts from 1 microsecond"),
        ({"kind": "sliding", "length": 10, "step": 3}, "does not divide"),
        ({"kind": "stagger", "length": 10, "step": 5}, "does not divide"),
        ({"kind": "stagger", "length": 10, "panes": True}, "cannot be counted in panes"),
        ({"kind": "sliding", "length": 10, "panes": True}, "without a step"),
    ],
)
def test_what_does_not_go_together_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        Window(**given)


def test_panes_cannot_tell_what_they_did_not_keep():
    with pytest.raises(InputError, match="Panes cannot give distinct"):
        engine(WINDOWS["panes"], "distinct")
    with pytest.raises(InputError, match="no aggregate"):
        engine(WINDOWS["panes"], "median")
    with pytest.raises(InputError, match="not listed"):
        engine(WINDOWS["panes"], "sum").closed(START)


@given(events=st.lists(_events, max_size=40))
@example(events=[])
@settings(max_examples=50, deadline=None)
def test_openings_are_the_first_rows_of_windows(events):
    events = sorted(set(events), key=lambda event: (event.key, event.time, event.name))
    for name in ("stagger", "session"):
        columns = block(events)
        found = openings(WINDOWS[name], columns.key, columns.time)
        wanted = []
        for key in (1, 2):
            mine = [event for event in events if event.key == key]
            base = len(wanted)
            for _, _, held in ended(WINDOWS[name], mine, 2**62):
                wanted += [base] * len(held)
                base += len(held)
        assert found.tolist() == wanted
