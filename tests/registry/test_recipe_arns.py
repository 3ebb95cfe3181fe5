"""Every recipe name of the service is offered, with something of ours behind it."""

import pytest

from endcap.errors import InputError, UnknownName
from endcap.recipes import RECIPES, create, recipe_class
from endcap.registry.recipe_arns import INNER, Offer, native_offer, offer, offers

SERVICE = [
    "aws-user-personalization-v2",
    "aws-personalized-ranking-v2",
    "aws-user-personalization",
    "aws-personalized-ranking",
    "aws-similar-items",
    "aws-semantic-similarity",
    "aws-sims",
    "aws-popularity-count",
    "aws-trending-now",
    "aws-next-best-action",
    "aws-item-affinity",
    "aws-item-attribute-affinity",
    "aws-hrnn",
    "aws-hrnn-metadata",
    "aws-hrnn-coldstart",
    "aws-ecomm-popular-items-by-views",
    "aws-ecomm-popular-items-by-purchases",
    "aws-ecomm-frequently-bought-together",
    "aws-ecomm-customers-who-viewed-x-also-viewed",
    "aws-ecomm-recommended-for-you",
    "aws-vod-because-you-watched-x",
    "aws-vod-more-like-x",
    "aws-vod-most-popular",
    "aws-vod-trending-now",
    "aws-vod-top-picks",
]
RECIPE = "arn:aws:personalize:::recipe/"


def test_all_names_of_the_service_and_all_of_ours() -> None:
    names = [each.name for each in offers()]
    assert names == [*SERVICE, *(f"endcap-{name}" for name in sorted(RECIPES.keys() - INNER))]
    assert len({each.arn for each in offers()}) == len(names)


@pytest.mark.parametrize("each", offers(), ids=lambda each: each.name)
def test_defaults_make_a_recipe_and_are_in_their_own_range(each: Offer) -> None:
    recipe = create(each.native, each.native_settings({}))
    for name, parameter in each.hyper_parameters.items():
        parameter.check(name, parameter.default)
        if parameter.native:
            assert parameter.native in recipe.settings()
        if parameter.search and each.name.startswith("endcap-"):
            for value in parameter.search:
                create(each.native, {parameter.native: value})
        for choice in parameter.choices:
            create(each.native, each.native_settings({name: choice}))
    assert each.description and each.type.isupper() and each.created > 0


@pytest.mark.parametrize("name", sorted(RECIPES.keys() - INNER))
def test_ours_say_what_their_class_says(name: str) -> None:
    declared = native_offer(name).hyper_parameters
    fields = recipe_class(name).hyper_parameters()
    assert list(declared) == [field.name for field in fields]
    assert create(name, {key: one.default for key, one in declared.items()}).settings() == create(name).settings()
    for field in fields:
        assert (declared[field.name].low, declared[field.name].high) == (
            field.metadata.get("low"),
            field.metadata.get("high"),
        )


def test_hyper_parameters_become_settings() -> None:
    assert offer(RECIPE + "aws-hrnn").native_settings({"hidden_dimension": "64"})["factors"] == "64"
    assert offer(RECIPE + "aws-sims").native_settings({}) == {"discount": "0.5", "min_support": "3"}
    trending = offer(RECIPE + "aws-trending-now")
    for words, days in (("30 minutes", 1 / 48), ("1 hour", 1 / 24), ("3 hours", 1 / 8), ("1 day", 1)):
        recipe = create("trending", trending.native_settings({"trend_discovery_frequency": words}))
        assert recipe.settings()["window_days"] == pytest.approx(days)
        assert recipe.settings()["baseline_days"] == pytest.approx(8 * days)


@pytest.mark.parametrize(
    ("recipe", "given", "message"),
    [
        ("aws-hrnn", {"hidden_dimension": "31"}, "expected 32 to 256"),
        ("aws-hrnn", {"hidden_dimension": "40.5"}, "expected a integer value"),
        ("aws-hrnn", {"recency_mask": "perhaps"}, "expected one of true, false"),
        ("aws-sims", {"popularity_discount_factor": "nan"}, "expected 0 to 1"),
        ("aws-popularity-count", {"factors": "3"}, "it has none"),
        ("endcap-als", {"weighting": "cubic"}, "expected one of auto, log, linear"),
    ],
)
def test_what_a_recipe_cannot_take_is_refused(recipe: str, given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        offer(RECIPE + recipe).native_settings(given)


def test_an_unknown_recipe_is_told_what_there_is() -> None:
    with pytest.raises(UnknownName, match=r"aws-sims.*endcap-als"):
        offer(RECIPE + "aws-deepfm")


def test_whoever_stands_in_says_so() -> None:
    silent = {each.name for each in offers() if not each.stands_in and not each.name.startswith("endcap-")}
    assert silent == {
        "aws-sims",
        "aws-popularity-count",
        "aws-trending-now",
        "aws-ecomm-popular-items-by-views",
        "aws-ecomm-popular-items-by-purchases",
        "aws-ecomm-frequently-bought-together",
        "aws-ecomm-customers-who-viewed-x-also-viewed",
        "aws-vod-because-you-watched-x",
        "aws-vod-most-popular",
        "aws-vod-trending-now",
    }
