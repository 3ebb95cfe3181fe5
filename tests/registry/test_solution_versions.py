from endcap.registry.resources import Resource
from endcap.registry.solution_versions import planned_version
from endcap.types import AccountKey


def test_a_version_takes_over_what_its_solution_says_now() -> None:
    document = {"name": "sol", "recipeArn": "r", "performHPO": True, "solutionConfig": {"a": 1}, "_private": 1}
    solution = Resource(AccountKey(), "solution", "sol", "shop", document=document)
    version = planned_version(solution, "01234567", training="AUTOMATIC", tags={"a": "b"})
    assert version.arn == f"{solution.arn}/01234567"
    assert (version.parent, version.shop, version.status) == ("sol", "shop", "CREATE PENDING")
    assert version.document == {
        "recipeArn": "r",
        "performHPO": True,
        "solutionConfig": {"a": 1},
        "name": "sol/01234567",
        "solutionArn": solution.arn,
        "trainingMode": "FULL",
        "trainingType": "AUTOMATIC",
    }
    assert planned_version(solution, "01234567", name="spring").document["name"] == "spring"
