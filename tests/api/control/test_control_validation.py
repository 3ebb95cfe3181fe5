import unicodedata

import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from control_plane import MODEL
from hypothesis import given
from hypothesis import strategies as st

from endcap.api.personalize.control.tokens import read_token, write_token
from endcap.api.personalize.shaping import camel, described, shaped
from endcap.api.personalize.validation import nonconformities, pattern, validated
from endcap.api.wire import Refusal
from endcap.registry.resources import Resource
from endcap.types import AccountKey, Micros


def refused(operation: str, value: object) -> str:
    with pytest.raises(Refusal) as caught:
        validated(value, MODEL.operation_model(operation).input_shape)
    assert (caught.value.status, caught.value.kind) == (400, "InvalidInputException")
    return caught.value.message


def test_faults_are_told_together_in_the_service_s_words() -> None:
    assert refused("CreateCampaign", {"name": "a b", "minProvisionedTPS": 0}) == (
        "3 validation errors detected: "
        "Value 'a b' at 'name' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9][a-zA-Z0-9\\-_]*; "
        "Value null at 'solutionVersionArn' failed to satisfy constraint: Member must not be null; "
        "Value '0' at 'minProvisionedTPS' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )


def test_places_inside_lists_maps_and_structures() -> None:
    tags = [{"tagKey": "a", "tagValue": "b"}, {"tagKey": ""}]
    message = refused("CreateDatasetGroup", {"name": "a", "tags": tags})
    assert "at 'tags.2.member.tagKey' failed to satisfy constraint: Member must have length greater than" in message
    assert "Value null at 'tags.2.member.tagValue'" in message
    config = {"rankingInfluence": {"POPULARITY": 2, "WEATHER": 0.5}}
    message = refused(
        "CreateCampaign", {"name": "a", "solutionVersionArn": "arn:aws:personalize:a:b:c", "campaignConfig": config}
    )
    assert "at 'campaignConfig.rankingInfluence.POPULARITY' failed" in message
    assert (
        "at 'campaignConfig.rankingInfluence.key' failed to satisfy constraint: Member must satisfy enum value set"
        in message
    )


def test_many_faults_are_counted_and_some_told() -> None:
    message = refused("CreateDatasetGroup", {"name": "a", "tags": [{}] * 200})
    assert message.startswith("400 validation errors detected: ")
    assert message.count("Value null") == 10


def test_long_values_are_cut_and_deep_ones_not_spelled_out() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert "Value '[…]' at 'name'" in refused("CreateDatasetGroup", {"name": deep})
    assert len(refused("CreateDatasetGroup", {"name": "x" * 100_000})) < 400


def test_whole_numbers_pass_for_real_ones_and_unknown_members_are_left_out() -> None:
    shape = MODEL.operation_model("CreateCampaign").input_shape
    given_ = {"name": "a", "solutionVersionArn": "arn:aws:personalize:a:b:c", "other": 1, "tags": None}
    config = {"rankingInfluence": {"FRESHNESS": 1}, "new": 1}
    assert validated({**given_, "campaignConfig": config}, shape) == {
        "name": "a",
        "solutionVersionArn": "arn:aws:personalize:a:b:c",
        "campaignConfig": {"rankingInfluence": {"FRESHNESS": 1.0}},
    }


def shapes(shape: Shape, seen: set[str]) -> None:
    if shape.name in seen:
        return
    seen.add(shape.name)
    if isinstance(shape, StructureShape):
        for member in shape.members.values():
            shapes(member, seen)
    elif isinstance(shape, ListShape):
        shapes(shape.member, seen)
    elif isinstance(shape, MapShape):
        shapes(shape.key, seen)
        shapes(shape.value, seen)
    if isinstance(shape, StringShape) and "pattern" in shape.metadata:
        pattern(shape.metadata["pattern"])


def test_every_pattern_of_the_model_is_understood() -> None:
    seen: set[str] = set()
    for operation in MODEL.operation_names:
        model = MODEL.operation_model(operation)
        for shape in (model.input_shape, model.output_shape):
            if shape is not None:
                shapes(shape, seen)
    assert {"Name", "Arn", "TagKey", "NextToken", "SchedulingExpression"} <= seen


def test_the_pattern_of_tags_is_that_of_unicode_s_categories() -> None:
    allowed = pattern(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$")
    for code in range(0x110000):
        letter = chr(code)
        expected = unicodedata.category(letter)[0] in "LZN" or letter in "_.:/=+-@"
        assert bool(allowed.fullmatch(letter)) == expected, hex(code)


def test_a_pattern_is_for_the_whole_value_and_for_ascii_digits() -> None:
    name = pattern(r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*")
    assert name.fullmatch("a-b") and not name.fullmatch("a b") and not name.fullmatch("a\n")
    assert not pattern(r"rate\(\d+ days?\)").fullmatch("rate(٣ days)")


def test_answers_hold_only_what_their_shape_has() -> None:
    shape = MODEL.operation_model("DescribeCampaign").output_shape
    document = {"name": "a", "minProvisionedTPS": 1, "_private": 1, "unknown": 2}
    document["latestCampaignUpdate"] = {"status": "UPDATE PENDING", "creationDateTime": 1_700_000_000_123_456}
    campaign = Resource(AccountKey(), "campaign", "a", "shop", document=document, created=Micros(1_700_000_000_999_999))
    answer = shaped({"campaign": described(campaign)}, shape)
    assert answer["campaign"] == {
        "name": "a",
        "campaignArn": campaign.arn,
        "minProvisionedTPS": 1,
        "status": "ACTIVE",
        "creationDateTime": 1_700_000_000.999,
        "lastUpdatedDateTime": 0.0,
        "latestCampaignUpdate": {"status": "UPDATE PENDING", "creationDateTime": 1_700_000_000.123},
    }
    assert nonconformities(answer, shape) == []
    faults = nonconformities({"campaign": {"name": 1, "other": 2}, "more": 3}, shape)
    assert "Value '1' at 'campaign.name' failed to satisfy constraint: Member must be a string" in faults
    assert sum("no such member" in fault for fault in faults) == 2


def test_numbers_that_are_none_are_left_out() -> None:
    shape = MODEL.operation_model("GetSolutionMetrics").output_shape
    metrics = {"coverage": float("nan"), "precision_at_5": 0.5, "other": None, "inf": float("inf"), "whole": 1}
    assert shaped({"metrics": metrics}, shape) == {"metrics": {"precision_at_5": 0.5, "whole": 1.0}}


def test_names_of_kinds() -> None:
    assert [camel(kind) for kind in ("schema", "dataset-import-job")] == ["schema", "datasetImportJob"]


@given(st.tuples(st.integers(0, 2**53), st.text()), st.lists(st.text(), max_size=3))
def test_a_token_gives_back_its_place_to_its_list_only(place: tuple[int, str], purpose: list[str]) -> None:
    token = write_token(place, *purpose)
    assert token.isascii()
    assert read_token(token, tuple[int, str], *purpose) == place
    with pytest.raises(Refusal, match="nextToken"):
        read_token(token, tuple[int, str], *purpose, "another list")


@given(st.text(max_size=60))
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(Refusal, match="nextToken"):
        read_token(text, tuple[int, str], "schema")
