"""The files under deploy name settings that exist, and would be accepted as they stand."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from endcap.api.workers import STOP_SECONDS, may_share
from endcap.cli.app import build
from endcap.errors import UnknownName
from endcap.jobs.supervisor import PATIENCE
from endcap.settings import load_settings
from endcap.storage.db import open_database
from endcap.storage.log import open_log_reader
from endcap.storage.state import open_state

DEPLOY = Path(__file__).parents[1] / "deploy"
STOP = STOP_SECONDS + PATIENCE + 1


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def filled(text: str) -> str:
    """As compose fills in what the environment does not say."""
    text = re.sub(r"\$\{\w+:\?[^}]*\}", "given", text)
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def accepted(environ: dict[str, str], folder: Path, workers: int) -> None:
    """Raises where a setting does not exist, a URL is none, or processes could not share what they must."""
    settings = load_settings({**environ, "ENDCAP_WORKERS": str(workers)}, folder)
    may_share(settings)
    for url in (settings.database, settings.jobs_database):
        open_database(url).close()
    if workers > 1:
        open_log_reader(settings.log).close()
        open_state(settings.state_url)


def parsed(words: list[str]) -> Any:
    """The value of --workers in a command line."""
    group: Any = typer.main.get_command(build())
    name, *rest = words
    return group.commands[name].make_context(name, rest).params["workers"]


def test_compose_would_be_started_with_settings_that_exist(tmp_path: Path) -> None:
    services = compose()["services"]
    environ = {name: filled(value) for name, value in services["endcap"]["environment"].items()}
    workers = parsed(services["endcap"]["command"])
    assert workers == 2
    accepted(environ, tmp_path, workers)
    with pytest.raises(UnknownName):
        accepted({**environ, "ENDCAP_LOG": "redis://x/0"}, tmp_path, workers)
    assert set(services["endcap"]["depends_on"]) <= set(services)
    named = {volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", ())}
    assert named == set(compose()["volumes"])
    assert float(services["endcap"]["stop_grace_period"].rstrip("s")) > STOP


def test_the_log_s_server_flushes_what_it_acknowledges_and_throws_nothing_out() -> None:
    words = compose()["services"]["valkey"]["command"]
    given = dict(zip(words[1::2], words[2::2], strict=True))
    assert (given["--appendonly"], given["--appendfsync"]) == ("yes", "always")
    assert not given["--maxmemory-policy"].startswith("allkeys")


@pytest.mark.parametrize("shared", [False, True], ids=["as it is", "with every line"])
def test_the_environment_of_the_unit_is_accepted(shared: bool, tmp_path: Path) -> None:
    text = (DEPLOY / "endcap.env").read_text("utf-8")
    lines = re.findall(rf"^{'#?' if shared else ''}(ENDCAP_\w+)=(\S+)$", text, re.M)
    environ = dict(lines)
    accepted(environ, tmp_path, int(environ.pop("ENDCAP_WORKERS", 1)))
    assert ("ENDCAP_LOG_URL" in environ) == shared


def test_the_unit_reads_as_one() -> None:
    unit = configparser.RawConfigParser(strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "endcap.service")
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    program, *words = service["ExecStart"].split()
    assert Path(program).name == "endcap" and parsed(words) is None
    assert float(service["TimeoutStopSec"]) > STOP and service["KillMode"] == "mixed"
    assert service["EnvironmentFile"] == "/etc/endcap.env"
