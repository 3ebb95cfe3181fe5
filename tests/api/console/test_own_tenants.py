"""What another tenant is told by our own API: of a shop that is not theirs, exactly what they are told of one that does
not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from shop_server import SHOP, Home, Server, bearer, running

from endcap.api.console.operation import Operation
from endcap.api.console.tables import described
from endcap.recipes import create

OPERATIONS = [each for each in described() if not (each.public or each.streams)]
ABSENT = "absent-shop"
MOMENT = re.compile(r"\b\d{13}(?:\d{3})?\b")
"""Milli- or microseconds, which differ between two calls."""
STAND_INS: dict[Any, Any] = {str: "1", int: 1, float: 1.0, bool: False}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    made = Home(tmp_path_factory.mktemp("home"))
    made.stock()
    made.campaigns.deploy(SHOP, "home", made.publish(create("popularity")))
    return made


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with running(home.settings) as started:
        yield started


@pytest.fixture(scope="module")
def stranger(home: Home) -> str:
    return bearer(home.keys.create("000000000009", "admin"))


def asked(operation: Operation, shop: str) -> dict[str, Any]:
    """The values that it cannot do without, and the shop."""
    if operation.asks is None:
        return {}
    fields = msgspec.structs.fields(operation.asks)
    values = {each.encode_name: STAND_INS.get(each.type, ["1"]) for each in fields if each.required}
    return {**values, "shop": shop} if any(each.name == "shop" for each in fields) else values


def call(server: Server, operation: Operation, shop: str, key: str) -> tuple[int, str]:
    path = operation.path.replace("{shop}", shop).replace("{id}", "1")
    values, headers = asked(operation, shop), {"authorization": key}
    in_query = operation.method in ("GET", "DELETE")
    sent = {"params": values} if in_query else {"json": values}
    answer = httpx.request(operation.method, server.address + path, headers=headers, timeout=20, **sent)
    return answer.status_code, MOMENT.sub("MOMENT", answer.text.replace(shop, "SHOP"))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_a_shop_of_another_is_as_if_it_did_not_exist(server, stranger, operation: Operation) -> None:
    theirs, nobodys = (call(server, operation, shop, stranger) for shop in (SHOP.group, ABSENT))
    assert theirs == nobodys
    assert theirs[0] < 500 or theirs[0] == 503
