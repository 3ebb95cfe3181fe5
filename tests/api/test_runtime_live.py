"""What the runtime does with recipes, configurations, filters and promotions, asked by the real client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from live_home import TRACKING, checked, config, furnish
from shop_server import SHOP, Home, Server, running

from endcap.recipes import create
from endcap.registry.lineage import Lineage
from endcap.registry.recipe_arns import PREFIX
from endcap.registry.resources import Resource
from endcap.registry.servers import Servers
from endcap.registry.snapshots import Snapshots
from endcap.registry.versions import Version
from endcap.serving.lake_shops import LakeShops
from endcap.storage.log import open_log_reader
from endcap.stream.sink import sink
from endcap.testing.datasets import START
from endcap.types import DAY, AccountKey


def arn(name: str, kind: str = "campaign") -> str:
    return SHOP.arn(kind, name)


class Stocked(Home):
    """A home whose campaigns have recipes of the service's names."""

    def version(self, solution: str, recipe: str, native: str, **settings: Any) -> Version:
        about = LakeShops(self.lake, "actions" if native == "action-rate" else "items")
        shop = about.dataset(SHOP)
        self.records.create(
            Resource(SHOP.account, "solution", solution, SHOP.group, document={"recipeArn": f"{PREFIX}recipe/{recipe}"})
        )
        lineage = Lineage(recipe="test", trained_until=shop.last_time, snapshot=shop.snapshot)
        made = self.versions.publish(SHOP, solution, create(native, settings).fit(shop), shop, lineage)
        self.describe(made, recipe)
        return made

    def describe(self, version: Version, recipe: str) -> None:
        record = self.records.get(SHOP.account, "solution-version", f"{version.solution}/{version.id}")
        self.records.change(record, document={"recipeArn": f"{PREFIX}recipe/{recipe}"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Stocked:
    home = Stocked(tmp_path_factory.mktemp("home"))
    home.stock()
    home.records = furnish(home)
    stock_actions(home)
    personal = home.version("personal", "aws-user-personalization", "als", factors=8)
    home.campaigns.deploy(SHOP, "personal", personal, config=config())
    quiet = config(exploration_weight=0.0)
    home.campaigns.deploy(SHOP, "quiet", personal, config=quiet)
    home.campaigns.deploy(SHOP, "popular-first", personal, config=config(exploration_weight=0.0, popularity=1.0))
    home.campaigns.deploy(SHOP, "fresh-first", personal, config=config(exploration_weight=0.0, freshness=1.0))
    home.campaigns.deploy(SHOP, "related", home.version("related", "aws-sims", "item-item"))
    home.campaigns.deploy(SHOP, "ranking", home.version("ranking", "aws-personalized-ranking", "als", factors=8))
    home.campaigns.deploy(SHOP, "actions", home.version("actions", "aws-next-best-action", "action-rate", least=1))
    recommend(home, "for-you", "aws-ecomm-recommended-for-you")
    return home


def recommend(home: Stocked, name: str, recipe: str, status: str = "ACTIVE") -> None:
    shop = home.lake.dataset(SHOP)
    home.records.create(
        Resource(
            SHOP.account,
            "recommender",
            name,
            SHOP.group,
            "",
            status,
            {"name": name, "recipeArn": f"{PREFIX}recipe/{recipe}"},
        )
    )
    lineage = Lineage(recipe="test", trained_until=shop.last_time, snapshot=shop.snapshot)
    made = home.versions.publish(SHOP, f"recommender.{name}", create("ease").fit(shop), shop, lineage)
    home.campaigns.deploy(SHOP, name, made, kind="recommender")


def stock_actions(home: Home) -> None:
    """Action a0 is always taken, a1 never; a2 has expired, a3 may be offered once in a thousand days."""
    table = pa.table(
        {
            "action_id": ["a0", "a1", "a2", "a3"],
            "value": pa.array([10, 1, 10, 10], pa.int64()),
            "expiration_timestamp": pa.array([None, None, START, None], pa.int64()),
            "repeat_frequency": pa.array([None, None, None, 10_000], pa.int64()),
        }
    )
    home.lake.commit(SHOP, "actions", table, schema=table.schema, mode="FULL", job="actions")
    rows = [
        (f"u{user}", action, START + DAY * user, kind)
        for user in range(24)
        for action, kind in (("a0", "TAKEN"), ("a1", "NOT_TAKEN"), ("a2", "TAKEN"), ("a3", "TAKEN"))
        if not (user == 1 and action == "a3")
    ]
    names = ("user_id", "action_id", "timestamp", "event_type")
    answers = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    home.lake.commit(SHOP, "action_interactions", answers, schema=answers.schema, mode="FULL", job="answers")


@pytest.fixture(scope="module")
def server(home: Stocked) -> Iterator[Server]:
    with running(home.settings) as server:
        yield server


@pytest.fixture(scope="module")
def runtime(server: Server) -> Any:
    return checked(server.client())


def names(answer: Any) -> list[str]:
    return [item["itemId"] for item in answer["itemList"]]


def test_a_promotion_takes_its_share_whatever_the_request_filters(runtime: Any) -> None:
    promotion = {"name": "shoe-week", "percentPromotedItems": 40, "filterArn": arn("shoes", "filter")}
    asked = {"campaignArn": arn("quiet"), "userId": "u3", "numResults": 10, "promotions": [promotion]}
    kind = {"filterArn": arn("of-kind", "filter"), "filterValues": {"KIND": '"warm"'}}
    answer = runtime.get_recommendations(**asked, **kind)
    promoted = [item for item in answer["itemList"] if item.get("promotionName") == "shoe-week"]
    assert len(promoted) == 4 and len(set(names(answer))) == 10
    for item in answer["itemList"]:
        is_shoe = int(item["itemId"][1:]) % 3 == 0
        assert is_shoe == ("promotionName" in item)
        assert is_shoe == (item["reason"][0] == "Promoted item")
    scores = [item["score"] for item in promoted if "score" in item]
    assert scores == sorted(scores, reverse=True), "promoted items keep the model's order"


def test_exploration_shows_new_items_with_a_reason(runtime: Any) -> None:
    seen = [
        item
        for _ in range(20)
        for item in runtime.get_recommendations(campaignArn=arn("personal"), userId="u3", numResults=5)["itemList"]
    ]
    explored = {item["itemId"] for item in seen if item["reason"][0] == "Exploration"}
    assert explored and explored <= {f"i{n}" for n in range(5)}
    quiet = runtime.get_recommendations(campaignArn=arn("quiet"), userId="u3")["itemList"]
    assert all(item["reason"][0] != "Exploration" for item in quiet)


def test_ranking_influence_is_a_real_weight(home: Stocked, runtime: Any) -> None:
    fresh = names(runtime.get_recommendations(campaignArn=arn("fresh-first"), userId="u3", numResults=5))
    assert set(fresh) == {f"i{n}" for n in range(5)}
    shop = home.lake.dataset(SHOP)
    counts = dict(zip(shop.items.ids.to_pylist(), shop.popularity().tolist(), strict=True))
    popular = runtime.get_recommendations(campaignArn=arn("popular-first"), userId="u3", numResults=24)["itemList"]
    told = [counts[item["itemId"]] for item in popular]
    assert told == sorted(told, reverse=True) and sum(item["score"] for item in popular) == pytest.approx(1, abs=1e-4)


def test_metadata_comes_as_texts(runtime: Any) -> None:
    columns = {"ITEMS": ["CATEGORY_L1", "price", "CREATION_TIMESTAMP"]}
    answer = runtime.get_recommendations(campaignArn=arn("quiet"), userId="u3", numResults=3, metadataColumns=columns)
    for item in answer["itemList"]:
        number = int(item["itemId"][1:])
        assert item["metadata"]["price"] == f"{number}.0"
        assert item["metadata"]["CATEGORY_L1"] == ("shoes" if number % 3 == 0 else "coats|warm")
        assert len(item["metadata"]["CREATION_TIMESTAMP"]) == 10


def test_related_items_have_no_score_and_compare_with_the_current_item(runtime: Any) -> None:
    asked = {"campaignArn": arn("related"), "itemId": "i10", "userId": "u3", "numResults": 5}
    plain = runtime.get_recommendations(**asked)["itemList"]
    assert all("score" not in item for item in plain) and "i10" not in names({"itemList": plain})
    cheaper = names(runtime.get_recommendations(**asked, filterArn=arn("cheaper", "filter")))
    assert len(cheaper) == 5 and all(int(name[1:]) < 10 for name in cheaper)


def test_a_recommender_hides_what_was_bought(home: Stocked, runtime: Any) -> None:
    answer = runtime.get_recommendations(recommenderArn=arn("for-you", "recommender"), userId="u3", numResults=24)
    bought = {f"i{(3 + step) % 24}" for step in range(0, 12, 2)}
    assert len(answer["itemList"]) == 18 and bought.isdisjoint(names(answer))


def test_actions(server: Server, runtime: Any) -> None:
    def asked(user: str, **more: Any) -> dict[str, float]:
        answer = runtime.get_action_recommendations(campaignArn=arn("actions"), userId=user, **more)
        return {each["actionId"]: each["score"] for each in answer["actionList"]}

    first = asked("u1")
    assert list(first) == ["a3", "a0", "a1"] or list(first) == ["a0", "a3", "a1"], "the expired one is not offered"
    stranger = runtime.get_action_recommendations(campaignArn=arn("actions"), userId="nobody")
    assert stranger["ResponseMetadata"]["HTTPHeaders"]["x-endcap-rung"] == "general"
    assert stranger["actionList"][0]["score"] > 0
    assert first["a0"] > first["a1"] and "a3" not in asked("u2"), "offered to u2 too short a time ago"
    assert set(asked("u1", filterArn=arn("an-action", "filter"))) == {"a0", "a3"}
    assert len(asked("u1", numResults=1)) == 1
    events = checked(server.client("personalize-events"))
    dataset = f"{SHOP.arn('dataset', SHOP.group)}/ACTIONS"
    events.put_actions(datasetArn=dataset, actions=[{"actionId": "new", "properties": '{"value": 7}'}])
    assert asked("u1")["new"] == 0.0
    taken = {"actionId": "a3", "userId": "u1", "sessionId": "s", "timestamp": time.time(), "eventType": "Taken"}
    events.put_action_interactions(trackingId=TRACKING, actionInteractions=[taken])
    assert "a3" not in asked("u1"), "answered a moment ago"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"campaignArn": arn("quiet")}, "userId"),
        ({"campaignArn": arn("related"), "userId": "u1"}, "itemId"),
        ({"campaignArn": arn("ranking"), "userId": "u1"}, "GetPersonalizedRanking"),
        ({"campaignArn": arn("actions"), "userId": "u1"}, "GetActionRecommendations"),
        ({"recommenderArn": arn("for-you", "recommender")}, "userId"),
        ({"campaignArn": arn("quiet"), "userId": "u1", "metadataColumns": {"ITEMS": ["NOPE"]}}, "NOPE"),
        ({"campaignArn": arn("quiet"), "userId": "u1", "metadataColumns": {"USERS": ["A"]}}, "expected ITEMS"),
        ({"campaignArn": arn("related"), "itemId": "i1", "metadataColumns": {"ITEMS": ["NAME"]}}, "enableMetadata"),
        ({"campaignArn": arn("quiet"), "userId": "u1", "filterArn": arn("of-kind", "filter")}, "KIND"),
        (
            {"campaignArn": arn("quiet"), "userId": "u1", "itemId": "i1", "filterArn": arn("cheaper", "filter")},
            "related items only",
        ),
        ({"campaignArn": arn("quiet"), "userId": "u1", "filterArn": arn("an-action", "filter")}, "about action"),
        (
            {
                "campaignArn": arn("quiet"),
                "userId": "u1",
                "filterArn": arn("of-kind", "filter"),
                "filterValues": {"KIND": '"a"', "OTHER": "1"},
            },
            "OTHER",
        ),
        (
            {"campaignArn": arn("quiet"), "userId": "u1", "numResults": 51, "metadataColumns": {"ITEMS": ["NAME"]}},
            "at most 50",
        ),
    ],
)
def test_what_does_not_fit_the_recipe_is_said(runtime: Any, asked: Any, said: str) -> None:
    with pytest.raises(runtime.exceptions.InvalidInputException, match=said):
        runtime.get_recommendations(**asked)


def test_only_ranking_recipes_rank(runtime: Any) -> None:
    ranked = runtime.get_personalized_ranking(campaignArn=arn("ranking"), userId="u3", inputList=["i4", "zz", "i5"])
    assert ranked["personalizedRanking"][-1]["itemId"] == "zz"
    with pytest.raises(runtime.exceptions.InvalidInputException, match="ranks nothing"):
        runtime.get_personalized_ranking(campaignArn=arn("quiet"), userId="u3", inputList=["i4"])


def test_what_was_deployed_a_moment_ago_answers_at_once(home: Stocked, runtime: Any) -> None:
    version = home.versions.list(SHOP, "personal")[0]
    for turn in range(3):
        home.campaigns.deploy(SHOP, f"moment-{turn}", version)
        assert names(runtime.get_recommendations(campaignArn=arn(f"moment-{turn}"), userId="u3"))


def test_a_stopped_recommender_and_strangers_are_refused(home: Stocked, server: Server, runtime: Any) -> None:
    recommend(home, "stopped", "aws-ecomm-recommended-for-you", "INACTIVE")
    with pytest.raises(runtime.exceptions.InvalidInputException, match="INACTIVE"):
        runtime.get_recommendations(recommenderArn=arn("stopped", "recommender"), userId="u1")
    other = server.client(key=home.keys.create(AccountKey("999999999999").account, "admin"))
    events = server.client("personalize-events", key=home.keys.create("999999999999", "admin"))
    for asked in ({"campaignArn": arn("quiet")}, {"recommenderArn": arn("for-you", "recommender")}):
        with pytest.raises(other.exceptions.ResourceNotFoundException) as caught:
            other.get_recommendations(**asked, userId="u1")
        assert "none yet" in caught.value.response["Error"]["Message"], "another account's names are not told"
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.put_items(datasetArn=f"{SHOP.arn('dataset', SHOP.group)}/ITEMS", items=[{"itemId": "x"}])
    given = [{"eventType": "view", "sentAt": 1, "itemId": "i1"}]
    with pytest.raises(events.exceptions.InvalidInputException):
        events.put_events(trackingId=TRACKING, sessionId="s", eventList=given)


def imported(user: str) -> pa.Table:
    return pa.table(
        {
            "user_id": [user] * 3,
            "item_id": ["i2", "i4", "i6"],
            "timestamp": pa.array([START + 12 * DAY + n for n in range(3)], pa.int64()),
            "event_type": ["view"] * 3,
        }
    )


def test_an_announced_import_is_served_without_a_deployment(home: Stocked, runtime: Any) -> None:
    rows = imported("imported")
    home.lake.commit(SHOP, "interactions", rows, schema=rows.schema, mode="INCREMENTAL", job="more")
    Snapshots(home.database).announce(SHOP, home.lake.snapshot(SHOP).text)
    deadline = time.monotonic() + 20
    rung = ""
    while rung != "personal" and time.monotonic() < deadline:
        answer = runtime.get_recommendations(campaignArn=arn("quiet"), userId="imported", numResults=4)
        rung = answer["ResponseMetadata"]["HTTPHeaders"]["x-endcap-rung"]
        time.sleep(0.02)
    assert rung == "personal"


class Shopper(threading.Thread):
    """Asks and clicks over and over; keeps every failure, and every item that was acknowledged."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(daemon=True)
        self.runtime, self.events = server.client(), server.client("personalize-events")
        self.name, self.stopped = f"busy-{number}", threading.Event()
        self.failures: list[str] = []
        self.clicked: list[str] = []

    def run(self) -> None:
        while not self.stopped.is_set():
            item = f"i{len(self.clicked) % 24}"
            event = {"eventType": "purchase", "sentAt": time.time(), "itemId": item}
            try:
                self.events.put_events(trackingId=TRACKING, sessionId=self.name, userId=self.name, eventList=[event])
                self.clicked.append(item)
                left = self.left()
                if not left.isdisjoint(self.clicked):
                    self.failures.append(f"{sorted(left)} after {self.clicked}")
            except Exception as error:  # whatever it is, it is a failure of the server
                self.failures.append(repr(error))

    def left(self) -> set[str]:
        asked = {"campaignArn": arn("quiet"), "userId": self.name, "numResults": 24}
        return set(names(self.runtime.get_recommendations(**asked, filterArn=arn("not-bought", "filter"))))


def test_no_request_and_no_event_is_lost_while_states_are_swapped(home: Stocked, server: Server) -> None:
    shoppers = [Shopper(server, number) for number in range(2)]
    for shopper in shoppers:
        shopper.start()
    version = home.versions.list(SHOP, "personal")[0]
    for turn in range(3):
        rows = imported(f"turn-{turn}")
        home.lake.commit(SHOP, "interactions", rows, schema=rows.schema, mode="INCREMENTAL", job=f"turn-{turn}")
        Snapshots(home.database).announce(SHOP, home.lake.snapshot(SHOP).text)
        home.campaigns.deploy(SHOP, "quiet", version, config=config(exploration_weight=0.0))
        deadline = time.monotonic() + 20
        wanted = home.campaigns.current(SHOP, "quiet").generation
        while not Servers(home.database).have_loaded(arn("quiet"), wanted) and time.monotonic() < deadline:
            time.sleep(0.02)
    for shopper in shoppers:
        shopper.stopped.set()
        shopper.join(20)
        assert shopper.failures == [] and len(shopper.clicked) > 3


def test_who_was_erased_is_a_stranger_once_the_servers_have_let_go(home: Stocked, server: Server, runtime: Any) -> None:
    events = checked(server.client("personalize-events"))
    for user in ("erased", "u5"):
        clicked = [{"eventType": "view", "sentAt": time.time(), "itemId": f"i{n}"} for n in (2, 4)]
        events.put_events(trackingId=TRACKING, userId=user, sessionId=f"s-{user}", eventList=clicked)
    log = open_log_reader(home.settings.log)
    sink(log, home.lake, shop=SHOP)
    log.close()
    assert rung(runtime, "erased") == rung(runtime, "s-erased") == "personal"
    home.lake.remove_users(SHOP, ["erased"], "job")
    generation = Snapshots(home.database).announce(SHOP, home.lake.snapshot(SHOP).text)
    servers, group = Servers(home.database), SHOP.arn("dataset-group", SHOP.group)
    deadline = time.monotonic() + 20
    while not servers.have_left(group, generation) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert rung(runtime, "erased") == rung(runtime, "s-erased") == "trending"
    assert rung(runtime, "u5") == "personal"


def rung(runtime: Any, user: str) -> str:
    answer = runtime.get_recommendations(campaignArn=arn("quiet"), userId=user, numResults=4)
    return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-endcap-rung"])


def test_the_registry_is_told_what_this_server_has_loaded(home: Stocked, server: Server) -> None:
    servers = Servers(home.database)
    current = home.campaigns.current(SHOP, "quiet").generation
    assert servers.have_loaded(arn("quiet"), current)
    assert not servers.have_loaded(arn("quiet"), current + 1)


def test_what_operators_see_of_it(server: Server) -> None:
    decisions = json.loads(server.get("/readyz"))["decisions"]
    assert decisions["dropped"] == decisions["failed"] == 0 and decisions["waiting"] >= 0
    told = server.get("/metrics").decode()
    values = {line.split(" ")[0]: float(line.split(" ")[1]) for line in told.splitlines() if not line.startswith("#")}
    assert values["endcap_decisions_total"] > 0
    assert values["endcap_decisions_dropped_total"] == values["endcap_decisions_failed_total"] == 0
    assert values['endcap_events_total{kind="event"}'] > 0
