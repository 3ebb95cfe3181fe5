import pytest

from endcap.errors import InputError
from endcap.registry.campaigns import CampaignConfig


def test_a_campaigns_record_is_read_as_it_travels() -> None:
    given = {
        "minProvisionedTPS": 7,
        "campaignConfig": {
            "itemExplorationConfig": {"explorationWeight": "0.4", "explorationItemAgeCutOff": "12"},
            "enableMetadataWithRecommendations": True,
            "syncWithLatestSolutionVersion": True,
            "rankingInfluence": {"POPULARITY": 0.5, "FRESHNESS": 1},
        },
    }
    assert CampaignConfig.from_document(given) == CampaignConfig(
        exploration_weight=0.4,
        exploration_days=12.0,
        metadata=True,
        sync=True,
        popularity=0.5,
        freshness=1.0,
        guaranteed_tps=7,
    )
    assert CampaignConfig.from_document({"name": "x"}) == CampaignConfig()


def test_a_recommenders_record_too() -> None:
    given = {"recommenderConfig": {"minRecommendationRequestsPerSecond": 3, "itemExplorationConfig": {}}}
    assert CampaignConfig.from_document(given) == CampaignConfig(guaranteed_tps=3)


@pytest.mark.parametrize(
    "given",
    [
        {"itemExplorationConfig": {"explorationWeight": "1.5"}},
        {"itemExplorationConfig": {"explorationWeight": "much"}},
        {"itemExplorationConfig": {"explorationItemAgeCutOff": "-1"}},
        {"rankingInfluence": {"POPULARITY": 2}},
    ],
)
def test_what_is_out_of_range_is_refused(given: dict) -> None:
    with pytest.raises(InputError):
        CampaignConfig.from_document({"campaignConfig": given})
