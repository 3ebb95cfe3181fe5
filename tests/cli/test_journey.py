"""What a newcomer does with a CSV of their own, command by command."""

import re
from pathlib import Path
from typing import Any

from endcap.cli.output import settings
from endcap.jobs.workspace import open_workspace


def test_from_a_csv_to_a_recommendation(shell: Any, csv: Path) -> None:
    imported = shell.json("import", str(csv), "--shop", "mine")
    assert imported["kinds"]["interactions"]["accepted"] == 60 * 14 and imported["sources"][0]["sha256"]
    trained = shell.json("train", "item-item")
    served = shell.json("publish")
    assert served["variants"] == [
        {"name": f"mine-item-item-{trained['version']}", "version": trained["version"], "weight": 100}
    ]
    answer = shell.json("recommend", "c1", "-n", "5")
    assert len(answer["items"]) == 5 and answer["version"] == trained["version"]
    assert all(item["itemId"].startswith("coffee") for item in answer["items"][:3])
    assert re.fullmatch(r"RID-.{1,36}", answer["recommendationId"])


def test_in_words(published: Any) -> None:
    said = published("recommend", "c2", "-n", "3")
    assert "tea-" in said and "mine-item-item" in said
    assert "60" in published("status") or "840" in published("status")
    assert "why" in published("check")
    assert "tea-" in published("similar", "tea-2", "-n", "3")


def test_a_stranger_gets_what_is_trending_and_is_told_so(published: Any) -> None:
    answer = published.json("recommend", "nobody-knows-me", "-n", "4")
    assert len(answer["items"]) == 4
    assert all("do not know this shopper" in item["reason"] for item in answer["items"])


def test_what_is_told_of_the_moment_counts(imported: Any, tmp_path: Path) -> None:
    items = [f"{tribe}-{at},{at}.5" for tribe in ("tea", "coffee") for at in range(1, 13)]
    (tmp_path / "items.csv").write_text("\n".join(["item_id,price", *items]) + "\n", "utf-8")
    imported("import", "items.csv", "--shop", "mine")
    imported("train", "knowledge")
    imported("publish")
    assert len(imported.json("recommend", "c1", "-n", "9")["items"]) == 9
    answer = imported.json("recommend", "c1", "-n", "9", "--context", "BUDGET=3", "--context", "HOUR=9")
    assert {item["itemId"] for item in answer["items"]} == {"tea-1", "tea-2", "coffee-1", "coffee-2"}
    assert "'BUDGET' is not key=value" in imported("recommend", "c1", "--context", "BUDGET", code=2)


def test_status_lists_what_is_served(published: Any) -> None:
    found = published.json("status")
    assert found["endpoint"] == "http://127.0.0.1:8420"
    (campaign,) = found["campaigns"]
    assert campaign["name"] == "mine-item-item" and campaign["recipe"] == "item-item"
    assert campaign["arn"] == "arn:aws:personalize:us-east-1:000000000000:campaign/mine-item-item"
    assert campaign["sampleUser"].startswith("c")


def test_publish_a_share_then_roll_back(published: Any) -> None:
    first = published.json("status")["campaigns"][0]["version"]
    second = published.json("train", "popularity", "--solution", "other")["version"]
    shared = published.json("publish", second, "--campaign", "mine-item-item", "--weight", "10")
    assert {v["version"]: v["weight"] for v in shared["variants"]} == {first: 90, second: 10}
    back = published.json("rollback")
    assert [v["version"] for v in back["variants"]] == [first]


def test_a_column_that_is_not_recognised_is_mapped(shell: Any, csv: Path) -> None:
    csv.write_text(csv.read_text().replace("date", "when", 1))
    assert "--map timestamp=" in shell("import", str(csv), code=3)
    assert shell.json("import", str(csv), "--map", "timestamp=when")["kinds"]["interactions"]["accepted"] == 840


def test_lineage_names_the_files_and_the_snapshot(published: Any) -> None:
    workspace = open_workspace(settings())
    (version,) = workspace.versions.list(workspace.shop("mine"))
    assert [Path(source.path).name for source in version.lineage.sources] == ["orders.csv"]
    assert len(version.lineage.sources[0].sha256) == 64
    assert (
        version.lineage.snapshot.startswith("interactions@0") and version.lineage.trained_until > 1_700_000_000_000_000
    )


def test_evaluate_a_shop_and_read_the_report_again(published: Any, home: Path) -> None:
    found = published.json("evaluate", "--recipe", "item-item", "--days", "20")
    assert {row["recipe"] for row in found["rows"]} == {"popularity", "repeat", "item-item"}
    assert {row["population"] for row in found["rows"]} == {"all items", "items new to the shopper"}
    assert published.json("report").items() >= found.items()
    assert "NDCG@20" in published("report")
    page = home / "reports" / "000000000000" / "us-east-1" / "mine" / "evaluation.html"
    assert page.read_text().startswith("<!doctype html>")


def test_evaluate_files(shell: Any, tmp_path: Path) -> None:
    rows = [(u, (u + 2 * k) % 12) for u in range(12) for k in range(5)]
    (tmp_path / "train.csv").write_text("user_id,item_id\n" + "".join(f"u{u},i{i}\n" for u, i in rows))
    (tmp_path / "test.csv").write_text("user_id,item_id\n" + "".join(f"u{u},i{(u + 10) % 12}\n" for u in range(12)))
    found = shell.json("evaluate", "--train", "train.csv", "--test", "test.csv", "--recipe", "item-item", "--at", "1")
    assert set(found) == {"recipe", "protocol", "metrics", "seconds", "users_per_second", "peak_memory_mb"}
    assert found["metrics"]["recall@1"]["value"] == 1.0
    assert "recall@3" in shell(
        "evaluate", "--train", "train.csv", "--test", "test.csv", "--recipe", "popularity", "--at", "3"
    )


def test_env_prints_exports(shell: Any) -> None:
    said = shell("env")
    assert "export AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=http://127.0.0.1:8420" in said
    assert "export AWS_DEFAULT_REGION=us-east-1" in said


def test_the_newest_data_is_in_the_next_answer_after_an_incremental_import(published: Any, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    more.write_text("customer,product,date,event\nnewbie,tea-1,1711000000,Purchase\nnewbie,tea-2,1711000100,Purchase\n")
    published("import", str(more), "--shop", "mine", "--mode", "INCREMENTAL")
    answer = published.json("recommend", "newbie", "-n", "3")
    assert all(item["itemId"].startswith("tea") for item in answer["items"])
