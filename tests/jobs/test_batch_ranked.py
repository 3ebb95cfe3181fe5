"""Batches of a model in two stages say what a campaign says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

import click_shop
from endcap.jobs.answering import open_snapshot
from endcap.jobs.batch_inference import infer
from endcap.serving.recommend import Request, recommend
from jobs_shop import SmallShop


@dataclass
class ClickShop(SmallShop):
    """The shop of clicks in a home of its own."""

    users: int = 150

    def events(self, seed: int = 1, each: int = 12) -> pa.Table:
        return click_shop.history()

    def catalogue(self) -> pa.Table:
        return click_shop.catalogue()


def test_users_and_lists_are_answered_as_online(tmp_path: Path) -> None:
    shop = ClickShop(tmp_path, settings={"threads": 2})
    version = shop.train("ranked", **click_shop.SETTINGS)
    lists = [{"userId": f"u{n}", "itemList": ["i3", "never seen", "i20", "i50", "i3"]} for n in range(3)]
    lines = [{"userId": f"u{n}"} for n in range(40)] + [{"userId": "nobody"}] + lists
    answers = shop.run(infer, version, lines, "ranked", numResults=12)
    snapshot = open_snapshot(shop.workspace, shop.workspace.campaigns.deploy(shop.shop, "online", version))
    asked = shop.workspace.resources.get(shop.shop.account, "batch-inference-job", "ranked").created
    orders = set()
    for line, answer in zip(lines, answers, strict=True):
        given = tuple(line["itemList"]) if "itemList" in line else None
        online = recommend(snapshot, Request(12, str(line["userId"]), candidates=given, asked=asked))
        assert answer["error"] is None and answer["output"]["recommendedItems"] == online.items
        assert answer["output"]["scores"] == pytest.approx([score or 0.0 for score in online.scores], abs=1e-6)
        assert bool(len(online.told)) == (line["userId"] != "nobody")
        orders.add(tuple(online.items))
    assert len(orders) > 20
