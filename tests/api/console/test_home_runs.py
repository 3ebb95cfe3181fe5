"""Home and runs over HTTP: the checklist, the numbers, and jobs that are listed, stopped and done again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from shop_server import SHOP, Home, Server, running

from endcap.api.console.pulse import Pulse, quantile
from endcap.recipes import create
from endcap.registry.jobs import Job, Jobs, enqueue
from endcap.registry.resources import Resource, Resources


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    home.stock()
    home.campaigns.deploy(SHOP, "home", home.publish(create("popularity")), record=True)
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with running(home.settings) as made:
        yield made


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, headers=dict(server.headers), timeout=60) as made:
        yield made


def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def failed(home: Home) -> str:
    """A training that has failed: 60 others came before it."""
    jobs, resources = Jobs(home.database), Resources(home.database)
    for number in range(60):
        made = resources.create(Resource(SHOP.account, "filter", f"f{number}", SHOP.group, document={"name": "f"}))
        with home.database.begin() as connection:
            enqueue(connection, Job.of(made, "delete", made.created))
    for job in jobs.list(SHOP.account):
        jobs.end(job.id, "done")
    broken = resources.create(Resource(SHOP.account, "filter", "broken", SHOP.group), verb="create")
    (job,) = jobs.on(broken)
    jobs.tell(job.id, progress={"label": "fitting", "done": 3, "total": 10, "unit": "rows"}, line="It began.")
    jobs.end(job.id, "failed", "There is no column PRICE.")
    return job.id


def test_the_checklist_names_the_next_step(client: httpx.Client) -> None:
    found = told(client.get("/console/api/home", params={"shop": SHOP.group}))
    states = {step["name"]: step["state"] for step in found["setup"]}
    assert [step["name"] for step in found["setup"]] == ["data", "checks", "train", "compare", "publish", "track"]
    assert (states["data"], states["train"], states["publish"]) == ("done", "done", "done")
    assert states["compare"] == "next" and states["track"] == "waiting"
    assert not found["ready"]
    nothing = told(client.get("/console/api/home"))
    assert [step["state"] for step in nothing["setup"]] == ["next"]


def test_runs_are_paged_and_told_in_full(client: httpx.Client, failed: str) -> None:
    found = told(client.get("/console/api/runs", params={"shop": SHOP.group, "size": 50}))
    assert (found["total"], len(found["runs"]), found["failed"]) == (61, 50, 1)
    assert found["runs"][0]["id"] == failed and found["runs"][0]["canRetry"]
    rest = told(client.get("/console/api/runs", params={"shop": SHOP.group, "size": 50, "page": 1}))
    assert len(rest["runs"]) == 11
    only = told(client.get("/console/api/runs", params={"shop": SHOP.group, "status": "failed"}))
    assert [run["id"] for run in only["runs"]] == [failed]
    one = told(client.get(f"/console/api/runs/{failed}"))
    assert one["run"]["reason"] == "There is no column PRICE."
    assert [line["line"] for line in one["log"]] == ["It began."]
    told(client.get("/console/api/runs/nothing"), 404)


def test_what_failed_is_done_again_once(client: httpx.Client, failed: str, home: Home) -> None:
    again = told(client.post(f"/console/api/runs/{failed}/retry", json={}))
    assert again["id"] != failed and again["status"] in ("pending", "running", "failed")
    jobs = Jobs(home.database)
    assert len(jobs.on(jobs.get(failed))) == 2
    done = told(client.get("/console/api/runs", params={"status": "done"}))["runs"][0]["id"]
    assert client.post(f"/console/api/runs/{done}/retry", json={}).status_code == 409


def test_rates_are_of_what_happened_between_two_readings() -> None:
    def samples(answers: float, under: float, over: float) -> dict[Any, float]:
        route = ("route", "/recommendations")
        return {
            ("endcap_answers_total", (("campaign", "a"), ("rung", "personal"))): answers,
            ("endcap_answers_total", (("campaign", "a"), ("rung", "trending"))): answers / 4,
            ("endcap_request_seconds_bucket", (("le", "0.01"), route)): under,
            ("endcap_request_seconds_bucket", (("le", "0.1"), route)): under + over,
            ("endcap_request_seconds_bucket", (("le", "+Inf"), route)): under + over,
            ("endcap_requests_total", (route, ("status", "200"))): under + over,
        }

    readings, moments = iter([samples(40, 50, 0), samples(80, 50, 50)]), iter([0.0, 30.0])
    pulse = Pulse(lambda: next(readings), lambda: next(moments))
    pulse.take()
    pulse.take()
    (beat,) = pulse.beats()
    assert beat.rates["answers"] == 100 and beat.rates["fallback"] == 20
    assert beat.half == pytest.approx(0.055) and beat.most == pytest.approx(0.0991)
    assert quantile([0.1, float("inf")], [0.0, 0.0], 0.5) is None
