"""Records of feature groups are what is known of shoppers and products, up to the cut, in training as in answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from solution_shop import ITEMS, START, USERS, made, request

from endcap.errors import InputError, UnknownName
from endcap.features.groups import Feature, FeatureGroup
from endcap.features.profiles import known_of, with_records
from endcap.jobs.profile_groups import given_groups, profile_groups, with_groups
from endcap.jobs.sinking import sink_all
from endcap.jobs.training_child import run_training
from endcap.jobs.workspace import Workspace
from endcap.recipes.queries import Queries
from endcap.registry import artefacts
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.lineage import USER_GROUPS, Lineage
from endcap.seams import no_progress
from endcap.storage.log import open_log
from endcap.stream.collect import feature_record
from endcap.types import DAY, SECOND, AccountKey, Micros, Query

ACCOUNT = AccountKey()
CUT = START + 60 * DAY
OWN = (Feature("id", "String"), Feature("at", "Fractional"))
CUSTOMERS = (*OWN, Feature("Club", "String"), Feature("age", "Integral"), Feature("likes", "String", "List"),
             Feature("taste", "Fractional", "Vector", 2))  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace, _ = made(tmp_path_factory.mktemp("home"))
    groups = FeatureGroups(workspace.database)
    customers = groups.create(FeatureGroup(ACCOUNT, "customers", "id", "at", CUSTOMERS))
    products = groups.create(FeatureGroup(ACCOUNT, "products", "id", "at", (*OWN, Feature("price", "Fractional"))))
    groups.create(FeatureGroup(ACCOUNT, "fleeting", "id", "at", OWN, stores=("online",)))
    records = [
        customers.record(
            {"id": f"u{n}", "at": str(CUT // SECOND - 5), "Club": ("even", "odd")[n % 2], "likes": ["a", "b"]}
        )
        for n in range(USERS)
    ]
    records.append(customers.record({"id": "u0", "at": str(CUT // SECOND + 5), "Club": "of later", "age": "7"}))
    records.append(customers.deletion("u2", str(CUT // SECOND - 1), hard=False))
    records.append(products.record({"id": "i1", "at": str(CUT // SECOND - 5), "price": "99"}))
    log = open_log(workspace.settings.log)
    log.append([feature_record(ACCOUNT, each, Micros(CUT), index=n) for n, each in enumerate(records)])
    log.close()
    sink_all(workspace)
    return workspace


def told(workspace: Workspace, **config: str) -> Any:
    given = given_groups({"featureTransformationParameters": config})
    return profile_groups(FeatureGroups(workspace.database), ACCOUNT, given, "fm")


def test_the_newest_record_before_the_cut_is_laid_over_what_is_known(workspace: Workspace) -> None:
    (group,) = told(workspace, user_feature_groups="customers").users
    ids = pa.array(["u0", "nobody", "u2", "u3"])
    known = pa.table({"user_id": ids, "club": ["x", "y", "z", None], "age": [1.5, 2.5, None, None]})
    table = with_records(workspace.lake, known, ids, "user_id", [group], CUT)
    assert table["club"].to_pylist() == ["even", "y", "z", "odd"]
    assert table["likes"].to_pylist() == ["a|b", None, None, "a|b"] and "taste" not in table.column_names
    assert table["age"].to_pylist() == [1.5, 2.5, None, None]
    later = with_records(workspace.lake, known, ids, "user_id", [group], CUT + 6 * SECOND)
    assert later["club"][0].as_py() == "of later" and later["age"][0].as_py() == 7


def test_an_answer_is_told_what_training_is(workspace: Workspace) -> None:
    (group,) = told(workspace, user_feature_groups="customers").users
    ids = pa.array(["u3", "u4"])
    trained = with_records(workspace.lake, None, ids, "user_id", [group], CUT).to_pylist()
    for row, club in zip(trained, ("odd", "even"), strict=True):
        values = group.record({"id": row["user_id"], "at": "1", "Club": club, "likes": ["a", "b"]}).values
        assert known_of(group, values) == {
            name: value for name, value in row.items() if name != "user_id" and value is not None
        }


def test_a_solution_names_its_groups(workspace: Workspace, tmp_path: Path) -> None:
    config = {
        "algorithmHyperParameters": {"factors": "4", "epochs": "8"},
        "featureTransformationParameters": {"user_feature_groups": "customers", "item_feature_groups": "products"},
    }
    asked = request(workspace, tmp_path / "staging", "endcap-fm", solutionConfig=config)
    groups = told(workspace, **config["featureTransformationParameters"])
    asked = msgspec.structs.replace(asked, groups=groups, moment=CUT)
    asked = msgspec.json.decode(msgspec.json.encode(asked), type=type(asked))  # as the child gets it
    read = artefacts.read(tmp_path / "staging", "0000beef", run_training(asked, no_progress).manifest)
    lineage = Lineage.of(msgspec.json.decode((tmp_path / "staging" / "lineage.json").read_bytes()))
    assert lineage.metrics[USER_GROUPS] == ["customers"]
    rows = read.items.rows([f"i{n}" for n in range(ITEMS)])
    for club, parity in (("even", 0), ("odd", 1)):
        profiles = pa.table({"user_id": ["new"], "club": [club]})
        nobody = Queries.of([Query()], read.items)
        scores = read.recipe.score(replace(nobody, profiles=profiles))[0][rows]
        assert np.mean(scores[parity::2]) > np.mean(scores[1 - parity :: 2])


def test_products_have_what_their_group_says(workspace: Workspace) -> None:
    key = workspace.new_shop("mine")
    data = with_groups(
        workspace.lake, workspace.lake.dataset(key), told(workspace, item_feature_groups="products"), CUT
    )
    assert data.item_metadata is not None
    prices = dict(zip(data.item_metadata["item_id"].to_pylist(), data.item_metadata["price"].to_pylist(), strict=True))
    assert (prices["i1"], prices["i2"]) == (99.0, 2.0)


@pytest.mark.parametrize(
    ("given", "recipe", "said"),
    [
        ({"customers": "order_id"}, "fm", "GROUP=user_id"),
        ({"fleeting": "user_id"}, "fm", "no offline store"),
        ({"customers": "user_id"}, "als", "nothing of shoppers"),
    ],
)
def test_groups_that_would_not_count_are_refused(
    workspace: Workspace, given: dict[str, str], recipe: str, said: str
) -> None:
    groups = FeatureGroups(workspace.database)
    with pytest.raises(InputError) as caught:
        profile_groups(groups, ACCOUNT, given, recipe)
    assert said in f"{caught.value} {caught.value.fix}"
    with pytest.raises(UnknownName):
        profile_groups(groups, ACCOUNT, {"no-such": "user_id"}, recipe)
    assert profile_groups(groups, ACCOUNT, {"products": "item_id"}, "als").items
