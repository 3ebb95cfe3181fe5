"""performAutoML: a race of the recipes of a solution, told in the version and in a page."""

import json
from typing import Any

import numpy as np
import pytest
from solution_shop import RECIPE, made, solution, version

from endcap.errors import ArtefactError, InputError, ResourceError
from endcap.evaluation.metric_names import measure_of
from endcap.evaluation.race import Lap, Race
from endcap.jobs import automl
from endcap.jobs.automl import Entrant, Entrants
from endcap.jobs.solution_choice import candidates
from endcap.jobs.solution_data import Solution
from endcap.jobs.solution_training import train_version
from endcap.jobs.workspace import Workspace
from endcap.recipes import create
from endcap.registry.recipe_arns import native_offer, offer
from endcap.registry.versions import Version
from endcap.types import ShopKey

RECIPES = ("aws-user-personalization", "endcap-graph-filter", "endcap-repeat")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ShopKey]:
    return made(tmp_path_factory.mktemp("choice") / "home")


def automatic(workspace: Workspace, name: str, identity: str, **config: Any) -> Any:
    """A version of a solution that chooses its recipe."""
    listed = {"recipeList": [RECIPE + each for each in RECIPES], "metricName": "precision_at_10"}
    resources = {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "2"}}
    given = {"autoMLConfig": listed, "hpoConfig": resources, **config}
    record = solution(workspace, name, "", performAutoML=True, solutionConfig=given)
    workspace.resources.change(record, document={"recipeArn": None})
    return version(workspace, name, identity)


@pytest.fixture(scope="module")
def trained(shop: tuple[Workspace, ShopKey]) -> Version:
    return train_version(shop[0], automatic(shop[0], "auto", "88888888"))


def test_the_winner_is_trained_told_and_explained(shop: tuple[Workspace, ShopKey], trained: Version) -> None:
    workspace, key = shop
    best = workspace.resources.get(key.account, "solution", "auto").document["autoMLResult"]["bestRecipeArn"]
    notes, files = trained.lineage.metrics, workspace.versions.beside(trained)
    told = json.loads(files["choice.json"])
    assert best == notes["recipeArn"] and best in [RECIPE + each for each in RECIPES]
    assert trained.recipe == offer(best).native and Entrant(offer(best)).name == told["winner"]["recipe"]
    raced = {lap["recipe"] for lap in told["laps"]}
    assert told["metric"] == "precision@10" and raced == {"popularity", RECIPES[0], "graph-filter", "repeat"}
    on_validation = {lap["recipe"]: lap["value"] for lap in told["laps"] if lap["share"] == 1}
    assert told["validation"] >= max(value for name, value in on_validation.items() if name != "popularity")
    assert notes["choice"]["test"] == told["test"] and told["test"][0]["recipe"] == told["winner"]["recipe"]
    assert all(len(each["trials"]) == 2 for each in told["searches"].values())
    made_again = create(trained.recipe, offer(best).native_settings(notes["tuned"]))
    assert trained.lineage.settings == made_again.settings()
    page = files["choice.html"].decode()
    assert page.startswith("<!doctype html>") and "Every round" in page and "precision@10" in page
    assert "was best on validation" in page and RECIPES[0] in page


def test_what_builds_on_it_keeps_recipe_and_page(shop: tuple[Workspace, ShopKey], trained: Version) -> None:
    workspace, before = shop[0], trained
    updated = train_version(workspace, version(workspace, "auto", "99999999", trainingMode="UPDATE"))
    assert updated.recipe == "updated" and updated.lineage.metrics["recipeArn"] == before.lineage.metrics["recipeArn"]
    assert workspace.versions.beside(updated) == workspace.versions.beside(before)


def test_a_page_that_was_changed_is_not_shown(shop: tuple[Workspace, ShopKey], trained: Version) -> None:
    workspace, _ = shop
    page = workspace.settings.home / "models" / trained.path / "choice.html"
    whole = page.read_bytes()
    page.write_bytes(whole.replace(b"popularity", b"pppularity"))
    with pytest.raises(ArtefactError, match=r"choice.html does not match"):
        workspace.versions.beside(trained)
    assert workspace.versions.load(trained).recipe.n_items
    page.write_bytes(whole)


def raced(**means: float) -> Race:
    laps = [Lap(name.replace("_", "-"), 1.0, 0.1, np.full(3, value)) for name, value in means.items()]
    return Race(tuple(laps), {"repeat": "took longer than its share of the time"})


def test_only_what_was_named_can_win() -> None:
    asked = Entrants.choice([Entrant(native_offer(name)) for name in ("item-item", "repeat")])
    assert set(asked.all) == {"popularity", "item-item", "repeat"}
    ranking = automl._ranking(raced(popularity=0.3, item_item=0.2), (), asked)
    assert [each.recipe for each in ranking] == ["item-item", "popularity"]
    with pytest.raises(ResourceError, match="No recipe to choose was done in time: repeat took longer"):
        automl._ranking(raced(popularity=0.3), (), asked)


def test_what_is_chosen_from() -> None:
    natives = [each.native for each in candidates(Solution(recipe_arn=""))]
    assert len(natives) == len(set(natives)) and {"blend", "als"} <= set(natives)
    named = {"autoMLConfig": {"recipeList": [RECIPE + "aws-sims", RECIPE + "aws-similar-items"]}}
    assert [each.name for each in candidates(Solution(recipe_arn="", config=named))] == [
        "aws-sims",
        "aws-similar-items",
    ]
    mixed = {"autoMLConfig": {"recipeList": [RECIPE + "aws-sims", RECIPE + "aws-hrnn"]}}
    with pytest.raises(InputError, match="several types"):
        candidates(Solution(recipe_arn="", config=mixed))


def test_what_can_be_chosen_by() -> None:
    assert measure_of("normalized_discounted_cumulative_gain_at_25") == ("ndcg", 25)
    assert measure_of("mean_reciprocal_rank_at_25") == ("mrr", 25)
    for name in ("coverage", "precision_at_0", "precision_at_101", ""):
        with pytest.raises(InputError, match="precision_at_K"):
            measure_of(name)
