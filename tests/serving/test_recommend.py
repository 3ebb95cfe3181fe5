from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from shops import SHOP, Registry

from endcap.lake.dataset import Dataset, Vocabulary
from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.registry.campaigns import CampaignConfig
from endcap.serving import recommendation_id
from endcap.serving.live_shop import LiveShop
from endcap.serving.model import ServedModel
from endcap.serving.recommend import Request, Slate, answer, recommend
from endcap.serving.shop import ShopState
from endcap.serving.snapshot import Snapshot
from endcap.stream.live import Live
from endcap.testing.datasets import random_shop

RECIPES = ("als", "ease", "popularity", "repeat", "trending")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("home"), random_shop(1))


@pytest.fixture(scope="module")
def served(registry: Registry) -> dict[str, Snapshot]:
    return {name: registry.snapshot(create(name)) for name in RECIPES}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(
    "request_",
    [
        Request(10, "u3"),
        Request(10, "nobody"),
        Request(10),
        Request(10, item_id="i3"),
        Request(10, item_id="no such"),
        Request(10, "u3", "i3"),
        Request(10, "u3", exclude_purchased=True),
        Request(1000, "u3"),
        Request(0, "u3"),
    ],
    ids=["known", "unknown", "nobody", "similar", "similar to unknown", "both", "unbought", "all", "none"],
)
def test_never_short_never_twice_never_barred(served: dict[str, Snapshot], name: str, request_: Request) -> None:
    snapshot = served[name]
    slate = recommend(snapshot, request_)
    bought = set(snapshot.state.histories.purchases(snapshot.state.histories.row("u3")).tolist())
    barred = (bought if request_.exclude_purchased else set()) | {snapshot.state.ordinal(request_.item_id)} - {-1}
    qualify = set(range(len(snapshot.state.catalogue))) - barred
    assert len(slate.items) == len(set(slate.items)) == min(request_.k, len(qualify))
    assert set(slate.ordinals) <= qualify
    assert len(slate.items) == len(slate.scores) == len(slate.rungs) == len(slate.reasons)
    ladder = [recommendation_id.RUNGS.index(rung) for rung in slate.rungs]
    assert ladder == sorted(ladder)
    known = [score for score in slate.scores if score is not None]
    assert known == sorted(known, reverse=True) and sum(known) <= 1 + 1e-6
    assert recommendation_id.read(slate.recommendation_id).version == slate.model.version


def test_a_compiled_filter_holds_on_every_rung(served: dict[str, Snapshot]) -> None:
    for name, snapshot in served.items():
        for user in ("u3", "nobody"):
            allowed = np.zeros(len(snapshot.state.catalogue), np.bool_)
            allowed[[2, 5, 9]] = True
            slate = recommend(snapshot, Request(5, user, allowed=allowed))
            assert sorted(slate.ordinals) == [2, 5, 9], name


@pytest.mark.parametrize("name", ["als", "ease"])
def test_agrees_with_the_recipe_itself(registry: Registry, served: dict[str, Snapshot], name: str) -> None:
    model = served[name].models[next(iter(served[name].models))]
    queries = Queries.histories(registry.data)
    scores = model.recipe.score(queries)
    for user in (0, 5, 11):
        slate = recommend(served[name], Request(8, registry.data.users.names(np.array([user], np.int32))[0]))
        expected = np.sort(scores[user][~np.isnan(scores[user])])[::-1][:8]
        got = scores[user][registry.data.items.rows(slate.items)]
        np.testing.assert_allclose(got[: len(expected)], expected, rtol=1e-3, atol=1e-5)


def test_probabilities_over_the_catalogue_sum_to_one(served: dict[str, Snapshot]) -> None:
    slate = recommend(served["als"], Request(1000, "u3"))
    assert sum(score or 0 for score in slate.scores) == pytest.approx(1, abs=1e-5)
    fewer = recommend(served["als"], Request(3, "u3", exclude_purchased=True))
    assert sum(score or 0 for score in fewer.scores) < 1


def test_an_unknown_shopper_is_told_why(served: dict[str, Snapshot]) -> None:
    slate = recommend(served["als"], Request(3, "nobody"))
    assert slate.rung == "trending" and slate.scores == [None] * 3
    assert slate.reasons[0] == "Trending now (we do not know this shopper yet)"
    assert "no shopper was named" in recommend(served["als"], Request(3)).reasons[0]
    assert recommend(served["popularity"], Request(3, "nobody")).rung == "general"
    assert recommend(served["als"], Request(3, "u3")).cause == ""


def test_related_items_leave_the_item_out_and_carry_no_score(served: dict[str, Snapshot]) -> None:
    slate = recommend(served["ease"], Request(5, item_id="i3"))
    assert slate.rung == "similar" and "i3" not in slate.items and slate.scores[0] is None
    unknown = recommend(served["ease"], Request(5, item_id="no such"))
    assert unknown.rung == "trending" and "not known" in unknown.cause


def test_a_batch_answers_as_each_alone(served: dict[str, Snapshot]) -> None:
    requests = [Request(6, user) for user in ("u1", "u2", "nobody", "u3", "u1")] + [Request(4, item_id="i1")]
    for snapshot in served.values():
        together = answer([Slate(snapshot, request, "0" * 16) for request in requests])
        for slate, request in zip(together, requests, strict=True):
            alone = recommend(snapshot, request, "0" * 16)
            assert slate.items == alone.items and slate.rungs == alone.rungs
            assert [score or 0 for score in slate.scores] == pytest.approx(
                [score or 0 for score in alone.scores], rel=1e-3
            )


def test_ranking_orders_and_puts_the_unknown_last(served: dict[str, Snapshot]) -> None:
    given = ("??", "i3", "i1", "i3", "!!", "i0")
    for name, snapshot in served.items():
        slate = recommend(snapshot, Request(6, "u3", candidates=given))
        assert sorted(slate.items) == sorted(set(given)), name
        assert slate.items[-2:] == ["??", "!!"] and slate.scores[-2:] == [None, None]
        known = [score for score in slate.scores if score is not None]
        assert known == sorted(known, reverse=True)
        assert not known or sum(known) == pytest.approx(1)
    nobody = recommend(served["als"], Request(6, "nobody", candidates=given))
    assert nobody.scores == [None] * 5 and nobody.rungs[0] == "popular"
    unbought = recommend(served["als"], Request(6, "u3", candidates=given, exclude_purchased=True))
    assert set(unbought.items) < set(given)


def test_exclude_seen_is_the_campaigns_choice(registry: Registry) -> None:
    registry.snapshot(create("als"))
    deployment = registry.campaigns.configure(SHOP, "home", CampaignConfig(exclude_seen=True))
    before = registry.snapshot(create("als"))
    snapshot = Snapshot(before.deployment, before.state, before.models)
    assert deployment.config.exclude_seen and snapshot.deployment.config.exclude_seen
    row = snapshot.state.histories.row("u3")
    seen = set(snapshot.state.histories.past.slice(row).item.tolist())
    assert seen.isdisjoint(recommend(snapshot, Request(1000, "u3")).ordinals)
    registry.campaigns.configure(SHOP, "home", CampaignConfig())


def test_items_newer_than_the_model_reach_the_slate_and_gone_ones_do_not(tmp_path: Path) -> None:
    old = random_shop(2)
    registry = Registry(tmp_path, old)
    version = registry.publish(create("als"), old)
    table = pa.table({"user_id": ["new"] * 3, "item_id": ["fresh", "i0", "i1"], "timestamp": [1, 2, 3]})
    kept = [name for name in old.items.ids.to_pylist() if name != "i2"]
    ordinals = [*old.items.rows(kept).tolist(), len(old.items)]
    now = Dataset.from_table(table, items=Vocabulary(pa.array([*kept, "fresh"]), np.array(ordinals, np.int32)))
    state = ShopState.of(now)
    model = ServedModel.of(registry.versions.load(version), state)
    deployment = registry.campaigns.deploy(SHOP, "home", version)
    snapshot = Snapshot(deployment, state, {version.id: model})
    slate = recommend(snapshot, Request(1000, "new"))
    assert "fresh" in slate.items and "i2" not in slate.items and len(slate.items) == len(kept) + 1
    assert state.ordinal("i2") == -1 and recommend(snapshot, Request(3, item_id="fresh")).cause
    ranked = recommend(snapshot, Request(3, "new", candidates=("fresh", "i2", "i0")))
    assert ranked.items[0] == "i0" and ranked.scores[1:] == [None, None]


def test_reasons_of_a_mixed_recipe_name_the_strongest_part(registry: Registry, served: dict[str, Snapshot]) -> None:
    snapshot = served["als"]
    model = next(iter(snapshot.models.values()))

    def parts(queries: object, items: np.ndarray) -> dict[str, np.ndarray]:
        repeat = np.where(items % 2 == 0, 1.0, np.nan)[None, :]
        return {"repeat": repeat, "popularity": np.full((1, len(items)), 0.5)}

    object.__setattr__(model.recipe, "parts", parts)
    try:
        slate = recommend(snapshot, Request(6, "u3"))
    finally:
        del model.recipe.parts
    for ordinal, reason in zip(slate.ordinals, slate.reasons, strict=True):
        assert reason == ("You bought this before" if model.rows[ordinal] % 2 == 0 else "Popular in this shop")


def test_variants_share_shoppers_and_stick(registry: Registry, tmp_path: Path) -> None:
    own = Registry(tmp_path, registry.data)
    first, second = own.publish(create("popularity")), own.publish(create("repeat"))
    own.campaigns.deploy(SHOP, "home", first)
    deployment = own.campaigns.deploy(SHOP, "home", second, weight=30)
    state = ShopState.of(own.data)
    models = {version.id: ServedModel.of(own.versions.load(version), state) for version in (first, second)}
    snapshot = Snapshot(deployment, state, models)
    share = [recommend(snapshot, Request(1, f"shopper {n}")).model.version for n in range(400)]
    assert 60 < share.count(second.id) < 180
    assert share[:50] == [recommend(snapshot, Request(1, f"shopper {n}")).model.version for n in range(50)]


def exploring(snapshot: Snapshot, weight: float, days: float = 1000.0) -> Snapshot:
    config = CampaignConfig(exploration_weight=weight, exploration_days=days)
    return Snapshot(replace(snapshot.deployment, config=config), snapshot.state, snapshot.models)


def test_exploration_shows_the_new_with_the_probability_that_it_notes(served: dict[str, Snapshot]) -> None:
    snapshot = exploring(served["als"], 0.4)
    plain = recommend(served["als"], Request(5, "u3"))
    assert plain.propensities == [1.0] * 5
    slates = [recommend(snapshot, Request(5, "u3"), f"{n * 2654435761:016x}") for n in range(1500)]
    assert all(len(set(slate.ordinals)) == 5 and len(slate.propensities) == 5 for slate in slates)
    assert slates[7].items == recommend(snapshot, Request(5, "u3"), slates[7].token).items
    told: dict[int, float] = {}
    for slate in slates:
        assert all(0 < chance <= 1 for chance in slate.propensities)
        told[slate.ordinals[0]] = slate.propensities[0]
    assert sum(told.values()) == pytest.approx(1, abs=0.02), "at the first place over all items"
    for ordinal, chance in told.items():
        share = sum(slate.ordinals[0] == ordinal for slate in slates) / len(slates)
        assert abs(share - chance) < 0.06, (ordinal, share, chance)
    explored = [rung == "explored" for slate in slates for rung in slate.rungs]
    assert 0.3 < sum(explored) / len(explored) < 0.5
    assert {slate.words[at] for slate in slates for at, rung in enumerate(slate.rungs) if rung == "explored"} == {
        "Exploration"
    }


def test_exploration_obeys_filters_and_the_age_of_items(served: dict[str, Snapshot]) -> None:
    allowed = np.zeros(len(served["als"].state.catalogue), np.bool_)
    allowed[:8] = True
    everything = exploring(served["als"], 1.0)
    slate = recommend(everything, Request(6, "u3", allowed=allowed), "0" * 16)
    assert set(slate.rungs) == {"explored"} and all(ordinal < 8 for ordinal in slate.ordinals)
    oldest = exploring(served["als"], 1.0, days=0.0)
    assert "explored" not in recommend(oldest, Request(6, "u3")).rungs


def test_own_answers_make_actions_personal_and_strangers_are_scored_all_the_same(tmp_path: Path) -> None:
    """Every other shopper takes whatever is offered, the rest nothing."""
    told = [
        (f"u{user:03d}", f"a{turn % 4}", turn, "TAKEN" if user % 2 else "NOT_TAKEN")
        for user in range(150)
        for turn in range(8)
    ]
    names = ("user_id", "item_id", "timestamp", "event_type")
    data = Dataset.from_table(pa.table(dict(zip(names, map(list, zip(*told, strict=True)), strict=True))))
    own = Registry(tmp_path, data)
    version = own.publish(create("action-rate", {"least": 1}))
    state = ShopState.of(data, "actions")
    model = ServedModel.of_actions(own.versions.load(version.id), state)
    shop = LiveShop(state, Live(SHOP), "actions")
    snapshot = Snapshot(own.campaigns.deploy(SHOP, "home", version), state, {version.id: model}, shop)
    taker, refuser, stranger = (recommend(snapshot, Request(4, user)) for user in ("u001", "u002", "nobody"))
    assert (taker.rung, refuser.rung, stranger.rung) == ("personal", "personal", "general")
    first = [slate.scores[0] or 0.0 for slate in (refuser, stranger, taker)]
    assert first == sorted(first) and first[0] < first[1] < first[2]
    assert stranger.cause, "and it is said that nothing is known of them"
