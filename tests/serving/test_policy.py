"""Rules, diversity, cap and exploration as steps of the request path, alone and together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from policy_shop import CATEGORIES, category, served, shop, under
from shops import Registry

from endcap.recipes import create
from endcap.registry.campaigns import CampaignConfig
from endcap.serving.filters import parse
from endcap.serving.recommend import Request, recommend
from endcap.serving.restriction import Restriction
from endcap.serving.slate import Promotion
from endcap.serving.snapshot import Snapshot
from endcap.types import DAY

SOLD_OUT = {f"i{n}" for n in range(80) if n % 8 == 3}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return served(tmp_path_factory.mktemp("home"))


def bought(snapshot: Snapshot, user: str) -> set[str]:
    state = snapshot.state
    return set(state.catalogue.names(state.histories.purchases(state.histories.row(user))))


class TestRules:
    def test_what_was_bought_is_not_shown_again(self, plain: Snapshot) -> None:
        mine = bought(plain, "u3")
        everything = Request(80, "u3")
        assert mine & set(recommend(plain, everything).items)
        rest = recommend(under(plain, hide_bought="always"), everything)
        assert not mine & set(rest.items) and len(rest.items) == 80 - len(mine)
        listed = recommend(under(plain, hide_bought="always"), Request(3, "u3", candidates=("i0", "??", "i70", "i71")))
        assert set(listed.items) == {"i0", "??", "i70", "i71"} - mine, "what nobody knows is not barred"

    def test_until_it_is_due(self, plain: Snapshot) -> None:
        until = under(plain, hide_bought="until-due")
        assert "i0" in bought(plain, "u3")
        last = plain.state.histories.last_time
        soon, later = (recommend(until, Request(80, "u3", asked=last + days * DAY)) for days in (1, 16))
        assert "i0" not in recommend(under(plain, hide_bought="always"), Request(80, "u3", asked=last + 16 * DAY)).items
        assert "i0" in later.items, "coffee is bought every ten days"
        assert len(soon.items) <= len(later.items)

    def test_what_is_sold_out_is_not_shown_promoted_or_explored(self, plain: Snapshot) -> None:
        assert SOLD_OUT & set(recommend(plain, Request(80, "u3")).items)
        ruled = under(plain, hide_out_of_stock=True, exploration_weight=0.5, exploration_days=9999.0)
        promotion = Promotion("p", 50, Restriction("f", parse("INCLUDE ItemID WHERE Items.STOCK <= 5")))
        for token in range(20):
            for request in (Request(20, "u3"), Request(20, "nobody"), Request(20, "u3", promotion=promotion)):
                assert not SOLD_OUT & set(recommend(ruled, request, f"{token:016x}").items)
        assert not SOLD_OUT & set(recommend(ruled, Request(2, "u3", candidates=("i3", "i4", "i11"))).items)
        assert len(recommend(ruled, Request(80, "u3")).items) == 80 - len(SOLD_OUT)

    def test_a_shop_without_numbers_of_stock_shows_everything(self, tmp_path: Path) -> None:
        data = shop()
        assert data.item_metadata is not None
        words = data.item_metadata.set_column(3, "stock", pa.array(["none"] * 80))
        for facts in (words, words.drop_columns(["stock"]), None):
            home = tmp_path / str(facts is None) / str(facts is words)
            home.mkdir(parents=True)
            snapshot = Registry(home, replace(data, item_metadata=facts)).snapshot(create("popularity"))
            ruled = under(snapshot, hide_out_of_stock=True, category_cap=2, diversity=0.5)
            assert len(recommend(ruled, Request(80, "u3")).items) == 80


class TestDiversity:
    def test_off_is_exactly_the_plain_answer(self, plain: Snapshot) -> None:
        for request in (Request(10, "u3"), Request(80, "u3"), Request(10, "nobody"), Request(10, item_id="i3")):
            off = recommend(under(plain, diversity=0.0, category_cap=0), request, "1" * 16)
            one = recommend(plain, request, "1" * 16)
            assert (off.items, off.scores, off.reasons) == (one.items, one.scores, one.reasons)

    def test_more_categories_and_the_same_best_item(self, plain: Snapshot) -> None:
        def kinds(dial: float) -> float:
            shown = [recommend(under(plain, diversity=dial), Request(5, f"u{n}")).items for n in range(30)]
            return float(np.mean([len({category(name) for name in items}) for items in shown]))

        assert kinds(0.0) < kinds(0.5) <= kinds(1.0) <= CATEGORIES
        for user in ("u3", "nobody"):
            laid_out, one = (
                recommend(under(plain, diversity=0.6), Request(10, user)),
                recommend(plain, Request(80, user)),
            )
            assert laid_out.items[0] == one.items[0] and len(laid_out.items) == 10
            known = dict(zip(one.items, one.scores, strict=True))
            assert all(known[name] == score for name, score in zip(laid_out.items, laid_out.scores, strict=True))


class TestCap:
    @pytest.mark.parametrize("user", ["u3", "u7", "nobody", ""])
    def test_no_more_of_a_category_while_there_are_others(self, plain: Snapshot, user: str) -> None:
        capped = recommend(under(plain, category_cap=2), Request(10, user))
        assert max(Counter(map(category, capped.items)).values()) == 2 and len(capped.items) == 10
        many = recommend(under(plain, category_cap=2), Request(80, user))
        assert len(many.items) == 80, "never shorter"
        assert max(Counter(map(category, many.items[:10])).values()) == 2

    def test_looks_further_down_before_it_gives_way(self, plain: Snapshot) -> None:
        only = np.zeros(80, np.bool_)
        names = plain.state.catalogue.names(np.arange(80, dtype=np.int32))
        only[[at for at, name in enumerate(names) if category(name) in (0, 1)]] = True
        capped = recommend(under(plain, category_cap=3), Request(8, "u3", allowed=only))
        counts = Counter(map(category, capped.items))
        assert len(capped.items) == 8 and min(counts.values()) >= 3, "two categories cannot fill eight places"

    def test_holds_for_what_is_explored(self, plain: Snapshot) -> None:
        config = {"category_cap": 2, "exploration_weight": 0.5, "exploration_days": 9999.0, "exploration_ranked": 0.3}
        for token in range(50):
            slate = recommend(under(plain, **config), Request(10, "u3"), f"{token:016x}")
            assert max(Counter(map(category, slate.items)).values()) <= 2 and len(set(slate.items)) == 10


class TestExploration:
    @pytest.mark.parametrize("config", [{}, {"category_cap": 1}, {"diversity": 0.5, "category_cap": 1}])
    @pytest.mark.parametrize("weight", [0.0, 0.4])
    def test_propensities_are_how_often_it_happens(
        self, plain: Snapshot, config: dict[str, object], weight: float
    ) -> None:
        snapshot = under(plain, exploration_ranked=0.5, exploration_weight=weight, exploration_days=9999.0, **config)
        first: Counter[str] = Counter()
        told: dict[str, float] = {}
        second: Counter[tuple[str, str]] = Counter()
        told_second: dict[tuple[str, str], float] = {}
        runs = 3000
        for token in range(runs):
            slate = recommend(snapshot, Request(2, "u3"), f"{token * 2654435761:016x}")
            one, two = slate.items
            first[one] += 1
            told.setdefault(one, slate.propensities[0])
            assert told[one] == pytest.approx(slate.propensities[0])
            second[one, two] += 1
            told_second[one, two] = slate.propensities[1]
        assert sum(told.values()) <= 1 + 1e-9
        for name, chance in told.items():
            assert abs(first[name] / runs - chance) < 5 * np.sqrt(chance * (1 - chance) / runs) + 1e-3
        best = first.most_common(1)[0][0]
        for (one, two), count in second.items():
            if one == best and count > 30:
                chance = told_second[one, two]
                assert abs(count / first[best] - chance) < 5 * np.sqrt(chance * (1 - chance) / first[best]) + 1e-3

    def test_ranked_items_keep_their_score_and_nothing_is_shown_twice(self, plain: Snapshot) -> None:
        whole = recommend(plain, Request(80, "u3"))
        known = dict(zip(whole.items, whole.scores, strict=True))
        snapshot = under(plain, exploration_ranked=0.7)
        for token in range(30):
            slate = recommend(snapshot, Request(12, "u3"), f"{token:016x}")
            assert len(set(slate.items)) == 12 == len(slate.propensities)
            assert all(known[name] == score for name, score in zip(slate.items, slate.scores, strict=True))


def test_settings_that_only_publish_makes_survive_an_update_of_the_service() -> None:
    before = CampaignConfig(diversity=0.3, category_cap=3, hide_bought="always")
    after = CampaignConfig.from_document({"minProvisionedTPS": 4}).with_policy_of(before)
    assert (after.diversity, after.category_cap, after.hide_bought, after.guaranteed_tps) == (0.3, 3, "always", 4)


def test_models_without_vectors_are_laid_out_by_category(tmp_path: Path) -> None:
    snapshot = served(tmp_path, "popularity", window_days=90)
    plain, laid_out = (recommend(under(snapshot, diversity=dial), Request(5, "u3")) for dial in (0.0, 1.0))
    assert plain.rungs == laid_out.rungs == ["general"] * 5
    assert len({category(name) for name in laid_out.items}) == CATEGORIES
