"""`endcap keys` and `endcap env`: what is printed is what a client needs, and a secret only once."""

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from endcap.cli.output import settings
from endcap.settings import load_settings


def test_a_key_is_made_listed_and_revoked(shell: Any) -> None:
    key = shell.json("keys", "create", "--role", "events", "--label", "the page")
    assert key["token"] == f"{key['id']}:{key['secret']}" and len(key["secret"]) == 40
    assert (key["role"], key["label"], key["account"]) == ("events", "the page", "000000000000")
    assert key["secret"] not in shell("keys", "list") and key["id"] in shell("keys", "list")
    assert shell.json("keys", "list")["keys"] == [{name: key[name] for name in key if name not in ("secret", "token")}]
    revoked = shell.json("keys", "revoke", key["id"])
    assert revoked["revoked"] and "secret" not in revoked
    assert "is revoked" in shell("keys", "revoke", key["id"])


def test_in_words_a_secret_is_shown_once(shell: Any) -> None:
    assert "no keys yet" in shell("keys", "list")
    said = shell("keys", "create", "--account", "123456789012")
    secret = said.split("secret access key")[1].split()[0]
    assert len(secret) == 40 and said.count(secret) == 1 and "Bearer EC" in said
    assert "123456789012" in shell("keys", "list") and shell.json("keys", "list", "--account", "000000000000") == {
        "keys": []
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("keys",), "action"),
        (("keys", "forge"), "forge"),
        (("keys", "create", "ECX"), "ID"),
        (("keys", "revoke"), "ID"),
        (("keys", "revoke", "ECNOSUCHKEY"), "ECNOSUCHKEY"),
        (("keys", "create", "--role", "root"), "operator"),
        (("keys", "create", "--account", "12"), "12 digits"),
        (("env", "--shell", "cmd"), "bash"),
    ],
)
def test_wrong_command_lines(shell: Any, arguments: tuple[str, ...], message: str) -> None:
    said = shell(*arguments, code=2)
    assert said.startswith("error: ") and message.lower() in said.lower()


def test_env_prints_the_development_key_again_and_again(shell: Any, home: Path) -> None:
    found = shell.json("env")
    assert found == shell.json("env")
    assert found["AWS_ENDPOINT_URL_PERSONALIZE_EVENTS"] == "http://127.0.0.1:8420"
    assert found["ENDCAP_TOKEN"] == f"{found['AWS_ACCESS_KEY_ID']}:{found['AWS_SECRET_ACCESS_KEY']}"
    noted = json.loads((home / "credentials").read_text())
    assert noted["secret_access_key"] == found["AWS_SECRET_ACCESS_KEY"]
    assert stat.S_IMODE((home / "credentials").stat().st_mode) == 0o600
    assert [key["label"] for key in shell.json("keys", "list")["keys"]] == ["development"]


def test_a_shell_can_evaluate_it(shell: Any) -> None:
    found = shell.json("env")
    script = shell("env") + "\nenv"
    environment = {"PATH": os.environ["PATH"], "AWS_SESSION_TOKEN": "of another account"}
    printed = subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {f"{name}={value}" for name, value in found.items()} <= set(printed)
    assert not any(line.startswith("AWS_SESSION_TOKEN") for line in printed)
    fish = shell("env", "--shell", "fish")
    assert f"set -gx AWS_ACCESS_KEY_ID {found['AWS_ACCESS_KEY_ID']};" in fish and "set -e AWS_SESSION_TOKEN;" in fish


def test_what_env_exports_is_no_unknown_setting(shell: Any) -> None:
    assert load_settings({**os.environ, **shell.json("env")}) == settings()


def test_off_loopback_there_is_no_development_key(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDCAP_HOST", "0.0.0.0")
    settings.cache_clear()
    assert "endcap keys create" in shell("env", code=4)
