"""Training a ranked version takes up what the shop's answers showed and what became of it."""

from pathlib import Path

import numpy as np

from endcap.jobs.solution_data import Minimum, View, training_data, with_decisions
from endcap.lake.dataset import Dataset
from endcap.registry.recipe_arns import native_offer
from endcap.stream.records import Decision, Event, Shown
from endcap.stream.sink_rows import decision_rows, event_rows
from endcap.types import DAY
from jobs_shop import SmallShop

FEW = Minimum(100, 5)
FEATURES = np.array([[1, 2], [3, 4]], "<f4")


def answered(home: SmallShop, dataset: Dataset) -> None:
    """One answer of two items, one of them bought; and one given after everything that the dataset holds."""
    made = {"operation": "recommendations", "target": "t", "generation": 1, "variant": "v", "version": "1"}
    shown = tuple(Shown(item, place, 1.0, 1.0, "model", "") for place, item in ((1, "i4"), (2, "i6")))
    asked = {"recipe": "ranked", "user_id": "u1", "shown": shown, "feature_set": "set", "features": FEATURES.tobytes()}
    times = {"early": dataset.last_time - DAY, "late": dataset.last_time + DAY}
    decisions = [Decision(id=name, time=time, **made, **asked) for name, time in times.items()]
    bought = [
        Event(event_id=name, event_type="Purchase", time=time + 5, item_id="i6", user_id="u1", recommendation_id=name)
        for name, time in times.items()
    ]
    lake, shop = home.workspace.lake, home.shop
    lake.stream(shop, "decisions", lambda held: decision_rows(decisions), log="log", partition=0, upto=2)

    def rows(held):  # type: ignore[no-untyped-def]
        return event_rows("interactions", bought, held.schema, {})  # type: ignore[arg-type]

    lake.stream(shop, "interactions", rows, log="log", partition=0, upto=2)


def test_decisions_up_to_the_last_interaction_are_learned_from(tmp_path: Path) -> None:
    home = SmallShop(tmp_path)
    lake, shop, snapshot = home.workspace.lake, home.shop, home.workspace.lake.snapshot(home.shop)
    dataset = lake.dataset(shop, snapshot=snapshot)
    assert with_decisions(lake, shop, dataset).decisions is None
    answered(home, dataset)
    given = {name: training_data(lake, shop, snapshot, native_offer(name), View(), FEW) for name in ("ranked", "blend")}
    assert given["blend"].decisions is None
    found = given["ranked"].decisions
    assert found is not None and found["recommendation_id"].unique().to_pylist() == ["early"]
    assert dict(zip(found["item_id"].to_pylist(), found["response"].to_pylist(), strict=True)) == {"i4": 0, "i6": 1}
    assert [np.frombuffer(row, "<f4").tolist() for row in found["features"].to_pylist()] == FEATURES.tolist()


def test_a_part_of_the_history_comes_without_them(tmp_path: Path) -> None:
    home = SmallShop(tmp_path)
    dataset = home.workspace.lake.dataset(home.shop)
    answered(home, dataset)
    whole = with_decisions(home.workspace.lake, home.shop, dataset)
    assert whole.decisions is not None and whole.before(dataset.last_time).decisions is None
