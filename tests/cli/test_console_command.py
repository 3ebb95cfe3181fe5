"""`endcap console` prints links that work on the machine that serves, and says what to do elsewhere."""

from __future__ import annotations

import json
import stat

import pytest

from endcap.cli import output
from endcap.cli.app import run


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ENDCAP_HOME", str(tmp_path / "home"))
    output.settings.cache_clear()
    yield tmp_path / "home"
    output.settings.cache_clear()


def test_prints_the_same_token_each_time_and_only_its_owner_can_read_it(home, capsys):
    assert run(["console", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert run(["console", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert first["console"].partition("#token=")[2]
    assert stat.S_IMODE((home / "console-token").stat().st_mode) == 0o600


def test_off_loopback_says_that_a_key_signs_in(home, capsys, monkeypatch):
    monkeypatch.setenv("ENDCAP_HOST", "0.0.0.0")
    assert run(["console"]) != 0
    assert "access key" in capsys.readouterr().err
