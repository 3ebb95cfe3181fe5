"""The jobs process: what is asked for is done once, in order, whoever is killed; queues have limits."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from databases import new_postgres_database
from endcap.errors import StateError
from endcap.jobs.dispatch import application
from endcap.jobs.supervisor import JobsProcess
from endcap.jobs.worker import request, sole
from endcap.jobs.workspace import open_workspace
from endcap.registry.jobs import ENDED
from endcap.registry.ownership import Lost, settle
from jobs_home import SHOP, JobsHome


@pytest.fixture
def home(tmp_path: Path) -> Iterator[JobsHome]:
    opened = JobsHome(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobsHome]:
    """A home whose metadata and jobs are in SQLite, and one where both are in PostgreSQL."""
    urls = {}
    if request.param == "postgresql":
        socket = request.getfixturevalue("postgres")
        urls = {"database_url": new_postgres_database(socket), "jobs_url": new_postgres_database(socket)}
    opened = JobsHome(tmp_path / "home", **urls)
    yield opened
    opened.close()


def test_resources_become_active_or_fail_and_a_kill_delays_them(anywhere: JobsHome) -> None:
    anywhere.make_shop()
    anywhere.start()
    bad = anywhere.import_events("bad", anywhere.put("bad.csv", "USER_ID,WHAT\n1,2\n"))
    missing = anywhere.import_events("missing", "s3://data/nothing.csv")
    found = anywhere.ended(bad)
    reason = found.document["failureReason"]
    assert found.status == "CREATE FAILED"
    assert reason.startswith("Input csv is missing the following columns: [ITEM_ID, TIMESTAMP, EVENT_TYPE]")
    assert str(anywhere.settings.home) not in reason
    assert "does not exist" in anywhere.ended(missing).document["failureReason"]
    good = anywhere.import_events("good", anywhere.put("events.csv", anywhere.events(1_000)))
    anywhere.until(lambda: anywhere.job(good).status == "running")
    anywhere.kill()
    groups = [anywhere.create("dataset-group", f"g{n}", {"name": f"g{n}"}, shop=f"g{n}") for n in range(20)]
    anywhere.start()
    found = anywhere.ended(good)
    assert found.status == "ACTIVE" and "failureReason" not in found.document
    assert anywhere.workspace.lake.read(found.shop_key, "interactions").num_rows == 1_000 * 30
    assert anywhere.workspace.snapshots.newest()[found.shop_key] == (1, "interactions@0")
    job = anywhere.job(good)
    assert job.status == "done" and job.attempt == 2
    assert any("30,000 of 30,000 rows of interactions accepted" in line for _, line in job.log)
    assert len(anywhere.workspace.lake.history(good.shop_key, "interactions")) == 1
    assert all(anywhere.ended(group).status == "ACTIVE" for group in groups)
    assert {job.attempt for job in anywhere.workspace.jobs.list() if job.kind == "dataset-group"} == {1}


def test_what_the_jobs_database_forgot_is_begun_again_by_the_one_process_and_nothing_is_pickled(home: JobsHome) -> None:
    home.make_shop()
    home.start()
    with pytest.raises(StateError, match="does the jobs of"), sole(home.settings.home, wait=False):
        pass
    command = [sys.executable, "-P", "-m", "endcap.jobs.worker"]
    other = subprocess.run(
        command, input=request(home.settings, wait=False), capture_output=True, timeout=60, check=False
    )
    assert other.returncode == StateError.exit_code and b"does the jobs of" in other.stderr
    big = home.import_events("big", home.put("events.csv", home.events(1_000)))
    home.until(lambda: home.job(big).status == "running")
    home.kill()
    for file in home.settings.home.glob("jobs.db*"):
        file.unlink()
    home.start()
    assert home.ended(big).status == "ACTIVE"
    assert len(home.workspace.lake.history(big.shop_key, "interactions")) == 1
    home.stop()
    connection = sqlite3.connect(home.settings.home / "jobs.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    kinds = connection.execute("SELECT DISTINCT serialization FROM workflow_status").fetchall()
    kinds += connection.execute("SELECT DISTINCT serialization FROM operation_outputs").fetchall()
    connection.close()
    assert {kind for (kind,) in kinds} == {"portable_json"}
    copy = home.settings.home.with_name("copy")
    shutil.copytree(home.settings.home, copy)
    moved = open_workspace(replace(home.settings, home=copy))
    assert application(moved) == application(home.workspace)  # or the copy's jobs would not be its own
    moved.database.close()


def test_long_work_waits_for_its_turn_and_quick_work_does_not(tmp_path: Path) -> None:
    home = JobsHome(tmp_path / "home", jobs_parallel=1)
    try:
        home.make_shop()
        location = home.put("events.csv", home.events(600))
        imports = [home.import_events(f"import-{n}", location) for n in range(3)]
        home.start()
        most, group = 0, None
        while any(job.status not in ENDED for each in imports for job in home.workspace.jobs.on(each)):
            running = [job for each in imports for job in home.workspace.jobs.on(each) if job.status == "running"]
            most = max(most, len(running))
            if running and group is None:
                group = home.create("dataset-group", "quick", {"name": "quick"}, shop="quick")
            time.sleep(0.005)
        assert most == 1 and group is not None
        assert [home.job(each).status for each in imports] == ["done"] * 3
        begun = sorted((home.job(each).started or 0, home.job(each).ended or 0) for each in imports)
        assert all(one[1] <= other[0] for one, other in pairwise(begun))
        assert (home.job(group).ended or 0) < begun[-1][1]
    finally:
        home.close()


def test_stop_at_any_time(tmp_path: Path) -> None:
    home = JobsHome(tmp_path / "home", jobs_parallel=1)
    try:
        home.make_shop()
        location = home.put("events.csv", home.events(4_000))
        running, waiting = home.import_events("running", location), home.import_events("waiting", location)
        unseen = home.create("dataset-group", "unseen", {"name": "unseen"}, shop="unseen")
        home.workspace.jobs.cancel(home.job(unseen).id)
        home.start()
        home.until(lambda: home.job(running).progress.get("label", "").startswith("reading"))
        for resource in (waiting, running):
            home.workspace.jobs.cancel(home.job(resource).id)
        for resource in (waiting, running, unseen):
            assert home.ended(resource).status == "CREATE FAILED"
            assert home.job(resource).status == "stopped"
        assert not home.workspace.lake.exists(running.shop_key, "interactions")
        assert not list((home.settings.home / "jobs").glob("*"))
        again = home.import_events("again", location)
        assert home.ended(again).status == "ACTIVE"
    finally:
        home.close()


def test_who_lost_a_job_changes_nothing(home: JobsHome) -> None:
    home.make_shop()
    group = home.create("dataset-group", "mine", {"name": "mine"}, shop="mine")
    old = home.workspace.jobs.start(home.job(group).id)
    new = home.workspace.jobs.start(old.id)
    database, clock = home.workspace.database, home.workspace.clock
    with pytest.raises(Lost):
        settle(database, clock, old, status="ACTIVE", end="done")
    assert home.status(group) == "CREATE PENDING" and home.job(group).status == "running"
    settle(database, clock, new, status="ACTIVE", end="done")
    assert home.status(group) == "ACTIVE" and home.job(group).status == "done"
    with pytest.raises(Lost):
        settle(database, clock, new, status="CREATE FAILED", end="failed")


def test_the_supervisor_starts_it_again_and_takes_it_along(tmp_path: Path) -> None:
    home = JobsHome(tmp_path / "home")
    process = JobsProcess(home.settings)
    process.start()
    try:
        home.until(lambda: process.pid is not None)
        first = process.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        home.until(lambda: process.pid not in (None, first))
        group = home.create("dataset-group", SHOP, {"name": SHOP})
        assert home.ended(group).status == "ACTIVE" and process.restarts == 1
    finally:
        process.stop()
        home.close()
    assert not process.alive
    with sole(home.settings.home, wait=False):
        pass


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """A web process that is killed leaves no jobs process behind."""
    home = JobsHome(tmp_path / "home")
    program = (
        "import sys, threading; from pathlib import Path; from endcap.settings import Settings;"
        "from endcap.jobs.supervisor import JobsProcess;"
        "p = JobsProcess(Settings(home=Path(sys.argv[1]))); p.start(); threading.Event().wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(home.settings.home)])
    group = home.create("dataset-group", SHOP, {"name": SHOP})
    home.ended(group)
    parent.kill()
    parent.wait()

    def free() -> bool:
        try:
            with sole(home.settings.home, wait=False):
                return True
        except StateError:
            return False

    home.until(free, 10)
    home.close()
