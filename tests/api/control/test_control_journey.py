from pathlib import Path

import pytest
from botocore import xform_name
from control_plane import MODEL, Plane, serving
from control_world import World, build, requests

from endcap.api.personalize.control.operations import OPERATIONS

ORDER = ("Create", "Describe", "List", "Get", "Tag", "Untag", "Update", "Stop", "Start", "Delete")


def test_the_table_has_every_operation_of_the_service() -> None:
    assert sorted(OPERATIONS) == sorted(MODEL.operation_names)
    assert len(OPERATIONS) == 71


def test_every_operation_succeeds_and_answers_in_its_shape(tmp_path: Path, database_url: str) -> None:
    """The client checks each answer against its output shape."""
    with serving(tmp_path, database_url=database_url) as plane:
        walk(plane, build(plane))


def walk(plane: Plane, world: World) -> None:
    """Every operation once."""
    wanted = requests(world)
    assert sorted(wanted) == sorted(MODEL.operation_names)
    client = world.client
    for prefix in ORDER:
        for operation in (name for name in wanted if name.startswith(prefix)):
            getattr(client, xform_name(operation))(**(_special(operation, world) or wanted[operation]))
            plane.settle()

    for operation in (name for name in wanted if name.startswith("Delete") and name != "DeleteDatasetGroup"):
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="does not exist"):
            getattr(client, xform_name(operation.replace("Delete", "Describe")))(**wanted[operation])
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            getattr(client, xform_name(operation))(**wanted[operation])


def _special(operation: str, world: World) -> dict[str, str]:
    """Requests on what is there for a moment only."""
    if operation == "StopSolutionVersionCreation":
        made = world.client.create_solution_version(solutionArn=world["solution up"])
        return {"solutionVersionArn": made["solutionVersionArn"]}
    if operation == "DeleteDatasetGroup":
        return {"datasetGroupArn": world.client.create_dataset_group(name="for-a-moment")["datasetGroupArn"]}
    return {}


@pytest.mark.parametrize("operation", sorted(set(MODEL.operation_names)))
def test_every_operation_has_a_handler(operation: str) -> None:
    assert OPERATIONS[operation].__doc__ or operation.startswith(("Describe", "List", "Delete"))
