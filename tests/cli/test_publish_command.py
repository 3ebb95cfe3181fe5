"""A campaign's policy, from the command line to what serves."""

from typing import Any

from endcap.cli.output import settings
from endcap.jobs.workspace import open_workspace
from endcap.registry.campaigns import CampaignConfig


def config(campaign: str) -> CampaignConfig:
    workspace = open_workspace(settings())
    return workspace.campaigns.current(workspace.shop(None), campaign).config


def test_what_is_said_changes_and_what_is_not_stays(published: Any) -> None:
    first = published.json("publish", "--diversity", "0.3", "--category-cap", "3", "--hide-bought")
    held = config(first["campaign"])
    assert (held.diversity, held.category_cap, held.hide_bought, held.hide_out_of_stock) == (0.3, 3, "always", False)
    published.json("publish", "--until-due", "--hide-out-of-stock", "--explore-ranked", "0.1")
    held = config(first["campaign"])
    assert (held.diversity, held.hide_bought, held.exploration_ranked) == (0.3, "until-due", 0.1)
    assert held.hide_out_of_stock
    published.json("publish", "--show-bought", "--diversity", "0")
    held = config(first["campaign"])
    assert (held.diversity, held.hide_bought, held.category_cap) == (0.0, "", 3)
    assert "diversity" in published("publish", "--diversity", "2", code=2)


def test_what_was_bought_is_hidden(published: Any) -> None:
    before = published.json("recommend", "c1", "-n", "3")["items"]
    assert all(item["itemId"].startswith("coffee") for item in before)
    published.json("publish", "--hide-bought")
    after = published.json("recommend", "c1", "-n", "3")["items"]
    assert not {item["itemId"] for item in before} & {item["itemId"] for item in after}
    published.json("publish", "--show-bought")
