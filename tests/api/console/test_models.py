"""The console's Models screen: versions with their cards, recipes with their settings, publishing and taking back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from shop_of_files import SHOP, console_of

from endcap.api.console.models import _told
from endcap.jobs import comparing
from endcap.jobs.training import train
from endcap.jobs.workspace import open_workspace
from endcap.settings import Settings
from endcap.types import AccountKey


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    home = tmp_path_factory.mktemp("models")
    with console_of(home) as found:
        workspace = open_workspace(Settings(home=home / "home"))
        shop = workspace.shop(SHOP)
        found.versions = [train(workspace, shop, recipe).id for recipe in ("popularity", "item-item")]
        found.chosen = chosen(workspace, found.versions[0])
        workspace.database.close()
        yield found


def chosen(workspace, version):
    """The same model again, as performAutoML leaves one."""
    model = workspace.versions.load(version)
    test = [{"recipe": "popularity", "all items": {"value": 0.125}}]
    told = {"metric": "ndcg@25", "validation": 0.25, "test": test, "left": {}}
    lineage = replace(model.version.lineage, metrics={"choice": told})
    dataset = replace(workspace.lake.dataset(model.version.shop), items=model.items, event_types=model.event_types)
    beside = {"choice.html": b"<!doctype html><p>why"}
    return workspace.versions.publish(model.version.shop, "auto", model.recipe, dataset, lineage, beside=beside).id


class TestVersions:
    def test_each_has_a_card_that_says_where_it_comes_from(self, console):
        listed = console.get("models")["models"]
        assert {each["id"] for each in listed} == {*console.versions, console.chosen}
        card = console.get(f"models/{console.versions[1]}")
        assert card["model"]["recipe"] == "item-item" and card["model"]["snapshot"] == "interactions@0,items@0"
        assert [each["path"] for each in card["sources"]] == ["orders.csv", "items.csv"]
        assert all(each["value"] == each["default"] and each["doc"] for each in card["settings"])
        assert card["limits"] and card["libraries"]["numpy"] and len(card["manifest"]) == 64

    def test_how_its_recipe_was_chosen(self, console):
        assert console.get(f"models/{console.versions[0]}")["choice"] == ""
        at = f"/console/api/models/{console.versions[0]}/choice"
        refused = console.http.get(at, params={"shop": SHOP})
        assert refused.status_code == 404 and "performAutoML chooses one" in refused.text
        chosen = console.chosen
        assert console.get(f"models/{chosen}")["choice"] == (
            "A race chose it: ndcg@25 0.2500 on validation, 0.1250 on the test."
        )
        page = console.http.get(f"/console/api/models/{chosen}/choice", params={"shop": SHOP})
        assert page.status_code == 200 and page.text == "<!doctype html><p>why"
        assert (
            page.headers["content-type"].startswith("text/html")
            and "sandbox" in page.headers["content-security-policy"]
        )

    def test_what_is_not_there(self, console):
        answer = console.http.get("/console/api/models/00000000", params={"shop": SHOP})
        assert answer.status_code == 404
        assert console.get("models", shop="nobody")["models"] == []


class TestTraining:
    def test_settings_are_offered_with_their_ranges_and_refused_outside_them(self, console):
        recipes = {each["name"]: each for each in console.get("recipes")["recipes"]}
        factors = next(each for each in recipes["als"]["parameters"] if each["name"] == "factors")
        assert factors["kind"] == "integer" and factors["low"] is not None and not factors["advanced"]
        assert "steered" not in recipes
        said = console.post("models", 400, recipe="als", settings={"factors": "-3"})["message"]
        assert "factors" in said
        console.post("models", 400, recipe="als", settings={"magic": "1"})
        console.post("models", 404, recipe="no-such")
        console.post("models", 409, recipe="als", shop="nobody")

    def test_it_is_a_job_whose_version_appears(self, console):
        made = console.post("models", recipe="repeat")
        while (found := console.get("models"))["training"] and found["training"][0]["status"] in ("pending", "running"):
            pass
        version = next(each for each in found["models"] if each["id"] == made["id"])
        assert (version["recipe"], version["solution"]) == ("repeat", f"{SHOP}-repeat")
        assert version["metrics"]


class TestServing:
    def test_published_shared_and_rolled_back(self, console):
        first, second = console.versions
        alone = console.post("campaigns", version=first, campaign="home")
        assert [each["weight"] for each in alone["variants"]] == [100]
        shared = console.post("campaigns", version=second, campaign="home", weight=25)
        assert {each["version"]: each["weight"] for each in shared["variants"]} == {first: 75, second: 25}
        served = {each["id"]: each["served"] for each in console.get("models")["models"]}
        assert served[second] == [{"campaign": "home", "weight": 25}]
        back = console.post("campaigns/rollback", campaign="home")
        assert [each["version"] for each in back["variants"]] == [first]
        assert [each["restores"] for each in back["past"]] == [1, None, None]
        said = console.post("campaigns/rollback", 409, campaign="home")["message"]
        assert "no earlier generation" in said

    def test_what_cannot_be_published(self, console):
        console.post("campaigns", 404, version="00000000", campaign="home")
        console.post("campaigns", 400, version=console.versions[0], campaign="home", weight=101)
        console.post("campaigns", 400, version=console.versions[0], campaign="no/name")
        console.post("campaigns/rollback", 404, campaign="nothing")


class TestComparing:
    def test_what_cannot_be_compared(self, console):
        console.post("evaluations", 400)
        console.post("evaluations", 404, versions=["00000000"])
        console.post("evaluations", 400, recipes=["als", "ease", "svd", "fm", "blend", "repeat", "related"])
        console.post("evaluations", 400, recipes=["als"], days=0)
        assert console.get("evaluations")["evaluations"] == []

    def test_one_that_cannot_be_judged_says_why(self, console):
        made = console.post("evaluations", recipes=["popularity"], days=700)
        found = console.ended("evaluations", made["id"])
        assert found["status"] == "failed" and "No interaction lies before the cut" in found["reason"]

        workspace = open_workspace(console.settings)
        record = workspace.resources.get(AccountKey(), comparing.KIND, f"{SHOP}/{made['id']}")
        read_before = replace(record, status="CREATE IN_PROGRESS", document={})
        job, read_again = _told(workspace, read_before)  # the job had ended when it was looked at
        assert job.status == "failed" and read_again.document["failureReason"]
        workspace.database.close()
