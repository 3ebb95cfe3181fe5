"""Through boto3 and a real server: a new shopper sees their region's bestsellers, a new item stands with its kin."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live_home
import pyarrow as pa
import pytest
from live_home import checked, config, furnish
from shop_server import ARN, SHOP, Home, Server, running

from endcap.lake.schemas import Field, Schema
from endcap.recipes import create

USERS = Schema("users", (Field("USER_ID"), Field("LOCATION", nullable=True, categorical=True)))
KINDS = ("hats", "gloves")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who has an even number lives in Ohio and takes hats, the others live in Utah and take gloves."""
    path = tmp_path_factory.mktemp("home")
    home, numbers = Home(path), range(24)
    home.stock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(live_home.SCHEMAS, "USERS", USERS)  # type: ignore[arg-type]
        furnish(home)
    items = pa.table(
        {
            "item_id": [f"i{n}" for n in numbers],
            "category_l1": [KINDS[n % 2] for n in numbers],
            "price": pa.array([5.0] * 24, pa.float32()),
            "name": [f"{KINDS[n % 2]} number {n}" for n in numbers],
        }
    )
    users = pa.table(
        {"user_id": [f"u{n}" for n in numbers], "location": ["Utah" if n % 2 else "Ohio" for n in numbers]}
    )
    home.lake.commit(SHOP, "items", items, schema=items.schema, mode="FULL", job="kinds")
    home.lake.commit(SHOP, "users", users, schema=users.schema, mode="FULL", job="regions")
    version = home.publish(create("als", {"factors": 8}))
    home.campaigns.deploy(SHOP, "home", version, config=config())
    return path


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with running(Home(home).settings) as server:
        yield server


def shown(runtime: Any, **asked: Any) -> list[dict[str, Any]]:
    return list(runtime.get_recommendations(campaignArn=ARN, numResults=12, **asked)["itemList"])


def test_a_new_shopper_sees_what_sells_in_their_region(server: Server) -> None:
    runtime, events = checked(server.client()), server.client("personalize-events")
    dataset = f"{SHOP.arn('dataset', SHOP.group)}/USERS"
    events.put_users(datasetArn=dataset, users=[{"userId": "fresh", "properties": json.dumps({"location": "Utah"})}])
    found = shown(runtime, userId="fresh")
    assert all(int(item["itemId"][1:]) % 2 for item in found)
    assert {item["reason"][-1] for item in found} == {"Popular with shoppers in Utah"}
    told = runtime.get_recommendations(campaignArn=ARN, userId="other", numResults=5, context={"LOCATION": "Ohio"})
    assert not any(int(item["itemId"][1:]) % 2 for item in told["itemList"])
    assert told["ResponseMetadata"]["HTTPHeaders"]["x-endcap-rung"] == "segment"


def test_a_new_item_stands_with_its_kin(server: Server) -> None:
    runtime, events = checked(server.client()), server.client("personalize-events")
    hat = {"name": "hats of straw", "categoryL1": "hats", "price": 5.0}
    item = {"itemId": "straw", "properties": json.dumps(hat)}
    events.put_items(datasetArn=f"{SHOP.arn('dataset', SHOP.group)}/ITEMS", items=[item])
    until = time.monotonic() + 10
    while "straw" not in (mine := {item["itemId"]: item for item in shown(runtime, userId="u2")}):
        assert time.monotonic() < until, "within a second or so"
        time.sleep(0.02)
    assert mine["straw"]["reason"][-1].startswith("New, like what you ")
    assert "straw" not in {item["itemId"] for item in shown(runtime, userId="u3")}
