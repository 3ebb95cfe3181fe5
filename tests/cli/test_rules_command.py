"""`endcap rules`: what a rule file says, or what is wrong with it."""

import json
from pathlib import Path

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
    assert json.loads(capsys.readouterr().out) == {"rules": ["vegan"], "questions": ["diet"], "unasked": ["member"]}
    assert run(["rules", str(path)]) == 0
    assert "Vegan, as you asked" in capsys.readouterr().out
    path.write_text(FILE + "must = 3")
    assert run(["rules", str(path)]) == 2
    assert "rule file is no TOML" in capsys.readouterr().err


def test_rules_are_given_to_the_recipe_by_their_path(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    for given in (f"rules={path}", f"rules=@{path}"):
        assert Knowledge.from_settings(recipe_settings([given, "seed=3"])) == Knowledge(rules=FILE, seed=3)
    with pytest.raises(InputError, match="cannot be read"):
        recipe_settings([f"rules={tmp_path / 'none.toml'}"])
