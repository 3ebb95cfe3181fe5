"""The real boto3 client against a real server process."""

import json
import urllib.request
from collections.abc import Iterator

import pytest
from shop_server import ARN, SHOP, Home, Server, running

from endcap.recipes import create

PURCHASED = SHOP.arn("filter", "exclude-purchased")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.stock()
    home.campaigns.deploy(SHOP, "home", home.publish(create("ease")))
    with running(home.settings) as server:
        yield server


def test_recommendations(server: Server) -> None:
    answer = server.client().get_recommendations(campaignArn=ARN, userId="u3", context={"DEVICE": "phone"})
    items = answer["itemList"]
    assert len({item["itemId"] for item in items}) == len(items) == 24
    scores = [item["score"] for item in items if "score" in item]
    assert scores == sorted(scores, reverse=True) and 0 < sum(scores) <= 1 + 1e-6
    assert answer["recommendationId"].startswith("RID-") and len(answer["recommendationId"]) == 40
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-endcap-rung"] == "personal" and headers["x-endcap-version"] in answer["recommendationId"]
    assert len(server.client().get_recommendations(campaignArn=ARN, userId="u3", numResults=3)["itemList"]) == 3


def test_an_unknown_shopper_gets_what_trends_and_is_told_so(server: Server) -> None:
    answer = server.client().get_recommendations(campaignArn=ARN, userId="no such shopper", numResults=5)
    assert len(answer["itemList"]) == 5
    assert answer["itemList"][0]["reason"] == ["Trending now (we do not know this shopper yet)"]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-endcap-rung"] == "trending"


def test_bought_items_are_filtered(server: Server) -> None:
    answer = server.client().get_recommendations(campaignArn=ARN, userId="u3", numResults=24, filterArn=PURCHASED)
    bought = {f"i{(3 + step) % 24}" for step in range(0, 12, 2)}
    assert bought.isdisjoint(item["itemId"] for item in answer["itemList"]) and len(answer["itemList"]) == 18


def test_related_items(server: Server) -> None:
    items = server.client().get_recommendations(campaignArn=ARN, itemId="i4", numResults=5)["itemList"]
    assert all(int(item["itemId"][1:]) % 2 == 0 for item in items) and "i4" not in [item["itemId"] for item in items]


def test_ranking(server: Server) -> None:
    answer = server.client().get_personalized_ranking(campaignArn=ARN, userId="u3", inputList=["zz", "i4", "i5", "i7"])
    ranked = answer["personalizedRanking"]
    assert {item["itemId"] for item in ranked[:2]} == {"i5", "i7"}
    assert ranked[-1]["itemId"] == "zz" and "score" not in ranked[-1]
    assert sum(item.get("score", 0) for item in ranked) == pytest.approx(1)


@pytest.mark.parametrize(
    "asked",
    [
        {"numResults": 501},
        {"numResults": -1},
        {"userId": "x" * 257},
        {"recommenderArn": ARN},
        {"campaignArn": "nonsense"},
        {"context": {"not a name": "x"}},
        {"filterValues": {"A": '"x"'}},
        {"filterArn": PURCHASED, "filterValues": {"A": '"x"'}},
        {"promotions": [{"name": "p", "percentPromotedItems": 50}]},
        {"promotions": [{"name": "p", "filterArn": PURCHASED}]},
        {"promotions": [{"name": "p", "percentPromotedItems": 101}]},
        {"metadataColumns": {"ITEMS": ["PRICE"]}},
    ],
    ids=",".join,
)
def test_invalid_input_is_caught_by_class(server: Server, asked: dict) -> None:
    client = server.client(parameter_validation=False)
    with pytest.raises(client.exceptions.InvalidInputException) as caught:
        client.get_recommendations(**{"campaignArn": ARN, "userId": "u1", **asked})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    "asked",
    [
        {"campaignArn": SHOP.arn("campaign", "no-such")},
        {"campaignArn": None, "recommenderArn": SHOP.arn("recommender", "home")},
        {"filterArn": SHOP.arn("filter", "no-such")},
    ],
    ids=["campaign", "recommender", "filter"],
)
def test_what_does_not_exist_is_caught_by_class(server: Server, asked: dict) -> None:
    client = server.client()
    given = {key: value for key, value in {"campaignArn": ARN, "userId": "u1", **asked}.items() if value}
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_recommendations(**given)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_ranking_of_nothing_or_too_much_is_invalid(server: Server) -> None:
    client = server.client(parameter_validation=False)
    for items in ([], [f"i{n}" for n in range(501)]):
        with pytest.raises(client.exceptions.InvalidInputException):
            client.get_personalized_ranking(campaignArn=ARN, userId="u1", inputList=items)
    with pytest.raises(client.exceptions.InvalidInputException):
        client.get_personalized_ranking(campaignArn=ARN, inputList=["i1"])
    with pytest.raises(client.exceptions.InvalidInputException, match="recommends items"):
        client.get_action_recommendations(campaignArn=ARN, userId="u1")


def test_what_operators_read(server: Server) -> None:
    def get(path: str) -> str:
        request = urllib.request.Request(server.address + path)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    assert json.loads(get("/healthz")) == {"status": "ok"}
    assert json.loads(get("/readyz"))["campaigns"][ARN]["generation"] == 1
    metrics = get("/metrics")
    for name in (
        'endcap_requests_total{route="/recommendations",status="200"}',
        'endcap_answers_total{campaign="home",rung="personal"}',
        f'endcap_campaign_generation{{campaign="{ARN}"}} 1.0',
        'recipe="ease"',
        "endcap_swap_failures_total 0.0",
        "endcap_request_seconds_bucket",
    ):
        assert name in metrics, name
    index = json.loads(get("/"))
    assert index["campaigns"][0]["arn"] == ARN and index["campaigns"][0]["sampleUser"]
