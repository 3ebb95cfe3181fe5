"""Bad input generated from the service model: every member of every operation, wrong in every way it can be wrong."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from control_plane import MODEL, OTHER, REGION, Raw
from control_world import KEY, ROLE, World, arn, requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ERRORS = {shape.name for shape in MODEL.error_shapes}
SAMPLES = {
    "Arn": arn("solution", "up"),
    "RoleArn": ROLE,
    "KmsKeyArn": KEY,
    "S3Location": "s3://bucket/key",
    "SchedulingExpression": "rate(7 days)",
    "NextToken": "token",
}
Path = tuple[str | int, ...]


def sample(shape: Shape) -> Any:
    """A value that the shape allows, with nothing but what it requires."""
    if isinstance(shape, StructureShape):
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [sample(shape.member)]
    if isinstance(shape, MapShape):
        return {sample(shape.key): sample(shape.value)}
    if isinstance(shape, StringShape):
        return SAMPLES.get(shape.name) or (shape.enum[0] if shape.enum else "sample")
    return {"boolean": True, "double": 0.5}.get(shape.type_name, 1)


def wrong(shape: Shape) -> Iterator[Any]:
    """Values that the shape does not allow."""
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if isinstance(shape, StringShape):
        yield from (5, True, [], {}, "nul\0")
        yield from ["x" * (high + 1)] if high else []
        yield from [""] if low else []
        yield from ["!", "ok\n"] if "pattern" in shape.metadata and shape.name != "NextToken" else []
        yield from ["nothing of the kind"] if shape.enum else []
        yield from ["smörgås " * 9] if shape.name == "NextToken" else []
    elif isinstance(shape, StructureShape):
        yield from ("text", 5, [], [{}])
    elif isinstance(shape, ListShape):
        yield from ("text", {}, [None], [[[]]])
        yield from [[sample(shape.member)] * (high + 1)] if high else []
    elif isinstance(shape, MapShape):
        yield from ("text", [])
        yield from [{f"a{n}": sample(shape.value) for n in range(high + 1)}] if high else []
        yield {sample(shape.key): None}
    elif shape.type_name == "boolean":
        yield from ("true", 1, 0, [])
    else:
        yield from ("1", True, [], 10**400, -(10**400))
        yield from [1.5, 2**31] if shape.type_name == "integer" else []
        yield from [low - 1] if low is not None else []
        yield from [high + 1] if high is not None else []


def members(shape: StructureShape, within: Path = (), seen: tuple[str, ...] = ()) -> Iterator[tuple[Path, Shape]]:
    """Every place in a request, and the shape that it has there."""
    for name, member in shape.members.items():
        yield from places(member, (*within, name), seen)


def places(shape: Shape, path: Path, seen: tuple[str, ...]) -> Iterator[tuple[Path, Shape]]:
    yield path, shape
    if shape.name in seen:
        return
    if isinstance(shape, StructureShape):
        yield from members(shape, path, (*seen, shape.name))
    elif isinstance(shape, ListShape):
        yield from places(shape.member, (*path, 0), seen)
    elif isinstance(shape, MapShape):
        yield from places(shape.value, (*path, sample(shape.key)), seen)


def placed(request: dict[str, Any], shape: Shape, path: Path, value: Any) -> dict[str, Any]:
    """The request with a value at a place; what lies on the way there is made where it is missing."""
    made = deepcopy(request)
    here: Any = made
    for step, inner in pairwise(path):
        shape = _inner(shape, step)
        if isinstance(here, dict) and (step not in here or not here[step]):
            here[step] = sample(shape)
        here = here[step]
        if isinstance(here, list) and not here and inner == 0:
            here.append(None)
    here[path[-1]] = value
    return made


def _inner(shape: Shape, step: str | int) -> Shape:
    if isinstance(shape, StructureShape):
        return shape.members[step]
    return shape.member if isinstance(shape, ListShape) else shape.value


def refused(raw: Raw, operation: str, body: Any, *kinds: str) -> str:
    status, answer = raw.call(operation, body)
    assert status == 400, f"{operation} {str(body)[:300]}: {status} {answer}"
    assert answer["__type"] in (kinds or ERRORS), f"{operation} {str(body)[:300]}: {answer}"
    assert answer["message"]
    return str(answer["message"])


@pytest.fixture(scope="module")
def raw(world: World) -> Raw:
    return world.plane.connection()


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_every_member_wrong_in_every_way(world: World, raw: Raw, operation: str) -> None:
    request, shape = requests(world)[operation], MODEL.operation_model(operation).input_shape
    for path, member in members(shape):
        for value in wrong(member):
            message = refused(raw, operation, placed(request, shape, path, value), "InvalidInputException")
            assert "failed to satisfy constraint" in message or "not JSON" in message, message


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_every_required_member_missing_or_null(world: World, raw: Raw, operation: str) -> None:
    """An unknown member beside it is ignored, as the service does."""
    request, shape = requests(world)[operation], MODEL.operation_model(operation).input_shape
    for name in shape.required_members:
        without = {key: value for key, value in request.items() if key != name}
        for body in (without, {**request, name: None}, {**without, "anUnknownMember": {"deep": [1]}}):
            message = refused(raw, operation, body, "InvalidInputException")
            assert message == (
                f"1 validation error detected: Value null at '{name}' failed to satisfy constraint: "
                "Member must not be null"
            )


@pytest.mark.parametrize("operation", [name for name in MODEL.operation_names if name.startswith(("Desc", "List"))])
def test_unknown_members_are_ignored(world: World, raw: Raw, operation: str) -> None:
    status, answer = raw.call(operation, {**requests(world)[operation], "anUnknownMember": 1, "other": None})
    assert status == 200, answer


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_every_arn_foreign_gone_or_of_another_kind(world: World, raw: Raw, operation: str) -> None:
    request, shape = requests(world)[operation], MODEL.operation_model(operation).input_shape
    for path, member in members(shape):
        if member.name != "Arn":
            continue
        for bad in (
            arn("campaign", "home", OTHER),
            arn("dataset-group", "shop", OTHER),
            arn("solution", "up/01234567", region="us-west-2"),
            arn("solution", "up/$LATEST", OTHER),
            arn("no-such-kind", "shop"),
            arn("filter", "gone"),
            arn("schema", "a" * 200),
            arn("solution", "up/01234567/89"),
            "arn:aws:personalize:::recipe/none",
            "arn:aws:personalize:::",
            "arn:aws:personalize:a:b:c",
        ):
            refused(raw, operation, placed(request, shape, path, bad))


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_another_tenant_gets_nothing(world: World, operation: str) -> None:
    """The same valid requests with the key of another account."""
    stranger = world.plane.connection(OTHER)
    request = requests(world)[operation]
    public = ("DescribeAlgorithm", "DescribeFeatureTransformation", "DescribeRecipe", "ListRecipes")
    if operation in public or operation in ("CreateDatasetGroup", "CreateSchema"):
        return
    if operation in ("ListDatasetGroups", "ListSchemas"):
        before = stranger.call(operation, {})[1]
        assert all(f":{OTHER}:" in str(entry) for entries in before.values() for entry in entries)
        return
    message = refused(stranger, operation, request)
    assert "does not exist" in message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": 1e999}',
        b'{"name": "a", "name": "b"}',
        b'{"name": "\\ud800"}',
        b"[" * 100_000,
        b'{"name":' * 50_000,
        b'{"name": ' + b"9" * 5000 + b"}",
        b'{"name": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_bodies_that_are_no_request(raw: Raw, body: bytes) -> None:
    for operation in ("CreateDatasetGroup", "DescribeCampaign", "TagResource"):
        refused(raw, operation, body, "InvalidInputException")


def test_what_is_no_operation_of_ours(raw: Raw) -> None:
    for target in ("AmazonPersonalize.Nothing", "AmazonPersonalize.", "Kinesis_20131202.PutRecord", "x", "é.y", "."):
        status, answer = raw.call("", {}, x_amz_target=target.encode().decode("latin-1"))
        assert (status, answer["__type"]) == (400, "UnknownOperationException")
    status, answer = raw.call("", {}, x_amz_target="")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")
    assert "X-Amz-Target is missing" in answer["message"]


def test_a_body_that_is_too_long(world: World) -> None:
    status, answer = world.plane.connection().call("CreateSchema", b"{}", content_length=str((1 << 20) + 1))
    assert (status, answer["__type"]) == (413, "InvalidInputException")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(operation=st.sampled_from(MODEL.operation_names), data=st.data())
def test_no_json_is_answered_with_a_failure(world: World, raw: Raw, operation: str, data: st.DataObject) -> None:
    names = list(MODEL.operation_model(operation).input_shape.members)
    request = {**requests(world)[operation]} if data.draw(st.booleans()) else {}
    if operation.startswith(("Create", "Update", "Delete", "Start", "Stop")):
        request = {name: value for name, value in request.items() if "Arn" not in name}
    request |= data.draw(st.dictionaries(st.sampled_from(names) if names else st.nothing(), VALUES, max_size=4))
    status, answer = raw.call(operation, request)
    assert status in (200, 400), answer


def test_the_region_is_part_of_the_tenant(world: World) -> None:
    elsewhere = world.plane.connection(region="ap-south-1")
    assert elsewhere.call("ListDatasetGroups", {})[1] == {"datasetGroups": []}
    assert world.plane.connection(region=REGION).call("ListDatasetGroups", {})[1]["datasetGroups"]
