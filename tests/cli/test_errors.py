"""Every wrong command line: one line that says what is wrong, one that says what to try, and a documented exit code."""

from pathlib import Path
from typing import Any

import pytest

from endcap.cli import app
from endcap.cli.app import COMMANDS, INTERNAL_ERROR


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("import", "no-such.csv"), 2, "no-such.csv"),
        (("import", "orders.csv", "--shop", "bad name!"), 2, "bad name!"),
        (("import", "orders.csv", "--mode", "SOME"), 2, "SOME"),
        (("import", "orders.csv", "--map", "user_id"), 2, "key=value"),
        (("train",), 4, "No shop"),
        (("train", "--shop", "nowhere"), 2, "nowhere"),
        (("recommend", "c1"), 4, "No shop"),
        (("evaluate", "--train", "no.parquet", "--recipe", "popularity"), 2, "no.parquet"),
        (("demo", "--shop", "corner-shop"), 2, "complete-journey"),
        (("demo", "--shop", "online-retail"), 2, "DATA="),
        (("nonsense",), 2, "nonsense"),
        (("train", "--nonsense"), 2, "nonsense"),
        (("publish", "--weight", "0"), 2, "weight"),
    ],
)
def test_without_a_shop(shell: Any, csv: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = shell(*arguments, code=code)
    assert said.startswith("error: ") and message in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("train", "no-such-recipe"), 2, "item-item"),
        (("train", "item-item", "--set", "no_such=1"), 2, "no_such"),
        (("train", "ease", "--set", "regularisation=much"), 2, ""),
        (("publish",), 4, "trained"),
        (("publish", "deadbeef"), 2, "deadbeef"),
        (("rollback",), 4, "published"),
        (("recommend", "c1"), 4, "published"),
        (("report",), 4, "evaluated"),
        (("similar", "no-such-item"), 2, "no-such-item"),
        (("evaluate", "--days", "5000"), 3, ""),
    ],
)
def test_with_a_shop(imported: Any, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = imported(*arguments, code=code)
    assert said.startswith("error: ") and message in said


def test_two_shops_must_be_told_apart(imported: Any, csv: Path) -> None:
    imported("import", str(csv), "--shop", "another")
    assert "another, mine" in imported("train", code=2)


def test_an_unknown_setting_is_an_error(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDCAP_PROT", "1")
    assert "prot" in shell("status", code=2)


def test_a_fault_of_ours_leaves_its_details_in_a_file(shell: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        def command() -> None:
            raise ZeroDivisionError("oops")

        return command

    monkeypatch.setattr(app, "_function", broken)
    said = shell("status", code=INTERNAL_ERROR)
    assert "ZeroDivisionError: oops" in said and "fault.txt" in said
    assert "Traceback" in (home / "fault.txt").read_text()


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_every_command_has_help(shell: Any, name: str) -> None:
    assert "--help" in shell(name, "--help")
