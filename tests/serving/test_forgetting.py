"""Who is to be forgotten is left out by every process, from when the registry says so until their rows are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from in_process import app_over
from shop_server import SHOP, Home

from endcap.api.app import App
from endcap.api.console.finding_shoppers import find_shoppers
from endcap.api.console.storefront.account import erase
from endcap.recipes import create
from endcap.registry.erasures import MEMBER
from endcap.serving import forgetting
from endcap.serving.live_shop import LiveShop


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """One of several processes of a home; nobody asks it for anything."""
    monkeypatch.setattr(forgetting, "EVERY", 0.0)
    home = Home(tmp_path)
    home.stock()
    home.campaigns.deploy(SHOP, "home", home.publish(create("popularity")), record=True)
    with app_over(home.path) as made:
        yield made


def forgotten(app: App) -> set[str]:
    app.watch.poll()
    (snapshot,) = app.watch.snapshots.values()
    assert isinstance(snapshot.live, LiveShop)
    return snapshot.live.forgotten


def test_they_are_left_out_while_the_job_is_at_work_and_after_it_failed(app: App) -> None:
    workspace = app.workspace
    assert forgotten(app) == set()
    first, second = erase(workspace, SHOP, ["u1", "u2"]), erase(workspace, SHOP, ["u2"])
    assert forgotten(app) == {"u1", "u2"}
    (snapshot,) = app.watch.snapshots.values()
    assert {each.user for each in find_shoppers(snapshot, "u1", 20)} == {"u10", *(f"u1{n}" for n in range(1, 10))}
    for made, (job_ends, status) in ((first, ("done", "COMPLETED")), (second, ("failed", "FAILED"))):
        (job,) = workspace.jobs.on(made)
        record = workspace.resources.get(made.account, made.kind, made.id)
        workspace.resources.change(record, status=status, document={MEMBER: None} if job_ends == "done" else {})
        workspace.jobs.end(job.id, job_ends)
        assert forgotten(app) == {"u2"}
    again = erase(workspace, SHOP, ["u2"])
    (job,) = workspace.jobs.on(again)
    workspace.resources.change(again, status="COMPLETED", document={MEMBER: None})
    workspace.jobs.end(job.id, "done")
    assert forgotten(app) == {"u2"}, "the one that failed has left the rows there"
