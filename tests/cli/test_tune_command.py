"""`endcap tune`: a race and a search on a newcomer's shop, kept, gone on with, and explained."""

from pathlib import Path
from typing import Any

from endcap.cli import tune_command
from endcap.evaluation import race
from endcap.jobs import automl

RACE = ("tune", "-r", "repeat", "-r", "item-item", "--trials", "2", "--days", "20", "--minutes", "5")


def test_a_race_its_page_and_the_same_command_again(imported: Any, home: Path, monkeypatch: Any) -> None:
    found = imported.json(*RACE)
    assert {lap["recipe"] for lap in found["laps"]} == {"popularity", "repeat", "item-item"}
    last = [lap for lap in found["laps"] if lap["share"] == 1]
    assert "popularity" in [lap["recipe"] for lap in last] and found["winner"]["recipe"] != "popularity"
    assert found["validation"] >= max(lap["value"] for lap in last)
    assert found["test"][0]["recipe"] == found["winner"]["recipe"] and found["test"][-1]["recipe"] == "popularity"
    for name, search in found["searches"].items():  # the first trial is that of the defaults
        assert search["trials"][0]["value"] == next(lap["value"] for lap in last if lap["recipe"] == name)
        assert len(search["trials"]) == 2
    page = Path(found["page"]).read_text("utf-8")
    assert page.startswith("<!doctype html>") and "Every round" in page and "Better values for" in page
    assert found["winner"]["recipe"] in page and Path(found["page"]).with_suffix(".json").exists()

    def not_again(*arguments: Any, **named: Any) -> None:
        raise AssertionError("this was run before")

    monkeypatch.setattr(race, "_run", not_again)
    monkeypatch.setattr("endcap.jobs.tuning._one_trial", not_again)
    again = imported.json(*RACE)
    same = ("winner", "validation", "test", "searches", "laps", "left")
    for name in same:
        for one in (found, again):
            for final in one["test"]:
                final.pop("seconds", None)
        assert again[name] == found[name], name
    said = imported(*RACE)
    assert "was best on validation" in said and "Train it: endcap train" in said
    imported(*found["train"].split()[1:])


def test_what_is_wanted_must_be_said(imported: Any) -> None:
    assert "--recipe NAME, or --auto" in imported("tune", code=2)
    assert "nonsense" in imported("tune", "--recipe", "nonsense", code=2)


def test_all_that_suit_any_shop_take_part() -> None:
    names = automl.Plan().names
    assert names[0] == "popularity" and {"blend", "als", "repeat"} < set(names)
    assert not {"action-rate", "affinity", "updated"} & set(names)


def test_how_to_train_what_won() -> None:
    winner = automl.Contender("als", {"factors": "32", "weighting": "log"}, 0.5)
    outcome: Any = type("Outcome", (), {"winner": winner, "shop": "mine"})()
    told = "endcap train als --shop mine --set factors=32 --set weighting=log"
    assert tune_command.training_command(outcome) == told
