"""A whole shop is taken down: in order, whatever runs, however often it is interrupted, with and without a server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from endcap.cli import output
from endcap.cli.app import run
from endcap.errors import StateError, UnknownName
from endcap.jobs.deleting import plan, take_down
from endcap.jobs.training import train
from endcap.jobs.worker import sole
from endcap.registry.dependencies import Dependencies
from endcap.types import ShopKey
from jobs_home import SHOP, JobsHome

POPULAR = "arn:aws:personalize:::recipe/aws-popularity-count"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[JobsHome]:
    """A shop with data, a solution, a campaign that serves a version, a filter, a tracker; and another shop."""
    opened = JobsHome(tmp_path / "home")
    opened.make_shop()
    opened.create("dataset-group", "other", {"name": "other"}, shop="other", status="ACTIVE", verb="")
    numbers = range(40 * 30)
    events = pa.table(
        {
            "user_id": [f"u{n % 40}" for n in numbers],
            "item_id": [f"i{n % 31}" for n in numbers],
            "timestamp": pa.array(numbers, pa.int64()),
        }
    )
    opened.workspace.lake.commit(shop(opened), "interactions", events, schema=events.schema, mode="FULL", job="first")
    version = train(opened.workspace, shop(opened), "popularity", solution="sol")
    opened.workspace.campaigns.deploy(shop(opened), "camp", version)
    opened.create("event-tracker", "abcd", {"name": "t"}, status="ACTIVE", verb="")
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
    opened.create("filter", "f", {"filterExpression": expression}, status="ACTIVE", verb="")
    yield opened
    opened.close()


def shop(home: JobsHome) -> ShopKey:
    return ShopKey(home.settings.account_key, SHOP)


def endcap(home: JobsHome, *arguments: str) -> tuple[list[str], dict[str, Any]]:
    environment = {**os.environ, "ENDCAP_HOME": str(home.settings.home)}
    return [sys.executable, "-m", "endcap.cli", *arguments], {"env": environment, "cwd": home.settings.home}


@pytest.fixture
def said(home: JobsHome, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """What a command prints that is run in this process: where only the words count, a second of CPU less each."""
    monkeypatch.setenv("ENDCAP_HOME", str(home.settings.home))
    for cached in (output.settings, output.console):
        cached.cache_clear()

    def say(*arguments: str) -> str:
        with redirect_stdout(StringIO()) as words:
            assert run(list(arguments)) == 0
        return words.getvalue()

    yield say
    for cached in (output.settings, output.console):
        cached.cache_clear()


def assert_nothing_is_left(home: JobsHome) -> None:
    workspace = home.workspace
    with pytest.raises(UnknownName):
        plan(workspace, shop(home))
    for folder in ("lake", "models", "state"):
        assert not home.settings.home.joinpath(folder, *shop(home).parts()).exists()
    assert workspace.versions.list(shop(home)) == [] and workspace.campaigns.list(shop(home)) == []
    assert workspace.resources.get(home.settings.account_key, "dataset-group", "other").status == "ACTIVE"
    for job in workspace.jobs.list(shop=shop(home)):
        assert job.status in ("done", "stopped"), (job.name, job.reason)


def resources_left(home: JobsHome) -> int:
    return len(Dependencies(home.workspace.database).group(shop(home)))


def test_a_shop_goes_in_order_while_it_is_at_work(home: JobsHome, said: Callable[..., str]) -> None:
    """Beside a running jobs process, from the command line, with an import and a training under way."""
    home.start(ready=False)
    order = json.loads(said("shop", "delete", SHOP, "--dry-run", "--json"))["order"]
    words = [arn.split(":")[5].split("/")[0] for arn in order]
    assert words.index("campaign") < words.index("solution") < words.index("dataset") < words.index("dataset-group")
    running = home.import_events("running", home.put("big.csv", home.events(4_000)))
    home.create("solution-version", "sol/00000002", {"recipeArn": POPULAR}, parent="sol")
    home.until(lambda: home.job(running).status == "running")
    command, options = endcap(home, "shop", "delete", SHOP, "--yes", "--json", "--schemas")
    told = json.loads(subprocess.run(command, check=True, capture_output=True, **options).stdout)
    assert len(told["deleted"]) == len(order) + 2 + 3
    assert home.workspace.resources.list(home.settings.account_key, "schema") == []
    assert_nothing_is_left(home)


def test_what_could_not_be_deleted_is_tried_again(home: JobsHome) -> None:
    """A deletion that was stopped half-way, and a shop that nobody knows."""
    home.workspace.resources.change(
        home.workspace.resources.get(home.settings.account_key, "filter", "f"), status="DELETE FAILED"
    )
    said: list[str] = []
    take_down(home.workspace, shop(home), say=said.append)
    assert any(line.endswith(":filter/f") for line in said)
    assert_nothing_is_left(home)
    with pytest.raises(UnknownName, match="Known: other"):
        take_down(home.workspace, shop(home))


def test_without_a_jobs_process_and_interrupted_it_is_begun_again(home: JobsHome) -> None:
    command, options = endcap(home, "shop", "delete", SHOP, "--yes")
    for left in (8, 5):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options) as child:
            home.until(lambda fewer=left, over=child.poll: over() is not None or resources_left(home) < fewer)
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
    subprocess.run(command, check=False, capture_output=True, **options)
    assert_nothing_is_left(home)
    with sole(home.settings.home, wait=False):
        pass
    refused = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    assert refused.returncode == UnknownName.exit_code and "There is no shop" in refused.stderr


def test_jobs_from_the_command_line(home: JobsHome, said: Callable[..., str]) -> None:
    waiting = home.import_events("waiting", home.put("small.csv", home.events()))
    assert "waits" in said("jobs")
    said("jobs", "stop", home.job(waiting).id[:12])
    done = home.import_events("done", home.put("small.csv", home.events()))
    home.start(ready=False)
    assert home.ended(waiting).status == "CREATE FAILED" and home.ended(done).status == "ACTIVE"
    shown = said("jobs", "show", home.job(done).id)
    assert "create dataset-import-job done" in shown and "rows of interactions accepted" in shown
    listed = json.loads(said("jobs", "list", "--json"))["jobs"]
    assert [job["status"] for job in listed if job["resource"] == "waiting"] == ["stopped"]
    assert "stopped" in said("jobs")
    home.stop()
    command, options = endcap(home, "jobs", "run")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, **options) as child:
        group = home.create("dataset-group", "new", {"name": "new"}, shop="new")
        assert home.ended(group).status == "ACTIVE"
        again = subprocess.run(command, check=False, capture_output=True, **options)
        assert again.returncode == StateError.exit_code
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    with sole(home.settings.home, wait=True):
        pass
