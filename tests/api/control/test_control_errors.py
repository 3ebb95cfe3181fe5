"""Every error that the model documents for an operation, provoked with boto3 and caught by its class."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from control_plane import ACCOUNT, MODEL, OTHER, Plane, serving
from control_world import METRIC, TAG, World, requests

from endcap.registry.quotas import PER_ACCOUNT, PER_SHOP, WAITING, Quotas

NOTHING = Quotas(dict.fromkeys(PER_ACCOUNT, 0), dict.fromkeys(PER_SHOP, 0), dict.fromkeys(WAITING, 0), updates=0)
TAGS = [{"tagKey": f"k{n}", "tagValue": "v"} for n in range(51)]
MODELLED = sorted(
    (error.name, operation)
    for operation in MODEL.operation_names
    for error in {shape.name: shape for shape in MODEL.operation_model(operation).error_shapes}.values()
)


def refused(client: Any, operation: str, error: str, **request: Any) -> str:
    """The message of the error, caught as clients catch it."""
    with pytest.raises(getattr(client.exceptions, error)) as caught:
        getattr(client, xform_name(operation))(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(caught.value.response["Error"]["Message"])


def arn_member(operation: str) -> str:
    """The first member of a request that names a resource."""
    shape = MODEL.operation_model(operation).input_shape
    return next(name for name, member in shape.members.items() if member.name == "Arn")


def of(error: str) -> list[str]:
    """The operations that document it."""
    return [operation for name, operation in MODELLED if name == error]


AT_ONCE = {"CreateDatasetImportJob": "datasetArn", "CreateSolutionVersion": "solutionArn"}
"""What clients ask for right after they made the one it needs, as the service's samples do, and that member."""


class Unfinished:
    """Resources that are still being created, and stay so."""

    def __init__(self, world: World) -> None:
        client = world.client
        group = client.create_dataset_group(name="coming", domain="ECOMMERCE")["datasetGroupArn"]
        actions = {"schemaArn": world["schema actions"], "datasetType": "Actions", "datasetGroupArn": world["group"]}
        dataset = client.create_dataset(name="coming", **actions)["datasetArn"]
        recipe = requests(world)["CreateSolution"]
        solution = client.create_solution(**{**recipe, "name": "coming"})["solutionArn"]
        version = client.create_solution_version(solutionArn=world["solution up"])["solutionVersionArn"]
        self.arns = {
            "datasetGroupArn": group,
            "datasetArn": dataset,
            "solutionArn": solution,
            "solutionVersionArn": version,
        }


@pytest.fixture(scope="module")
def full(world: World) -> Iterator[Plane]:
    """Another server on the same home, whose every quota is full."""
    with serving(world.plane.workspace.settings.home, NOTHING) as served:
        yield served


@pytest.fixture(scope="module")
def unfinished(world: World) -> Unfinished:
    return Unfinished(world)


@pytest.mark.parametrize("operation", of("InvalidInputException"))
def test_invalid_input(world: World, operation: str) -> None:
    request = {**requests(world)[operation]}
    shape = MODEL.operation_model(operation).input_shape
    bad = next(name for name, member in shape.members.items() if member.name in ("Arn", "Name", "Domain"))
    message = refused(world.client, operation, "InvalidInputException", **{**request, bad: "! bad"})
    assert message.startswith(f"1 validation error detected: Value '! bad' at '{bad}' failed to satisfy constraint")


@pytest.mark.parametrize("operation", of("ResourceNotFoundException"))
def test_resource_not_found(world: World, operation: str) -> None:
    request, member = requests(world)[operation], arn_member(operation)
    gone = request[member] + "-gone"
    assert gone in refused(world.client, operation, "ResourceNotFoundException", **{**request, member: gone})


@pytest.mark.parametrize("operation", of("InvalidNextTokenException"))
def test_invalid_next_token(world: World, operation: str) -> None:
    request = requests(world)[operation]
    for token in ("bogus", "a" * 1500, "=", "AAAA"):
        refused(world.client, operation, "InvalidNextTokenException", **request, nextToken=token)


@pytest.mark.parametrize("operation", of("ResourceAlreadyExistsException"))
def test_resource_already_exists(doomed: World, operation: str) -> None:
    request = requests(doomed)[operation]
    if operation == "UpdateMetricAttribution":
        request["addMetrics"] = [METRIC]
    else:
        request = {"name": "twice", **request} if operation == "CreateSolutionVersion" else request
        getattr(doomed.client, xform_name(operation))(**request)
        doomed.plane.settle()
    assert "already" in refused(doomed.client, operation, "ResourceAlreadyExistsException", **request)


@pytest.mark.parametrize("operation", of("TooManyTagsException"))
def test_too_many_tags(world: World, operation: str) -> None:
    message = refused(world.client, operation, "TooManyTagsException", **{**requests(world)[operation], "tags": TAGS})
    assert message == "A resource has at most 50 tags, this would be 51."


def test_too_many_tag_keys(world: World) -> None:
    keys = [tag["tagKey"] for tag in TAGS]
    refused(world.client, "UntagResource", "TooManyTagKeysException", resourceArn=world["group"], tagKeys=keys)


@pytest.mark.parametrize("operation", [name for name in of("LimitExceededException") if name != "TagResource"])
def test_limit_exceeded(full: Plane, world: World, operation: str) -> None:
    message = refused(full.client(), operation, "LimitExceededException", **requests(world)[operation])
    assert "the most there may be" in message or message.startswith("More than 0 resources with PENDING or IN_PROGRESS")


def test_too_many_requests_in_a_second(world: World) -> None:
    request = requests(world)["TagResource"]
    with serving(world.plane.workspace.settings.home, Quotas(requests_per_second=0)) as served:
        client = served.client()
        refused(client, "TagResource", "LimitExceededException", **request)
        with pytest.raises(client.exceptions.ClientError, match="ThrottlingException"):
            client.list_schemas()


@pytest.mark.parametrize(
    "operation", [name for name in of("ResourceInUseException") if name.startswith("Create") and name not in AT_ONCE]
)
def test_what_is_needed_is_still_being_created(world: World, unfinished: Unfinished, operation: str) -> None:
    request = requests(world)[operation]
    member = next(name for name in unfinished.arns if name in request)
    request[member] = unfinished.arns[member]
    message = refused(world.client, operation, "ResourceInUseException", **request)
    assert "is CREATE PENDING, expected ACTIVE" in message


@pytest.mark.parametrize(("operation", "member"), AT_ONCE.items())
def test_what_was_made_a_moment_ago_can_be_used_at_once(fresh: World, operation: str, member: str) -> None:
    request = {**requests(fresh)[operation], member: Unfinished(fresh).arns[member]}
    if "jobName" in request:
        request["jobName"] = "at-once"
    made = getattr(fresh.client, xform_name(operation))(**request)
    assert next(value for name, value in made.items() if name.endswith("Arn")).startswith("arn:")


@pytest.mark.parametrize("operation", AT_ONCE)
def test_what_is_needed_is_being_deleted(fresh: World, operation: str) -> None:
    deletion = "DeleteDataset" if operation == "CreateDatasetImportJob" else "DeleteSolution"
    doomed = requests(fresh)[deletion]
    getattr(fresh.client, xform_name(deletion))(**doomed)
    message = refused(fresh.client, operation, "ResourceInUseException", **{**requests(fresh)[operation], **doomed})
    assert "is DELETE PENDING" in message


@pytest.mark.parametrize("operation", [name for name in of("ResourceInUseException") if name.startswith("Delete")])
def test_what_is_being_deleted_cannot_be_deleted_again(doomed: World, operation: str) -> None:
    request = requests(doomed)[operation]
    if operation == "DeleteSchema":
        request = {"schemaArn": doomed["schema interactions"]}
    elif operation == "DeleteDatasetGroup":
        request = {"datasetGroupArn": doomed["group"]}
    else:
        getattr(doomed.client, xform_name(operation))(**request)
    assert "is " in refused(doomed.client, operation, "ResourceInUseException", **request)


@pytest.mark.parametrize("operation", [name for name in of("ResourceInUseException") if name.startswith("Update")])
def test_one_update_at_a_time(world: World, operation: str) -> None:
    request = requests(world)[operation]
    if operation == "UpdateMetricAttribution":  # takes effect at once; refused while it is being created
        made = {**requests(world)["CreateMetricAttribution"]}
        request["metricAttributionArn"] = world.client.create_metric_attribution(**made)["metricAttributionArn"]
    else:
        getattr(world.client, xform_name(operation))(**request)
    assert "is " in refused(world.client, operation, "ResourceInUseException", **request)


@pytest.mark.parametrize(
    ("operation", "member", "name"),
    [
        ("GetSolutionMetrics", "solutionVersionArn", ""),
        ("StartRecommender", "recommenderArn", "recommender"),
        ("StopRecommender", "recommenderArn", "recommender idle"),
        ("StopSolutionVersionCreation", "solutionVersionArn", "version up"),
    ],
)
def test_wrong_state(world: World, unfinished: Unfinished, operation: str, member: str, name: str) -> None:
    arn = world[name] if name else unfinished.arns[member]
    assert arn in refused(world.client, operation, "ResourceInUseException", **{member: arn})


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource", "ListTagsForResource"])
def test_tags_of_what_is_being_deleted(doomed: World, operation: str) -> None:
    arn = doomed.client.create_dataset_group(name=f"going-{operation}")["datasetGroupArn"]
    doomed.client.delete_dataset_group(datasetGroupArn=arn)
    more = {"TagResource": {"tags": [TAG]}, "UntagResource": {"tagKeys": ["team"]}}.get(operation, {})
    refused(doomed.client, operation, "ResourceInUseException", resourceArn=arn, **more)


def test_every_documented_error_is_provoked_here() -> None:
    in_use = {name for name in of("ResourceInUseException") if name.startswith(("Create", "Delete", "Update"))}
    single = {"GetSolutionMetrics", "StartRecommender", "StopRecommender", "StopSolutionVersionCreation"}
    tags = {"TagResource", "UntagResource", "ListTagsForResource"}
    assert in_use | single | tags == set(of("ResourceInUseException"))
    assert of("TooManyTagKeysException") == ["UntagResource"]
    tried = {
        "InvalidInputException",
        "ResourceNotFoundException",
        "InvalidNextTokenException",
        "ResourceAlreadyExistsException",
        "TooManyTagsException",
        "TooManyTagKeysException",
        "LimitExceededException",
        "ResourceInUseException",
    }
    assert {error for error, _ in MODELLED} == tried


def test_the_same_thing_in_another_region_is_named(world: World) -> None:
    client = world.plane.client(region="us-west-2")
    message = refused(client, "DescribeCampaign", "ResourceNotFoundException", campaignArn=world["campaign"])
    assert "It exists in region eu-west-1; this request is for us-west-2." in message
    mine = world["campaign"].replace("eu-west-1", "us-west-2")
    message = refused(client, "DescribeCampaign", "ResourceNotFoundException", campaignArn=mine)
    assert "It exists in region eu-west-1" in message


def test_another_account_is_told_nothing(world: World) -> None:
    client = world.plane.client(account=OTHER)
    for arn in (world["campaign"], world["campaign"].replace(ACCOUNT, OTHER)):
        message = refused(client, "DescribeCampaign", "ResourceNotFoundException", campaignArn=arn)
        assert message == (
            f"The campaign with ARN {arn} does not exist. This request is for account {OTHER} in eu-west-1."
        )


def test_a_reader_reads_and_changes_nothing(world: World) -> None:
    reader = world.plane.client(role="reader")
    assert reader.describe_campaign(campaignArn=world["campaign"])["campaign"]["status"] == "ACTIVE"
    with pytest.raises(reader.exceptions.ClientError, match="AccessDenied"):
        reader.create_dataset_group(name="mine")
    with pytest.raises(reader.exceptions.ClientError, match="AccessDenied"):
        world.plane.client(role="events").list_schemas()
