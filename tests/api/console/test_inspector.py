"""The inspector over HTTP: who can be looked at, what they are answered and why, why not, filters, other versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_home import furnish
from shop_server import Home, Server, running

from endcap.recipes import create

SHOP = "corner-shop"
AT = "/console/api/inspector"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home")
    home = Home(path)
    home.stock()
    furnish(home)
    home.campaigns.deploy(home.lake.shops()[0], "home", home.publish(create("item-item")))
    home.publish(create("als", {"factors": 4}))
    return path


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with running(Home(home).settings) as made:
        yield made


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, headers=dict(server.headers), timeout=60) as made:
        yield made


def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ask(client: httpx.Client, what: str, **given: Any) -> dict[str, Any]:
    return told(client.post(f"{AT}/{what}", json={"shop": SHOP, "user": "u3", **given}))


def test_what_can_be_looked_at(client: httpx.Client) -> None:
    found = told(client.get(AT, params={"shop": SHOP}))
    assert [each["name"] for each in found["campaigns"]] == ["home"]
    assert {each["recipe"]: each["served"] for each in found["versions"]} == {"item-item": True, "als": False}
    assert found["shoppers"] and found["first"] < found["last"]
    assert "CATEGORY_L1" in found["columns"]
    told(client.get(AT, params={"shop": "nobody"}), 404)


def test_shoppers_and_items_by_part_of_their_names(client: httpx.Client) -> None:
    found = told(client.get(f"{AT}/shoppers", params={"shop": SHOP, "q": "u1"}))["shoppers"]
    assert found[0]["user"] == "u1" and {each["user"] for each in found} >= {"u10", "u19"}
    assert found[0]["events"] == 12
    items = told(client.get(f"{AT}/items", params={"shop": SHOP, "q": "item 7"}))["items"]
    assert [each["item"] for each in items] == ["i7"]
    assert items[0]["title"] == "Item 7"


def test_an_answer_is_explained_and_repeats(client: httpx.Client) -> None:
    found = ask(client, "inspect", k=6)
    assert [item["place"] for item in found["items"]] == [1, 2, 3, 4, 5, 6]
    assert len(found["history"]) == 12 and found["groups"]
    assert {stage["name"]: stage["count"] for stage in found["stages"]}["shown"] == 6
    for item in found["items"]:
        if item["weight"] is not None:
            assert sum(part["value"] for part in item["parts"]) == pytest.approx(item["weight"], abs=1e-4)
    said = [cause for item in found["items"] for cause in item["causes"]]
    assert said
    cause, item = next((c, i) for i in found["items"] for c in i["causes"])
    without = ask(client, "inspect", k=6, without=cause["places"], checks=0)
    places = {each["item"]: each["place"] for each in without["items"]}
    assert places.get(item["item"]) == (cause["after"] if cause["after"] and cause["after"] <= 6 else None)
    assert ask(client, "inspect", k=6)["items"] == found["items"]


def test_another_version_and_another_moment(client: httpx.Client) -> None:
    versions = told(client.get(AT, params={"shop": SHOP}))["versions"]
    other = next(each["id"] for each in versions if not each["served"])
    found = ask(client, "inspect", version=other, checks=2)
    assert (found["recipe"], found["version"]) == ("als", other)
    history = ask(client, "inspect", checks=0)["history"]
    at = history[4]["time"]
    earlier = ask(client, "inspect", at=at, checks=0)
    assert sum(event["used"] for event in earlier["history"]) == len(history) - 5
    assert earlier["notes"]


def test_filters_as_they_are_written(client: httpx.Client) -> None:
    good = ask(client, "filter", filter='INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoes")')
    assert good["ok"] and (good["allowed"], good["of"]) == (8, 24)
    for text, said in (
        ("INCLUDE ItemID", "expected"),
        ('INCLUDE ItemID WHERE Items.COLOUR = "red"', "no field COLOUR"),
    ):
        wrong = ask(client, "filter", filter=text)
        assert not wrong["ok"] and said in wrong["message"]
    shown = ask(client, "inspect", filter='INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoes")', checks=0)["items"]
    assert {int(each["item"][1:]) % 3 for each in shown} == {0}
    told(client.post(f"{AT}/inspect", json={"shop": SHOP, "user": "u3", "filter": "EXCLUDE"}), 400)


def test_why_not(client: httpx.Client) -> None:
    text = 'EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoes")'
    found = ask(client, "why-not", item="i3", filter=text, k=6)
    assert found["verdict"] == "filter" and [rule["removes"] for rule in found["rules"]] == [True]
    assert found["seen"]["title"] == "Item 3"
    assert ask(client, "why-not", item="nothing of the kind")["verdict"] == "unknown"
    first = ask(client, "inspect", k=6, checks=0)["items"][0]["item"]
    assert ask(client, "why-not", item=first, k=6)["verdict"] == "shown"


def test_nobody_looks_without_signing_in(server: Server) -> None:
    assert httpx.post(f"{server.address}{AT}/inspect", json={"shop": SHOP}).status_code == 403


def test_the_storefront_asks_why(client: httpx.Client, server: Server) -> None:
    asked = {"shop": SHOP, "purpose": "similar", "user": "u3", "k": 5, "items": ["i3", "i5"]}
    found = told(httpx.post(f"{server.address}/shop/api/why", json=asked, timeout=60))
    assert [item["item"] for item in found["items"]] == ["i3", "i5"]
    assert all(item["place"] or item["reason"] for item in found["items"])
    assert found["events"] == 12 and found["measured"] > 1
