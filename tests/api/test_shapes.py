import pytest

from endcap.api.shapes import convert, request_type, service
from endcap.api.wire import Refusal


def test_every_input_of_the_service_becomes_a_type_with_the_same_members() -> None:
    model = service("personalize-runtime")
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        kind = request_type("personalize-runtime", operation)
        assert set(kind.__struct_fields__) == set(shape.members)
        least = {
            name: [] if shape.members[name].type_name == "list" else "arn:aws:personalize:::x/y"
            for name in shape.required_members
        }
        assert convert(least, kind) is not None
        for name in shape.required_members:
            with pytest.raises(Refusal, match=name):
                convert({key: value for key, value in least.items() if key != name}, kind)


def test_the_models_limits_are_checked() -> None:
    kind = request_type("personalize-runtime", "GetRecommendations")
    good = {
        "context": {f"K{n}": "v" for n in range(150)},
        "userId": "x" * 256,
        "promotions": [{"percentPromotedItems": 100}],
    }
    assert convert(good, kind).promotions[0].percentPromotedItems == 100
    for bad in (
        {"context": {f"K{n}": "v" for n in range(151)}},
        {"context": {"K": "v" * 1001}},
        {"filterValues": {"K" * 51: "v"}},
        {"promotions": [{"percentPromotedItems": 0}]},
        {"promotions": [{"name": "-"}]},
        {"metadataColumns": {"ITEMS": ["c"], "USERS": ["c"]}},
        {"campaignArn": "arn:aws:personalize:a:b:c\n"},
    ):
        with pytest.raises(Refusal, match="validation error"):
            convert(bad, kind)


def test_unknown_members_are_left_out_as_the_service_does() -> None:
    assert convert({"userId": "a", "newer": 1}, request_type("personalize-runtime", "GetRecommendations")).userId == "a"
