"""`evaluate` through files: the three protocols on data whose answers are known, the document, and bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from endcap.errors import DataError, InputError, SchemaError, UnknownName
from endcap.evaluation import protocols
from endcap.evaluation.evaluate import Result, evaluate
from endcap.lake.dataset import Dataset
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.seams import Tick
from endcap.types import Ranking
from shared_data import shared

TRAIN = {"user_id": [1, 1, 2, 2, 3, 3, 4], "item_id": ["a", "b", "a", "b", "a", "c", "d"]}
TEST = {"user_id": [1, 2, 3, 9], "item_id": ["c", "a", "b", "a"]}
# Popularity: a 3, b 2, c 1, d 1.


def saved(path: Path, columns: dict[str, Any]) -> Path:
    table = pa.table(columns)
    if path.suffix == ".csv":
        pa.csv.write_csv(table, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        pq.write_table(table, path)
    return path


def value(result: Result, name: str) -> float:
    return result.metrics[f"{name}@{result.at}"].value


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_top_n_leaves_out_what_was_seen(tmp_path: Path, suffix: str) -> None:
    train, test = saved(tmp_path / f"train{suffix}", TRAIN), saved(tmp_path / f"test{suffix}", TEST)
    result = evaluate("popularity", train, test, at=1)
    # 1 has seen a, b: shown c, right. 3 has seen a, c: shown b, right. 2 takes a again: no target left.
    assert result.users == 2 and result.items == 4
    assert value(result, "recall") == value(result, "mrr") == value(result, "ndcg") == 1.0
    assert value(result, "coverage") == 0.5
    assert any("1 of 4 test users" in note for note in result.notes)
    assert any("new to them" in note for note in result.notes)


def test_top_n_keeping_what_was_seen(tmp_path: Path) -> None:
    result = evaluate("popularity", pa.table(TRAIN), pa.table(TEST), at=2, keep_seen=True)
    # Everyone is shown a, b: 1 wants c, 2 wants a, 3 wants b.
    assert result.users == 3
    assert value(result, "hit_rate") == pytest.approx(2 / 3)
    assert value(result, "mrr") == pytest.approx((1 + 1 / 2) / 3)
    assert value(result, "precision") == pytest.approx(1 / 3)


def test_items_unknown_to_training_are_no_targets_and_counted() -> None:
    test = {"user_id": [1, 1, 3], "item_id": ["c", "new", "new"]}
    result = evaluate("popularity", pa.table(TRAIN), pa.table(test), at=1)
    assert result.users == 1 and value(result, "recall") == 1.0
    assert any("2 targets" in note and "1 users" in note for note in result.notes)


def test_next_item_tells_the_histories_apart(tmp_path: Path) -> None:
    rows = {
        "user_id": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4],
        "item_id": ["a", "b", "c", "a", "c", "b", "b", "a", "c", "a"],
        "pos": [1, 2, 3, 1, 2, 3, 1, 2, 3, 1],
    }
    result = evaluate("popularity", saved(tmp_path / "all.parquet", rows), protocol="next-item", at=1)
    # train + validation: a 4, b 2, c 1, seen left out: 1 → c, 2 → b, 3 → c, all right.
    assert result.users == 3 and value(result, "hit_rate") == 1.0
    # train: a 3, b 1, c 0: 1 (a) → b, 2 (a) → b, 3 (b) → a: only 2 is right.
    assert result.histories["train"]["hit_rate@1"].value == pytest.approx(1 / 3)
    assert result.histories["train, asked with validation"]["hit_rate@1"].value == 1.0
    assert "histories" in result.json() and any("fewer than three" in note for note in result.notes)


def test_next_item_with_a_test_file() -> None:
    train = {"user_id": [1, 1, 2], "item_id": ["a", "b", "a"], "timestamp": [10, 20, 30]}
    result = evaluate("popularity", pa.table(train), pa.table({"user_id": [2], "item_id": ["b"]}), protocol="next-item")
    assert result.users == 1 and value(result, "mrr") == 1.0 and result.histories == {}
    assert "histories" not in result.json()


def test_sessions_leave_nothing_out(tmp_path: Path) -> None:
    train = {"session_id": [1, 1, 2, 2, 3], "item_id": [7, 8, 7, 8, 7], "pos": [1, 2, 1, 2, 1]}
    test = {"prefix": [[8], [7, 8], [99]], "target": [7, 8, 99]}
    result = evaluate(
        "popularity", saved(tmp_path / "train.parquet", train), saved(tmp_path / "test.jsonl", test),
        protocol="sessions", at=2,
    )  # fmt: skip
    # All are shown 7, 8 — what the prefix holds too; 99 cannot be hit and still counts.
    assert result.users == 3
    assert value(result, "recall") == pytest.approx(2 / 3) and value(result, "mrr") == pytest.approx((1 + 0.5) / 3)
    assert any("1 prefixes" in note for note in result.notes) and any("1 of 3 targets" in note for note in result.notes)


def test_the_document(tmp_path: Path) -> None:
    document = evaluate("popularity", pa.table(TRAIN), pa.table(TEST)).json()
    assert list(document) == ["recipe", "protocol", "metrics", "seconds", "users_per_second", "peak_memory_mb"]
    names = ["recall@20", "ndcg@20", "mrr@20", "hit_rate@20", "precision@20", "coverage@20"]
    assert list(document["metrics"]) == names
    for each in document["metrics"].values():
        assert list(each) == ["value", "low", "high"] and each["low"] <= each["value"] <= each["high"]
    assert list(document["seconds"]) == ["train", "score"]
    assert document["users_per_second"] > 0 and document["peak_memory_mb"] > 10
    json.dumps(document, allow_nan=False)


def test_columns_as_the_world_writes_them() -> None:
    enum = pa.DictionaryArray.from_arrays(pa.array([0, 0, 1, 1, 2, 2, 3], pa.uint8()), pa.array(["1", "2", "3", "4"]))
    train = pa.table(
        {
            "user_id": enum,
            "item_id": pa.array(TRAIN["item_id"], pa.large_string()),
            "timestamp": pa.array(range(7), pa.timestamp("ms")),
            "event_type": pa.array(["purchase"] * 7).dictionary_encode(),
            "split": ["train"] * 7,
        }
    )
    floats = pa.table({"user_id": pa.array([1.0, 2.0, 3.0, 9.0]), "item_id": TEST["item_id"]})
    assert evaluate("popularity", train, floats, at=1).users == 2


def test_frames_and_datasets_and_recipes_are_taken_as_they_are() -> None:
    class Frame:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.table(TRAIN).__arrow_c_stream__(requested_schema)

    test = Dataset.from_table(pa.table(TEST))
    train = Dataset.from_table(pa.table(TRAIN))
    results = [evaluate(Popularity(window_days=None), given, test, at=1) for given in (Frame(), train)]
    assert [value(result, "recall") for result in results] == [1.0, 1.0]
    assert results[0].recipe == "popularity" and results[0].settings["window_days"] is None


def test_anything_that_recommends_is_judged() -> None:
    class Constant:
        def recommend(self, queries: Queries, k: int, *, allowed: Any = None, exclude: Any = None) -> Ranking:
            asked.append((len(queries), queries.user.tolist(), exclude is not None))
            return Ranking(np.zeros((len(queries), k), np.int32), np.zeros((len(queries), k), np.float32))

    asked: list[tuple[int, list[int], bool]] = []
    judged = protocols.task("top-n", pa.table(TRAIN), pa.table(TEST), keep_seen=True)
    top = protocols.rank(Constant(), judged.split, 1, mask_history=True)
    assert top.tolist() == [[0], [0], [0]] and asked == [(3, [0, 1, 2], True)]
    train = {"session_id": [1, 1], "item_id": [7, 8], "pos": [1, 2]}
    strangers = protocols.task("sessions", pa.table(train), pa.table({"prefix": [[8]], "target": [7]}))
    protocols.rank(Constant(), strangers.split, 1, mask_history=strangers.mask_history)
    assert asked[1] == (1, [-1], False)


def test_settings_reach_the_recipe_and_seeds_the_intervals() -> None:
    day = 86_400
    train = {"user_id": [1, 2, 3, 4], "item_id": ["a", "a", "b", "c"], "timestamp": [0, 0, 40 * day, 41 * day]}
    test = pa.table({"user_id": [3], "item_id": ["a"]})
    recent = evaluate("popularity", pa.table(train), test, at=1, settings={"window_days": "28"})
    ever = evaluate("popularity", pa.table(train), test, at=1, settings={"window_days": "none"})
    assert (value(recent, "recall"), value(ever, "recall")) == (0.0, 1.0)
    again = [evaluate("popularity", pa.table(TRAIN), pa.table(TEST), keep_seen=True, seed=4).metrics for _ in range(2)]
    assert again[0] == again[1]


def test_progress_counts_every_user() -> None:
    seen: dict[str, int] = {}

    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        def tick(n: int = 1) -> None:
            seen[label] = seen.get(label, 0) + n

        yield tick

    evaluate("popularity", pa.table(TRAIN), pa.table(TEST), keep_seen=True, progress=progress)
    assert seen["Scoring"] == 3


@pytest.mark.parametrize(
    ("train", "test", "options", "error", "words"),
    [
        (TRAIN, TEST, {"recipe": "magic"}, UnknownName, "Known: .*als, .*blend"),
        (TRAIN, TEST, {"protocol": "magic"}, UnknownName, "next-item, sessions, top-n"),
        (TRAIN, TEST, {"at": 0}, InputError, "expected 1 or more"),
        (TRAIN, None, {}, InputError, "needs test data"),
        (TRAIN, None, {"protocol": "sessions"}, SchemaError, "session_id, pos"),
        (TRAIN, None, {"protocol": "next-item"}, SchemaError, "no order"),
        ({**TRAIN, "pos": [1] * 7}, None, {"protocol": "next-item"}, DataError, "three interactions"),
        ({"user_id": [1]}, TEST, {}, SchemaError, "lacks the column"),
        (TRAIN, {"user_id": pa.array([], "int64"), "item_id": pa.array([], "string")}, {}, DataError, "no rows"),
        (TRAIN, {"user_id": ["z"], "item_id": ["a"]}, {}, DataError, "training history"),
        (TRAIN, {"user_id": [1], "item_id": ["zzz"]}, {}, DataError, "known to training"),
        (TRAIN, {"user_id": [1], "item_id": ["a"]}, {}, DataError, "new to them"),
        ({"user_id": [1, None], "item_id": ["a", "b"]}, TEST, {}, DataError, "empty in row 2"),
        ({**TRAIN, "weight": [1, 1, 0, 1, 1, 1, 1]}, TEST, {}, DataError, "not positive in row 3"),
        ({**TRAIN, "timestamp": ["noon"] * 7}, TEST, {}, DataError, "timestamp"),
        ({**TRAIN, "timestamp": [1, None, 1, 1, 1, 1, 1]}, TEST, {}, DataError, "empty in row 2"),
    ],
)
def test_bad_input_says_what_is_wrong(
    train: dict[str, Any], test: dict[str, Any] | None, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    recipe = options.pop("recipe", "popularity")
    with pytest.raises(error, match=words):
        evaluate(recipe, pa.table(train), None if test is None else pa.table(test), **options)


def test_bad_files(tmp_path: Path) -> None:
    good = pa.table(TRAIN)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 nothing")
    odd = tmp_path / "data.xyz"
    odd.write_text("")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    for path, error, words in (
        (broken, DataError, "cannot be read"),
        (tmp_path / "absent.csv", InputError, "does not exist"),
        (odd, InputError, "unknown ending"),
        (empty, DataError, "cannot be read"),
        (3, InputError, "is a int"),
    ):
        with pytest.raises(error, match=words):
            evaluate("popularity", path, good)


def test_popularity_floor_of_gowalla() -> None:
    table = pq.read_table(shared("cf_gowalla_lightgcn.parquet"))
    split = table["split"].cast(pa.string())
    result = evaluate("popularity", table.filter(pc.equal(split, "train")), table.filter(pc.equal(split, "test")))
    assert (round(value(result, "recall"), 4), round(value(result, "ndcg"), 4)) == (0.0416, 0.0317)
    assert result.users == 29_858 and result.notes == ()


def test_popularity_floor_of_ml1m() -> None:
    result = evaluate("popularity", shared("seq_ml1m_sasrec.parquet"), protocol="next-item", at=10)
    assert value(result, "hit_rate") == pytest.approx(0.0364, abs=2e-4)
    assert value(result, "ndcg") == pytest.approx(0.0179, abs=2e-4)
