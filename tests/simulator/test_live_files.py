import json
from pathlib import Path

import pytest

from endcap.cli import output
from endcap.cli.app import run


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDCAP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ENDCAP_TOKEN", raising=False)
    output.settings.cache_clear()
    output.console.cache_clear()


SMALL = ("--users", "100", "--items", "80", "--days", "10")


def test_it_writes_and_says_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--out", str(tmp_path / "a"), *SMALL, "--theme", "home", "--until", "2025-03-01"]) == 0
    said = capsys.readouterr().out
    assert "interactions.csv" in said
    assert f"endcap import {tmp_path / 'a'}" in said.replace("\n", " ")
    assert run(["simulate", "--out", str(tmp_path / "b"), *SMALL, "--seed", "3", "--no-impressions", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"]["items"] == 80
    assert "Impression" not in (tmp_path / "b" / "interactions.csv").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--theme", "books"), "no theme 'books'"),
        (("--until", "soon"), "expected YYYY-MM-DD"),
        (("--items", "3"), "make no grocery shop"),
        (("--live",), "--campaign and --tracking-id"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], said: str
) -> None:
    assert run(["simulate", "--out", str(tmp_path / "x"), *given]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_live_needs_the_history_and_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["simulate", "--live", "--campaign", "arn", "--tracking-id", "t", "--out", str(tmp_path / "x")]
    assert run(asked) == 2
    assert "Write a history first" in " ".join(capsys.readouterr().err.split())
    assert run(["simulate", "--out", str(tmp_path / "x"), *SMALL]) == 0
    assert run(asked) == 2
    assert "ENDCAP_TOKEN is not set" in " ".join(capsys.readouterr().err.split())
