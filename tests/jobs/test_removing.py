"""What goes with a resource goes whole: tables, states made of them, raw rows, reports; of its own tenant only."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from endcap.jobs import loading, removing
from endcap.jobs.answering import open_states
from endcap.jobs.importing import import_source
from endcap.jobs.judging import report_paths
from endcap.jobs.lifecycles import Work
from endcap.registry.resources import Resource
from endcap.types import AccountKey, ShopKey
from jobs_home import SHOP, JobsHome


@pytest.fixture
def home(tmp_path: Path) -> Iterator[JobsHome]:
    opened = JobsHome(tmp_path / "home")
    opened.make_shop()
    yield opened
    opened.close()


def shop(home: JobsHome) -> ShopKey:
    return ShopKey(home.settings.account_key, SHOP)


def commit(home: JobsHome, item: str, job: str) -> None:
    rows = pa.table({"user_id": ["ann", "bob"], "item_id": [item, item], "timestamp": pa.array([1, 2], pa.int64())})
    home.workspace.lake.commit(shop(home), "interactions", rows, schema=rows.schema, mode="FULL", job=job)


def do(home: JobsHome, step: Callable[[Work], None], resource: Resource, **facts: object) -> None:
    """One step of the newest job on a resource, here and now."""
    work = Work.of(home.workspace, home.workspace.jobs.start(home.job(resource).id))
    work.facts.update(facts)
    step(work)


def states(home: JobsHome) -> list[Path]:
    return sorted(path for path in (home.settings.home / "state").rglob("*") if path.is_file())


def test_a_dataset_that_is_made_anew_is_not_served_from_the_old_one_s_state(home: JobsHome) -> None:
    """The table counts its versions from 0 again, so that the old state has the very name of the new one."""
    commit(home, "old", "one")
    assert (open_states(home.workspace).load(shop(home)).counts > 0).tolist() == [True]
    dataset = home.workspace.resources.get(home.settings.account_key, "dataset", f"{SHOP}/INTERACTIONS")
    gone = home.workspace.resources.change(dataset, status="DELETE PENDING", verb="delete")
    do(home, removing.dataset, gone)
    assert states(home) == []
    commit(home, "new", "two")
    assert home.workspace.lake.snapshot(shop(home)).text == "interactions@0"
    assert (open_states(home.workspace).load(shop(home)).counts > 0).tolist() == [False, True]


def test_deleted_users_are_in_no_state_and_no_raw_row(home: JobsHome, tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("user_id,item_id,timestamp\nann,tea,1600000000\nbob,tea,1600000001\nann,,1600000002\n")
    report = import_source(home.settings, shop(home), [events])
    home.workspace.imports.record(shop(home), report.job, "interactions", report.json())
    open_states(home.workspace).load(shop(home))
    rejects = Path(report.kinds["interactions"].rejects)
    assert states(home) and rejects.exists() and "ann" in str(home.workspace.imports.list(shop(home))[0].report)
    listed = tmp_path / "users.csv"
    listed.write_text("USER_ID\nann\n")
    job = home.create("data-deletion-job", "forget", {"jobName": "forget"}, status="PENDING")
    do(home, loading.delete_users, job, files=[str(listed)])
    assert states(home) == [] and not rejects.exists()
    (kept,) = home.workspace.imports.list(shop(home))
    assert "ann" not in str(kept.report) and kept.report["reasons"][0]["count"] == 1
    assert home.workspace.snapshots.newest()[shop(home)] == (1, "interactions@1")
    assert home.workspace.lake.read(shop(home), "interactions")["user_id"].to_pylist() == ["bob"]


def test_a_shop_goes_without_a_trace_and_another_tenant_s_of_its_name_stays(home: JobsHome) -> None:
    commit(home, "tea", "one")
    other = ShopKey(AccountKey("111122223333", "eu-west-1"), SHOP)
    workspace = home.workspace
    for key in (shop(home), other):
        workspace.imports.record(key, "job", "interactions", {"sources": []})
        workspace.snapshots.announce(key, "interactions@0")
        page = report_paths(workspace, key)[1]
        page.parent.mkdir(parents=True)
        page.write_text("report")
    open_states(workspace).load(shop(home))
    action = home.settings.home.joinpath("state", "actions", *shop(home).parts(), "0123", "state")
    action.parent.mkdir(parents=True)
    action.write_text("actions")
    group = workspace.resources.get(home.settings.account_key, "dataset-group", SHOP)
    do(home, removing.shop, workspace.resources.change(group, status="DELETE PENDING", verb="delete"))
    assert states(home) == [] and workspace.lake.shops() == []
    assert not report_paths(workspace, shop(home))[1].exists() and report_paths(workspace, other)[1].exists()
    assert workspace.imports.list(shop(home)) == [] and len(workspace.imports.list(other)) == 1
    assert set(workspace.snapshots.newest()) == {other}
