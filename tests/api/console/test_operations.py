"""Whatever is sent to an operation of our own API is the caller's mistake, never a fault of ours; and nobody who is not
asked for may send it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_process import answered, app_over
from shop_server import SHOP, Home

from endcap.api.app import App
from endcap.api.console.operation import Operation
from endcap.api.console.tables import described
from endcap.recipes import create

STARTS_PROCESSES = ("startCrowd",)
OPERATIONS = [each for each in described() if each.name not in STARTS_PROCESSES]
IN_QUERY = ("GET", "DELETE")
ODD = ("", "a\0b", "../../x", "a/b", "%", "'", '"', "é", "x" * 600, "-1", "NaN", "9" * 30, "[]", "{}", "[[1]]", "\n")
GOOD = {
    "shop": (SHOP.group,),
    "user": ("u1", "u2"),
    "item": ("i1", "i2"),
    "about": ("i1", ""),
    "campaign": ("home", ""),
    "sort": ("item_id", "timestamp"),
    "filter": ("INCLUDE ItemID WHERE Items.PRICE < $MOST", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'),
    "filters": ('[["item_id", "=", "i1"]]', '[["timestamp", ">=", "2020-01-01"]]', '[["item_id", "=", "\\u0000"]]'),
    "at": (1, 10**16),
}
NUMBERS = (0, 1, 2, 20, -1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    for task in asyncio.all_tasks(made):
        task.cancel()
    made.run_until_complete(asyncio.sleep(0))
    made.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.stock()
    home.campaigns.deploy(SHOP, "home", home.publish(create("item-item")))
    with app_over(home.path) as made:
        yield made


def ask(
    app: App, loop: asyncio.AbstractEventLoop, operation: Operation, part: str, values: dict[str, Any], **headers: str
) -> int:
    """The status of what is answered."""
    is_query = operation.method in IN_QUERY or bool(operation.types)
    body = b"item_id\n1\n" if operation.types else b"" if is_query else json.dumps(values).encode()
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in values.items()}
    kind = operation.types[0] if operation.types else b"application/json"
    told = {"content-type": kind.decode(), **headers}
    before, brace, after = operation.path.partition("{")
    path = f"{before}{quote(part, safe='')}{after.partition('}')[2]}" if brace else before
    query = urlencode(texts) if is_query else ""
    return loop.run_until_complete(answered(app, operation.method, path, body, query=query, headers=told)).status


def of(name: str, kind: Any) -> st.SearchStrategy[Any]:
    """Mostly what a value may be, now and then what it may not."""
    wrong = st.sampled_from((None, True, 1.5, "x", [], {}, [None]))
    good = st.sampled_from(GOOD[name]) if name in GOOD else st.nothing()
    return st.one_of(good, good, _right(name, kind), _right(name, kind), wrong)


def _right(name: str, kind: Any) -> st.SearchStrategy[Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return st.lists(of(name, inner[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(st.sampled_from(("MOST", "x", "")), st.sampled_from(ODD), max_size=2)
    if kind in (int, float):
        return st.sampled_from(NUMBERS)
    if kind is bool:
        return st.booleans()
    if origin is not None:
        return st.sampled_from([each for each in inner if isinstance(each, str)] or ["x", *NUMBERS])
    return st.sampled_from(ODD)


def _values(operation: Operation) -> st.SearchStrategy[dict[str, Any]]:
    fields = msgspec.structs.fields(operation.asks) if operation.asks is not None else ()
    needed = {each.encode_name: of(each.name, each.type) for each in fields if each.required}
    others = {each.encode_name: of(each.name, each.type) for each in fields if not each.required}
    return st.fixed_dictionaries(needed, optional=others)


REQUESTS = st.one_of([st.tuples(st.just(each), st.sampled_from(ODD), _values(each)) for each in OPERATIONS])


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(asked=REQUESTS)
def test_any_request_is_answered_below_500(
    app: App, loop: asyncio.AbstractEventLoop, asked: tuple[Operation, str, dict[str, Any]]
) -> None:
    assert ask(app, loop, *asked) < 500


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.method in ("POST", "DELETE")], ids=lambda each: each.name
)
def test_a_page_of_another_site_changes_nothing(
    app: App, loop: asyncio.AbstractEventLoop, operation: Operation
) -> None:
    found = ask(app, loop, operation, "x", {}, origin="https://elsewhere.example", **{"content-type": "text/plain"})
    assert found in (403, 415) or operation.public
