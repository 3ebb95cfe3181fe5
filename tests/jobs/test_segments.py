"""Batch segments: the right shoppers, by item and by attributes, under filters; bad lines in place."""

from typing import Any

import numpy as np
import pytest

from endcap.errors import InputError
from endcap.jobs.batch import run_batch
from endcap.jobs.batch_segments import segment
from endcap.recipes.queries import Queries
from endcap.registry.versions import Version
from jobs_shop import SmallShop

KIND = "batch-segment-job"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    return SmallShop(tmp_path_factory.mktemp("segments"), settings={"threads": 2})


@pytest.fixture(scope="module")
def affinity(shop: SmallShop) -> Version:
    return shop.train("affinity", factors=8)


def run(shop: SmallShop, version: Version, lines: list[Any], name: str, **members: Any) -> list[dict[str, Any]]:
    return shop.run(segment, version, lines, name, kind=KIND, **members)


def expected(shop: SmallShop, version: Version, items: list[str], k: int) -> list[str]:
    """By brute force: all users by their mean score on these items."""
    model = shop.workspace.versions.load(version)
    data = shop.workspace.lake.dataset(shop.shop)
    assert data.items.ids.equals(model.items.ids)
    scores = model.recipe.score(Queries.histories(data), model.items.rows(items)).mean(axis=1)
    return data.users.names(np.argsort(-scores, kind="stable")[:k].astype(np.int32))


def test_the_most_inclined_to_an_item(shop: SmallShop, affinity: Version) -> None:
    answers = run(shop, affinity, [{"itemId": "i2"}, {"itemId": "i3"}], "items", numResults=20)
    for answer, item in zip(answers, ("i2", "i3"), strict=True):
        assert answer["output"] == {"recommendedUsers": expected(shop, affinity, [item], 20)}
        parity = int(item[1:]) % 2
        fitting = [user for user in answer["output"]["recommendedUsers"][:8] if int(user[1:]) % 2 == parity]
        assert len(fitting) >= 6 and answer["error"] is None and answer["input"] == {"itemId": item}


def test_attributes(shop: SmallShop, affinity: Version) -> None:
    lines = [
        {"itemAttributes": 'ITEMS.genres = "Comedy" AND ITEMS.price < 10'},
        {"itemAttributes": 'Items.GENRES IN ("Crime") OR Items.NAME = "Thing 4"'},
    ]
    answers = run(shop, affinity, lines, "attributes", numResults=7)
    groups = [["i0", "i3", "i6"], ["i4", *(f"i{n}" for n in range(2, 40, 3))]]
    for answer, items in zip(answers, groups, strict=True):
        assert answer["output"]["recommendedUsers"] == expected(shop, affinity, items, 7)


def test_more_users_are_asked_for_than_there_are(shop: SmallShop, affinity: Version) -> None:
    (answer,) = run(shop, affinity, [{"itemId": "i2"}], "everyone", numResults=5_000_000)
    assert sorted(answer["output"]["recommendedUsers"]) == sorted(f"u{n}" for n in range(60))


def test_filters_on_users_and_their_values(shop: SmallShop, affinity: Version) -> None:
    arn = shop.filter("INCLUDE UserID WHERE Users.AGE >= $AGE", "grown")
    lines = [{"itemId": "i2", "filterValues": {"AGE": age}} for age in ("40", "65")] + [{"itemId": "i2"}]
    answers = run(shop, affinity, lines, "grown", filterArn=arn, numResults=60)
    for answer, age in zip(answers, (40, 65), strict=False):
        assert set(answer["output"]["recommendedUsers"]) == {f"u{n}" for n in range(60) if 20 + n % 50 >= age}
    assert "AGE" in answers[2]["error"] and answers[2]["output"] == {"recommendedUsers": []}
    events = shop.filter('EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("purchase")', "lookers")
    (answer,) = run(shop, affinity, [{"itemId": "i2"}], "lookers", filterArn=events, numResults=60)
    table = shop.events()
    buyers = {
        user
        for user, kind in zip(table["user_id"].to_pylist(), table["event_type"].to_pylist(), strict=True)
        if kind == "Purchase"
    }
    assert set(answer["output"]["recommendedUsers"]) == {f"u{n}" for n in range(60)} - buyers


BAD = [
    ("{", "not valid JSON"),
    ("[1]", "cannot be used"),
    ("{}", "Either itemId or itemAttributes"),
    ('{"itemId": "i1", "itemAttributes": "x"}', "Either itemId or itemAttributes"),
    ('{"itemId": "unheard of"}', "not known"),
    ('{"itemAttributes": "ITEMS.genres"}', "itemAttributes cannot be read"),
    ('{"itemAttributes": "ITEMS.genres = \\"Comedy\\" | EXCLUDE ItemID WHERE ITEMS.PRICE > 1"}', "must compare"),
    ('{"itemAttributes": "Interactions.EVENT_TYPE = \\"View\\""}', "must compare"),
    ('{"itemAttributes": "ITEMS.genres = \\"Nothing\\""}', "not known"),
]


def test_bad_lines_are_reported_in_place(shop: SmallShop, affinity: Version) -> None:
    lines: list[Any] = []
    for bad, _ in BAD:
        lines += [bad, {"itemId": "i1"}]
    answers = run(shop, affinity, lines, "bad")
    for place, (_, why) in enumerate(BAD):
        assert answers[2 * place]["error"].startswith("User error: ") and why in answers[2 * place]["error"]
        assert answers[2 * place]["output"] == {"recommendedUsers": []}
        assert len(answers[2 * place + 1]["output"]["recommendedUsers"]) == 25


def test_in_a_child_process(shop: SmallShop, affinity: Version) -> None:
    shop.put("s3://shop/child/in.json", [{"itemId": "i1"}])
    job = shop.job(affinity, "child", KIND, jobInput={"s3DataSource": {"path": "s3://shop/child/"}})
    assert run_batch(shop.workspace, job).lines == 1


def test_other_recipes_and_other_filters_are_refused(shop: SmallShop, affinity: Version) -> None:
    shop.put("s3://shop/in/a.json", [{"itemId": "i1"}])
    with pytest.raises(InputError, match="need a recipe of type USER_SEGMENTATION"):
        segment(shop.workspace, shop.job(shop.train("popularity"), "wrong-recipe", KIND))
    arn = shop.filter("INCLUDE ItemID WHERE Items.PRICE > 1", "items")
    with pytest.raises(InputError, match="not about users"):
        segment(shop.workspace, shop.job(affinity, "wrong-filter", KIND, filterArn=arn))
