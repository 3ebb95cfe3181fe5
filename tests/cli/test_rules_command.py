"""`endcap rules`: what a rule file says, or what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.cli.app import run
from endcap.cli.output import recipe_settings
from endcap.errors import InputError
from endcap.recipes.knowledge import Knowledge

FILE = """
[[question]]
name = "diet"
ask = "What do you eat?"

[[rule]]
name = "vegan"
when = { diet = "vegan", member = true }
must = { diet = "$diet" }
because = "Vegan, as you asked"
"""


def test_says_what_it_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    assert run(["rules", str(path), "--json"]) == 0
    told = {"rules": ["vegan"], "questions": ["diet"], "unasked": ["member"], "notes": []}
    assert json.loads(capsys.readouterr().out) == told
    assert run(["rules", str(path)]) == 0
    assert "Vegan, as you asked" in capsys.readouterr().out
    path.write_text(FILE + "must = 3")
    assert run(["rules", str(path)]) == 2
    assert "rule file is no TOML" in capsys.readouterr().err


def test_says_what_of_a_shop_its_rules_cannot_use(imported: Any, tmp_path: Path) -> None:
    path, items, users = (tmp_path / name for name in ("rules.toml", "items.csv", "users.csv"))
    items.write_text("item_id,price,brand\ntea-1,4.5,North\ntea-2,7,South\n")
    users.write_text("user_id,age,questionnaire\nc1,31,budget=about 20\nc2,25,budget=$5\nc3,,\n")
    for file in (items, users):
        imported("import", str(file), "--shop", "mine")

    def rules(must: str) -> str:
        path.write_text(f'[[rule]]\nname = "r"\nmust = {must}\n')
        return str(path)

    told = imported("rules", rules('{ price = { contains = "x" } }'), "--shop", "mine", code=2)
    assert "Line 1, rule 'r', must.price: price is a column of numbers" in told
    imported("rules", path.as_posix())
    notes = imported.json("rules", rules('{ price = { max = "$budget" } }'), "--shop", "mine")["notes"]
    assert len(notes) == 1 and "cannot read budget = 'about 20'" in notes[0]
    notes = imported.json("rules", rules('{ brand = "east" }'), "--shop", "mine")["notes"]
    assert notes == ["Rule 'r': no item passes its must; whoever it is for would be shown nothing."]


def test_rules_are_given_to_the_recipe_by_their_path(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    for given in (f"rules={path}", f"rules=@{path}"):
        assert Knowledge.from_settings(recipe_settings([given, "seed=3"])) == Knowledge(rules=FILE, seed=3)
    with pytest.raises(InputError, match="cannot be read"):
        recipe_settings([f"rules={tmp_path / 'none.toml'}"])
