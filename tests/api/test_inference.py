"""`invoke_endpoint` by the real boto3 client against a real server process."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from live_home import furnish
from scipy import sparse
from shop_server import SHOP, Home, Server, events, running

from endcap.lake.labels import LABELS
from endcap.lake.recordio import Records, write_records
from endcap.recipes import create
from endcap.recipes.fm import FM
from endcap.testing.datasets import START

USERS = pa.schema([("user_id", pa.string()), ("membership", pa.string())])


def outspoken() -> pa.Table:
    """The shop's events, of every other item of a parity one piece and else three; and every user likes, and gives
    five stars to, items of their own parity, dislikes the others, and gives them one."""
    sold = events()
    said = [
        {
            "user_id": f"u{user}",
            "item_id": f"i{(user + step) % 24}",
            "timestamp": START + step,
            "event_type": (("Dislike", "Like") if step < 12 else ("Rating", "Rating"))[step % 2 == 0],
            "rating": 1.0 if step % 2 else 5.0,
        }
        for user in range(24)
        for step in range(24)
    ]
    pieces = [1.0 + 2 * (int(item[1:]) // 2 % 2) for item in sold["item_id"].to_pylist()]
    whole = [sold.append_column("quantity", pa.array(pieces)), pa.Table.from_pylist(said)]
    return pa.concat_tables(whole, promote_options="default")


@pytest.fixture(scope="module")
def model() -> FM:
    made = create("fm", {"factors": 4, "epochs": 30})
    assert isinstance(made, FM)
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model: FM) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    home.stock(outspoken())
    furnish(home)
    kinds = [("gold", "plain")[n % 2] for n in range(24)]
    known = pa.table({"user_id": [f"u{n}" for n in range(24)], "membership": kinds})
    home.lake.commit(SHOP, "users", known, schema=USERS, mode="FULL", job="users")
    home.campaigns.deploy(SHOP, "chances", home.publish(model))
    home.campaigns.deploy(SHOP, "amounts", home.publish(create("fm", {"factors": 4, "objective": "weight"})))
    for label in LABELS:
        learner = create("fm", {"factors": 4, "epochs": 20, "objective": label})
        home.campaigns.deploy(SHOP, label, home.publish(learner))
    home.campaigns.deploy(SHOP, "mixed", home.publish(create("hybrid", {"hidden": 0})))
    home.campaigns.deploy(SHOP, "neighbours", home.publish(create("ease")))
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with running(home.settings) as server:
        yield server


def ask(server: Server, instances: Any, endpoint: str = "chances", **more: Any) -> list[dict[str, Any]]:
    body = instances if isinstance(instances, (bytes, str)) else json.dumps({"instances": instances})
    given = {"ContentType": "application/json", **more}
    answer = server.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=body, **given)
    assert answer["ContentType"] == "application/json" and answer["InvokedProductionVariant"].startswith("test-")
    return json.loads(answer["Body"].read())["predictions"]


def refused(server: Server, instances: Any, endpoint: str = "chances", **more: Any) -> str:
    with pytest.raises(ClientError) as caught:
        ask(server, instances, endpoint, **more)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 415)
    assert caught.value.response["Error"]["Code"] in ("ValidationError", "InvalidInputException")
    return caught.value.response["Error"]["Message"]


def test_pairs_of_customer_and_product(server: Server) -> None:
    told = ask(server, [{"userId": "u3", "itemId": item} for item in ("i5", "i4", "i7", "i6")])
    own, other = [each["score"] for each in told[::2]], [each["score"] for each in told[1::2]]
    assert min(own) > max(other) and all(0 < each < 1 for each in own + other)
    assert [each["predicted_label"] for each in told] == [int(each["score"] >= 0.5) for each in told]
    assert set(ask(server, [{"userId": "u3", "itemId": "i5"}], "amounts")[0]) == {"score"}
    assert set(ask(server, [{"userId": "u3", "itemId": "i5"}], "neighbours")[0]) == {"score"}
    assert ask(server, [{"userId": "nobody at all", "itemId": "i5"}], "neighbours") == [{"score": None}]


def test_what_was_said_is_predicted_in_its_own_units(server: Server) -> None:
    pairs = [{"userId": "u3", "itemId": item} for item in ("i5", "i4", "i7")]
    stars = [each["score"] for each in ask(server, pairs, "rating")]
    assert 4 < stars[0] <= 5 and 1 <= stars[1] < 2 and 4 < stars[2] <= 5
    one, _, three = (each["score"] for each in ask(server, pairs, "quantity"))
    assert 1 <= one < 1.5 and 2.5 < three <= 3
    assert set(ask(server, pairs, "rating")[0]) == {"score"}
    up, down, _ = ask(server, pairs, "thumbs")
    assert up["predicted_label"] == 1 and down["predicted_label"] == 0 and up["score"] > 0.8 and down["score"] < 0.2
    slate = server.client().get_recommendations(campaignArn=SHOP.arn("campaign", "rating"), userId="u3", numResults=6)
    assert all(int(item["itemId"][1:]) % 2 for item in slate["itemList"])


def test_recipes_whose_scores_are_chances_label_them(server: Server) -> None:
    for each in ask(server, [{"userId": "u3", "itemId": item} for item in ("i5", "i4")], "mixed"):
        assert 0 <= each["score"] <= 1 and each["predicted_label"] == int(each["score"] >= 0.5)


def test_what_is_put_and_told_of_a_new_customer_counts(server: Server) -> None:
    def even(**context: str) -> bool:
        asked = [{"userId": "new", "itemId": item, "context": context} for item in ("i4", "i6", "i5", "i7")]
        found = [each["score"] for each in ask(server, asked)]
        return sum(found[:2]) > sum(found[2:])

    assert even(MEMBERSHIP="gold") and not even(MEMBERSHIP="plain")
    for kind, parity in (("plain", 1), ("gold", 0)):
        server.client("personalize-events").put_users(
            datasetArn=SHOP.arn("dataset", f"{SHOP.group}/USERS"),
            users=[{"userId": "new", "properties": json.dumps({"membership": kind})}],
        )
        assert even() == (parity == 0)
        slate = server.client().get_recommendations(campaignArn=SHOP.arn("campaign", "chances"), userId="new")
        assert slate["ResponseMetadata"]["HTTPHeaders"]["x-endcap-rung"] == "personal"
        assert {int(item["itemId"][1:]) % 2 for item in slate["itemList"][:6]} == {parity}
    assert not even(MEMBERSHIP="plain")


def test_rows_of_features_in_json_and_recordio(server: Server, model: FM) -> None:
    names = model.feature_names
    rows = sparse.lil_matrix((2, len(names)), dtype=np.float32)
    for row, (user, item) in enumerate((("u2", "i4"), ("u2", "i5"))):
        rows[row, names.index(f"user_id={user}")] = rows[row, names.index(f"item_id={item}")] = 1
    wide = sparse.csr_matrix(rows)
    dense = ask(server, [{"features": row} for row in wide.toarray().tolist()])
    tensors = [
        {"keys": wide[row].indices.tolist(), "shape": [len(names)], "values": wide[row].data.tolist()} for row in (0, 1)
    ]
    assert ask(server, [{"data": {"features": each}} for each in tensors]) == dense
    assert ask(server, [{"data": {"features": {"values": row}}} for row in wide.toarray().tolist()]) == dense
    body = write_records(Records(wide))
    assert ask(server, body, ContentType="application/x-recordio-protobuf") == dense
    assert dense[0]["score"] > dense[1]["score"]
    assert "reads no features" in refused(server, [{"features": [1, 2]}], "neighbours")


@pytest.mark.parametrize(
    ("instances", "said"),
    [
        ([], "no instances"),
        ("[]", "no instances"),
        ("{", "not JSON"),
        ([{"userId": "u1"}], r"instances\[0\]: .*itemId"),
        ([{"userId": 3, "itemId": "i1"}], r"instances\[0\]: Expected `str`"),
        ([{"userId": "u1", "itemId": "i1"}, {"features": [1]}], r"instances\[1\] is of another kind"),
        ([{"userId": "u1", "itemId": "i1"}, {"userId": "u1", "itemId": "??"}], r"instances\[1\]: .*'\?\?'"),
        ([{"userId": "u1", "itemId": "i1"}] * 1001, "at most 1000"),
        ([{"features": [1, 2]}], "Rows of 2 features; this machine has"),
        ([{"features": ["1"]}], "not a list of numbers"),
        ([{"features": [1e300]}], "too large"),
        ([{"features": [1]}, {"features": [1, 2]}], r"instances\[1\] has 2 features"),
        ([{"data": {"features": {"keys": [0], "values": [1]}}}], "shape is None"),
        ([{"data": {"features": {"keys": [9], "shape": [5], "values": [1]}}}], "the key 9"),
        ([{"data": {"features": {"keys": [0, 1], "shape": [5], "values": [1]}}}], "differ in number"),
        ([{"data": {"features": {"keys": [0], "shape": [10**12], "values": [1]}}}], "shape is"),
        ([{"data": 3}], r"instances\[0\]: expected"),
    ],
)
def test_bad_instances_are_named(server: Server, instances: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(refused(server, instances))


def test_other_bad_requests_are_told_why(server: Server) -> None:
    pair = [{"userId": "u1", "itemId": "i1"}]
    assert "Endpoint none of account 000000000000 not found" in refused(server, pair, "none")
    assert "Only JSON" in refused(server, "1,2", ContentType="text/csv")
    assert "answers are application/json" in refused(server, pair, Accept="text/csv")
    assert "TargetModel was given" in refused(server, pair, TargetModel="a.tar.gz")
    assert "There is no variant" in refused(server, pair, TargetVariant="other")
    assert "damaged at byte 0" in refused(server, b"abcd", ContentType="application/x-recordio-protobuf")
    assert "no records" in refused(server, b"", ContentType="application/x-recordio-protobuf")


def test_a_campaign_answers_its_tenant_and_the_roles_that_may(server: Server, home: Home) -> None:
    body = json.dumps({"instances": [{"userId": "u1", "itemId": "i1"}]})
    asked = {"EndpointName": "chances", "ContentType": "application/json", "Body": body}
    codes = {
        "ValidationError": home.keys.create("000000000009", "admin"),
        "AccessDeniedException": home.keys.create(SHOP.account.account, "events"),
        "InvalidSignatureException": replace(server.key, secret=server.key.secret[::-1]),
    }
    for code, key in codes.items():
        with pytest.raises(ClientError) as caught:
            server.client("sagemaker-runtime", key=key).invoke_endpoint(**asked)
        assert caught.value.response["Error"]["Code"] == code
