"""Logged answers item by item: each gets its own features, and the strongest sign of interest that followed."""

import numpy as np
import pyarrow as pa

from endcap.lake.attribution import SEEN
from endcap.lake.logged import LOGGED, logged_items
from endcap.stream.records import Decision, Shown
from endcap.stream.sink_rows import decision_rows

FEATURES = np.arange(12, dtype="<f4").reshape(3, 4)


def decision(name: str, items: str, features: bytes, time: int = 100) -> Decision:
    shown = tuple(Shown(item, place + 1, 0.5, 1.0, "model", "because") for place, item in enumerate(items))
    made = {"operation": "recommendations", "target": "campaign", "generation": 1, "variant": "v", "version": "1"}
    return Decision(
        id=name, time=time, recipe="ranked", user_id="ann", shown=shown, feature_set="set", features=features, **made
    )


def seen(name: str, item: str, position: int | None, *events: str, time: int = 100) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(SEEN.names)
    told = [{"event_type": kind, "timestamp": 200, "event_value": None, "event_id": kind} for kind in events]
    row |= {"recommendation_id": name, "timestamp": time, "user_id": "ann", "item_id": item, "position": position}
    return row | {"propensity": 1.0, "events": told}


def rows(*found: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(found), SEEN)


def test_each_item_gets_its_features_and_what_became_of_it() -> None:
    decisions = decision_rows(
        [decision("r2", "ba", FEATURES[1:].tobytes(), 300), decision("r1", "c", FEATURES[0].tobytes())]
    )
    found = logged_items(
        decisions,
        rows(
            seen("r1", "c", 1, "View", "AddToCart", "Impression"),
            seen("r2", "b", 1, "Return", time=300),
            seen("r2", "a", None, time=300),
        ),
    )
    assert found.schema == LOGGED
    by_item = {row["item_id"]: row for row in found.to_pylist()}
    assert found["recommendation_id"].to_pylist()[0] == "r1"
    assert {name: row["response"] for name, row in by_item.items()} == {"c": 0.5, "b": 0.0, "a": 0.0}
    assert by_item["a"]["position"] is None and by_item["b"]["position"] == 1
    held = {name: np.frombuffer(row["features"], "<f4").tolist() for name, row in by_item.items()}
    assert held == {"c": FEATURES[0].tolist(), "b": FEATURES[1].tolist(), "a": FEATURES[2].tolist()}


def test_answers_without_fitting_features_are_left_out() -> None:
    decisions = decision_rows(
        [decision("none", "ab", b""), decision("odd", "abc", b"1234567890"), decision("empty", "", b"")]
    )
    asked = rows(seen("none", "a", 1, "Purchase"), seen("odd", "b", 2, "Purchase"), seen("other", "b", 2))
    assert logged_items(decisions, asked).num_rows == 0
    assert logged_items(decisions.slice(0, 0), asked.slice(0, 0)).num_rows == 0
