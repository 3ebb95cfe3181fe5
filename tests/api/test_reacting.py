"""Through boto3 and a real server: three clicks re-order the next answer, and what they did fades."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from live_home import TRACKING, furnish
from shop_server import ARN, COLUMNS, SHOP, Home, running

import click_shop
from click_shop import category
from endcap.recipes import create
from endcap.registry.campaigns import CampaignConfig
from endcap.types import DAY, MINUTE, SECOND


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home")
    home = Home(path)
    begin = int(time.time()) * SECOND - 62 * DAY
    home.stock(click_shop.history(begin=begin).select(COLUMNS.names))
    furnish(home)
    items = click_shop.catalogue().drop_columns(["stock"])
    home.lake.commit(SHOP, "items", items, schema=items.schema, mode="FULL", job="catalogue")
    version = home.publish(create("ranked", click_shop.SETTINGS))
    home.campaigns.deploy(SHOP, "home", version, config=CampaignConfig(category_cap=8))
    return path


def test_clicks_raise_their_category_and_fade(home: Path) -> None:
    with running(Home(home).settings) as server:
        runtime, events = server.client(), server.client("personalize-events")

        def shown(user: str) -> list[dict[str, Any]]:
            found = runtime.get_recommendations(campaignArn=ARN, userId=user, numResults=10)["itemList"]
            assert len(found) == 10
            return list(found)

        def share(user: str, wanted: str) -> float:
            return sum(category(item["itemId"]) == wanted for item in shown(user)) / 10

        def click(user: str, wanted: str, ago: int) -> None:
            first = int(wanted[1:]) * click_shop.EACH
            for step in (4, 6, 8):
                moment = (time.time_ns() // 1000 - ago) // SECOND
                events.put_events(
                    trackingId=TRACKING,
                    userId=user,
                    sessionId=f"{user}-{ago}",
                    eventList=[{"eventType": "View", "itemId": f"i{first + step}", "sentAt": moment}],
                )

        kinds = [f"c{n}" for n in range(click_shop.CATEGORIES)]
        wanted = min(kinds, key=lambda each: share("u3", each) + share("u4", each))
        before = share("u3", wanted)
        click("u3", wanted, 0)
        now = share("u3", wanted)
        assert now >= before + 0.3 and now <= 0.8, "at most eight of one category"
        reasons = [" ".join(item["reason"]) for item in shown("u3") if category(item["itemId"]) == wanted]
        assert any(f"Because you just looked at {wanted}" in reason for reason in reasons)
        # The same clicks of forty minutes ago: their session, and every window that they opened, is over.
        other = share("u4", wanted)
        click("u4", wanted, 40 * MINUTE)
        assert other <= share("u4", wanted) < now
        assert not any("just looked" in " ".join(item["reason"]) for item in shown("u4"))
