"""A small shop in a home of its own: orders, catalogue and shoppers in the lake, and jobs on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from endcap.jobs.training import train
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.registry.resources import Resource
from endcap.registry.versions import Version
from endcap.seams import Clock, rng
from endcap.settings import Settings
from endcap.types import DAY, ShopKey

START = 1_700_000_000_000_000
GENRES = ("Comedy", "Drama", "Crime|Drama")


@dataclass
class SmallShop:
    """`users` shoppers u0 … and `items` items i0 …, in tastes by parity; each item has GENRES, PRICE and NAME."""

    home: Path
    users: int = 60
    items: int = 40
    settings: dict[str, Any] = field(default_factory=dict)
    clock: Clock | None = None

    def __post_init__(self) -> None:
        self.workspace: Workspace = open_workspace(Settings(home=self.home, **self.settings), self.clock)
        self.shop = ShopKey(self.workspace.settings.account_key, "shop")
        lake = self.workspace.lake
        for kind, table in (("interactions", self.events()), ("items", self.catalogue()), ("users", self.shoppers())):
            lake.commit(self.shop, kind, table, schema=table.schema, mode="FULL", job=f"first-{kind}")

    def events(self, seed: int = 1, each: int = 12) -> pa.Table:
        """`each` views and purchases of every shopper, of items of their parity nine times in ten."""
        random = rng(seed)
        user = np.repeat(np.arange(self.users), each)
        popular = random.geometric(0.1, len(user)) % (self.items // 2)
        item = 2 * popular + np.where(random.random(len(user)) < 0.9, user % 2, 1 - user % 2)
        time = START + random.integers(0, 20 * DAY, len(user)) // 1_000_000 * 1_000_000
        kinds = np.where(random.random(len(user)) < 0.3, "Purchase", "View")
        return pa.table(
            {
                "user_id": [f"u{each}" for each in user],
                "item_id": [f"i{each}" for each in item],
                "timestamp": pa.array(time, pa.int64()),
                "event_type": kinds.tolist(),
            }
        )

    def catalogue(self) -> pa.Table:
        numbers = range(self.items)
        return pa.table(
            {
                "item_id": [f"i{each}" for each in numbers],
                "genres": [GENRES[each % 3] for each in numbers],
                "price": pa.array([1.5 * each for each in numbers], pa.float64()),
                "name": [f"Thing {each}" for each in numbers],
            }
        )

    def shoppers(self) -> pa.Table:
        ages = [20 + each % 50 for each in range(self.users)]
        return pa.table({"user_id": [f"u{each}" for each in range(self.users)], "age": pa.array(ages, pa.int64())})

    def train(self, recipe: str = "als", **given: Any) -> Version:
        """One version, ACTIVE in the control plane."""
        return train(self.workspace, self.shop, recipe, settings=given)

    def put(self, location: str, lines: list[str | dict[str, Any]]) -> None:
        """A file of lines at a data location of the home."""
        path = self.place(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in lines))

    def place(self, location: str) -> Path:
        return self.home / "buckets" / location.removeprefix("s3://")

    def answers(self, location: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.place(location).read_text().splitlines()]

    def filter(self, expression: str, name: str = "only") -> str:
        """The ARN of a new filter."""
        document = {"name": name, "filterExpression": expression}
        made = Resource(self.shop.account, "filter", name, self.shop.group, document=document)
        return self.workspace.resources.create(made).arn

    def run(
        self, work: Callable[[Workspace, Resource], Any], version: Version, lines: list[Any], name: str, **members: Any
    ) -> list[dict[str, Any]]:
        """The answers of one batch job over these lines; `members` may name its `kind`."""
        self.put(f"s3://shop/{name}/in.json", lines)
        paths = {
            "jobInput": {"s3DataSource": {"path": f"s3://shop/{name}/in.json"}},
            "jobOutput": {"s3DataDestination": {"path": f"s3://shop/{name}-out"}},
        }
        work(self.workspace, self.job(version, name, **{**paths, **members}))
        return self.answers(f"s3://shop/{name}-out/in.json.out")

    def job(self, version: Version, name: str = "batch", kind: str = "batch-inference-job", **members: Any) -> Resource:
        """A batch job's record, from s3://shop/in/ to s3://shop/out/ unless said otherwise."""
        document = {
            "solutionVersionArn": version.arn,
            "jobInput": {"s3DataSource": {"path": "s3://shop/in/"}},
            "jobOutput": {"s3DataDestination": {"path": "s3://shop/out/"}},
            **members,
        }
        parent = f"{version.solution}/{version.id}"
        record = Resource(self.shop.account, kind, name, self.shop.group, parent, "CREATE IN_PROGRESS", document)
        return self.workspace.resources.create(record)
