"""Every recipe of the table is made over the Personalize API and by the command line, and answers.

One home, one server. Jobs are done in this process, by the same lifecycles: the server's own jobs process waits for the
lock that is held here, and children are called instead of spawned.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from shop_server import Server, running

from endcap.cli import output
from endcap.cli.app import run
from endcap.jobs import batch, batch_child, solution_training, training_child, workflows
from endcap.jobs.worker import sole
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.recipes import recipe_class
from endcap.registry.recipe_arns import OWN, Offer, offers
from endcap.seams import rng
from endcap.settings import Settings
from endcap.types import ShopKey

SHOP = "corner"
OFFERS = {offer.native: offer for offer in offers() if offer.name.startswith(OWN)}
SMALL = {
    "epochs": "1", "iterations": "1", "factors": "8", "rank": "8", "trees": "5", "levels": "2", "cuts": "2",
    "questions": "200", "cut_days": "7.0", "holdout_days": "7.0", "patience": "1", "blocks": "1", "layers": "1",
    "width": "16", "dimension": "16", "hidden": "16", "length": "16", "max_length": "16", "batch": "64", "least": "2",
}  # fmt: skip
"""Values that make each recipe quick, where it has such a hyper-parameter."""
TEXT, LONG = {"type": "string"}, {"type": "long"}
WORD = {**TEXT, "categorical": True}
SCHEMAS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "INTERACTIONS": (
        "Interactions",
        {"USER_ID": TEXT, "ITEM_ID": TEXT, "TIMESTAMP": LONG, "EVENT_TYPE": TEXT},
    ),
    "ITEMS": (
        "Items",
        {"ITEM_ID": TEXT, "NAME": {**TEXT, "itemName": True}, "CATEGORY_L1": WORD, "PRICE": {"type": "float"}},
    ),
    "USERS": ("Users", {"USER_ID": TEXT, "AGE": {"type": "int"}, "GENDER": WORD}),
    "ACTIONS": ("Actions", {"ACTION_ID": TEXT, "VALUE": LONG}),
    "ACTION_INTERACTIONS": (
        "Action_interactions",
        {"USER_ID": TEXT, "ACTION_ID": TEXT, "EVENT_TYPE": TEXT, "TIMESTAMP": LONG},
    ),
}
"""Dataset type → the record's name, and its fields."""


def tables() -> dict[str, pa.Table]:
    """36 shoppers of two tastes, 30 events each over five weeks, on 24 items; three actions."""
    draw, now = rng(2), int(time.time()) * 1_000_000
    user = np.repeat(np.arange(36), 30)
    item = 2 * draw.integers(0, 12, len(user)) + np.where(draw.random(len(user)) < 0.9, user % 2, 1 - user % 2)
    when = now - draw.integers(0, 35 * 86_400, len(user)) * 1_000_000
    kinds = np.array(["View", "View", "Purchase"])[draw.integers(0, 3, len(user))]
    names = [f"{'tea' if n % 2 else 'coffee'} number {n}" for n in range(24)]
    offered = np.repeat(np.arange(36), 6)
    return {
        "interactions": pa.table(
            {"user_id": [f"u{n}" for n in user], "item_id": [f"i{n}" for n in item], "timestamp": when}
            | {"event_type": kinds.tolist()}
        ),
        "items": pa.table(
            {"item_id": [f"i{n}" for n in range(24)], "name": names, "category_l1": [name.split()[0] for name in names]}
            | {"price": pa.array(np.arange(24), pa.float32())}
        ),
        "users": pa.table(
            {"user_id": [f"u{n}" for n in range(36)], "age": pa.array(np.arange(36) + 18, pa.int32())}
            | {"gender": ["f" if n % 2 else "m" for n in range(36)]}
        ),
        "actions": pa.table({"action_id": ["a", "b", "c"], "value": [1, 2, 3]}),
        "action_interactions": pa.table(
            {"user_id": [f"u{n}" for n in offered], "action_id": ["abc"[n % 3] for n in range(len(offered))]}
            | {"event_type": np.where(draw.random(len(offered)) < 0.5, "TAKEN", "NOT_TAKEN").tolist()}
            | {"timestamp": now - draw.integers(0, 20 * 86_400, len(offered)) * 1_000_000}
        ),
    }


class _Steps:
    """Stands for DBOS: a step is done, and not remembered."""

    @staticmethod
    def run_step(_: Any, step: Any) -> Any:
        return step()


def _called(module: str, request: bytes, **named: Any) -> Any:
    """Stands for `run_child`: the child's work, done here; what it reports went through JSON all the same."""
    progress = named["progress"]
    if module == training_child.__name__:
        asked = msgspec.json.decode(request, type=training_child.Request)
        found = msgspec.to_builtins(training_child.run_training(asked, progress))
    else:
        found = batch_child.work(request, progress)
    return json.loads(json.dumps(found))


@dataclass
class World:
    """A served home with the shop in it."""

    workspace: Workspace
    server: Server

    def __post_init__(self) -> None:
        self.personalize, self.runtime = self.server.client("personalize"), self.server.client()

    def settle(self) -> None:
        """Do what was asked for."""
        while pending := self.workspace.jobs.pending():
            for job in pending:
                assert workflows.perform(self.workspace, job.id) == "done", self.workspace.jobs.get(job.id).reason

    def made(self, call: str, member: str, **document: Any) -> str:
        """Create a resource, and its ARN once it is there."""
        arn = getattr(self.personalize, f"create_{call}")(**document)[member]
        self.settle()
        return str(arn)

    def endcap(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        with redirect_stdout(StringIO()) as said:
            assert run([*arguments, "--json"]) == 0, (arguments, said.getvalue())
        return json.loads(said.getvalue())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("recipes") / "home"
    settings = Settings(home=home, port=0, threads=1)
    workspace = open_workspace(settings)
    with pytest.MonkeyPatch.context() as patch, sole(home, wait=False), running(settings) as server:
        patch.setattr(workflows, "DBOS", _Steps)
        patch.setattr(solution_training, "run_child", _called)
        patch.setattr(batch, "run_child", _called)
        patch.setenv("ENDCAP_HOME", str(home))
        for cached in (output.settings, output.console):
            cached.cache_clear()
        found = World(workspace, server)
        stock(found)
        yield found
    for cached in (output.settings, output.console):
        cached.cache_clear()
    workspace.database.close()


def stock(world: World) -> None:
    """The group, its schemas and datasets over the API; the rows as imports leave them."""
    group = world.made("dataset_group", "datasetGroupArn", name=SHOP)
    for kind, (name, fields) in SCHEMAS.items():
        listed = [{"name": field, **shape} for field, shape in fields.items()]
        record = {"type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema", "fields": listed}
        text = json.dumps({**record, "version": "1.0"})
        schema = world.personalize.create_schema(name=name, schema=text)["schemaArn"]
        world.made("dataset", "datasetArn", name=name, schemaArn=schema, datasetGroupArn=group, datasetType=kind)
    shop = ShopKey(world.workspace.settings.account_key, SHOP)
    for table, rows in tables().items():
        world.workspace.lake.commit(shop, table, rows, schema=rows.schema, mode="FULL", job=f"first-{table}")  # type: ignore[arg-type]


def small(native: str) -> dict[str, str]:
    """Settings that make the recipe quick, within its own ranges."""
    found = {}
    for field in recipe_class(native).hyper_parameters():
        low = field.metadata.get("low")
        if field.name in SMALL and (low is None or float(SMALL[field.name]) >= low):
            found[field.name] = SMALL[field.name]
    return found


@pytest.mark.parametrize("native", sorted(OFFERS))
def test_made_over_the_api_it_answers(world: World, native: str) -> None:
    offer = OFFERS[native]
    group = ShopKey(world.workspace.settings.account_key, SHOP).arn("dataset-group", SHOP)
    solution = world.made(
        "solution",
        "solutionArn",
        name=f"api-{native}",
        datasetGroupArn=group,
        recipeArn=offer.arn,
        performAutoTraining=False,
        solutionConfig={"algorithmHyperParameters": small(native)},
    )
    version = world.made("solution_version", "solutionVersionArn", solutionArn=solution)
    described = world.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert described["status"] == "ACTIVE", described.get("failureReason")
    if offer.serves == "batch":
        assert_segments(world, native, version)
        return
    campaign = world.made("campaign", "campaignArn", name=f"api-{native}", solutionVersionArn=version)
    for user in ("u1", "a-stranger"):
        answer = asked(world, offer, campaign, user)
        assert len(set(answer)) == len(answer) >= 3, (user, answer)
    world.personalize.delete_campaign(campaignArn=campaign)


def asked(world: World, offer: Offer, campaign: str, user: str) -> list[str]:
    """The ids of one answer."""
    if offer.learns_from_actions:
        answer = world.runtime.get_action_recommendations(campaignArn=campaign, userId=user, numResults=3)
        return [each["actionId"] for each in answer["actionList"]]
    if offer.type == "PERSONALIZED_RANKING":
        given = ["i1", "i2", "i3"]
        answer = world.runtime.get_personalized_ranking(campaignArn=campaign, userId=user, inputList=given)
        return [each["itemId"] for each in answer["personalizedRanking"]]
    item = {"itemId": "i3"} if "itemId" in offer.needs else {}
    answer = world.runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=5, **item)
    return [each["itemId"] for each in answer["itemList"]]


def assert_segments(world: World, native: str, version: str) -> None:
    home = world.workspace.settings.home
    given = home / "buckets" / "in" / f"{native}.json"
    given.parent.mkdir(parents=True, exist_ok=True)
    given.write_text('{"itemId": "i1"}\n')
    world.made(
        "batch_segment_job",
        "batchSegmentJobArn",
        jobName=f"segment-{native}",
        solutionVersionArn=version,
        numResults=4,
        jobInput={"s3DataSource": {"path": f"s3://in/{native}.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://out/{native}/"}},
        roleArn="arn:aws:iam::000000000000:role/any",
    )
    (file,) = Path(home, "buckets", "out", native).iterdir()
    users = json.loads(file.read_text().splitlines()[0])["output"]["recommendedUsers"]
    assert len(set(users)) == 4


@pytest.mark.parametrize("native", sorted(OFFERS))
def test_made_on_the_command_line_it_answers(world: World, native: str) -> None:
    settings = [word for pair in small(native).items() for word in ("--set", "=".join(pair))]
    trained = world.endcap("train", native, "--solution", f"cli-{native}", *settings)
    world.endcap("publish", trained["version"], "--campaign", f"cli-{native}")
    answer = world.endcap("recommend", "u1", "-n", "4", "--campaign", f"cli-{native}")
    assert len({item["itemId"] for item in answer["items"]}) == 4 and answer["version"] == trained["version"]
