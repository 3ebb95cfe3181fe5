"""A control plane served over HTTP from a thread, with real access keys; and a stand-in for the jobs process that
moves every resource on at once."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import uvicorn
from botocore.config import Config

from endcap.api.auth.authenticator import Authenticator
from endcap.api.door import Door
from endcap.api.metrics import Metrics
from endcap.api.personalize.control import Control
from endcap.api.personalize.validation import nonconformities
from endcap.api.shapes import service
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.registry.dependencies import Dependencies
from endcap.registry.jobs import Job
from endcap.registry.keys import Keys
from endcap.registry.quotas import Quotas
from endcap.registry.resources import Resource
from endcap.settings import Settings

ACCOUNT = "111111111111"
OTHER = "222222222222"
REGION = "eu-west-1"
MODEL = service("personalize")
CONTRADICTED = ("solutionVersion.name", "datasetImportJob.roleArn", "datasetExportJob.roleArn")
"""Where the service itself answers what the model's patterns exclude: NAME/8HEX, and ARNs of roles."""
LATEST = {
    "campaign": "latestCampaignUpdate",
    "dataset": "latestDatasetUpdate",
    "recommender": "latestRecommenderUpdate",
    "solution": "latestSolutionUpdate",
}


@dataclass
class Runner:
    """Does what jobs do to records, without what they are about: no data, no models."""

    workspace: Workspace
    failing: set[str] = field(default_factory=set)
    """Ids of resources whose creation is to fail."""

    def settle(self) -> None:
        """End every pending job."""
        for job in self.workspace.jobs.pending():
            if not job.cancel:
                self._do(job, self.workspace.resources.get(job.account, job.kind, job.resource))
            elif job.kind == "solution-version" and job.verb == "create":
                version = self.workspace.resources.get(job.account, job.kind, job.resource)
                self.workspace.resources.change(version, status="CREATE STOPPED")
            self.workspace.jobs.end(job.id, "stopped" if job.cancel else "done")

    def _do(self, job: Job, resource: Resource) -> None:
        records = self.workspace.resources
        if job.verb == "delete":
            for part in Dependencies(self.workspace.database).parts(resource):
                records.delete(part)
            records.delete(resource)
        elif job.verb == "update":
            member = LATEST[job.kind]
            planned = resource.document[member]
            kept = {name: value for name, value in planned.items() if "DateTime" not in name and name != "status"}
            records.change(resource, document={**kept, member: {**planned, "status": "ACTIVE"}})
        elif resource.id in self.failing:
            records.change(resource, status="CREATE FAILED", document={"failureReason": "It was to fail."})
        else:
            done = {"stop": "INACTIVE"}.get(job.verb, "ACTIVE")
            metrics = {"coverage": 0.5, "precision_at_5": 0.1234} if job.kind == "solution-version" else None
            document = {"_metrics": metrics, "trainingHours": 0.01} if metrics else {}
            status = "COMPLETED" if job.kind == "data-deletion-job" else done
            records.change(resource, status=status, document=document)


@dataclass
class Plane:
    """A served control plane. Clients sign with keys of any account; every answer is held against its shape."""

    workspace: Workspace
    port: int
    runner: Runner
    keys: Keys
    _known: dict[tuple[str, str], Any] = field(default_factory=dict)

    def settle(self) -> None:
        self.runner.settle()

    def key(self, account: str = ACCOUNT, role: str = "admin") -> Any:
        """An access key of an account and role, made once."""
        if (account, role) not in self._known:
            self._known[account, role] = self.keys.create(account, role)
        return self._known[account, role]

    def client(self, account: str = ACCOUNT, role: str = "admin", region: str = REGION, **config: Any) -> Any:
        key = self.key(account, role)
        client = boto3.client(
            "personalize",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=region,
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            config=Config(**{"retries": {"total_max_attempts": 1}, "proxies": {}, **config}),
        )
        client.meta.events.register("after-call", _conforms)
        return client

    def connection(self, account: str = ACCOUNT, region: str = REGION) -> Raw:
        key = self.key(account)
        return Raw(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30), f"{key.id}:{key.secret}", region)


@dataclass
class Raw:
    """Plain HTTP, for requests that no SDK would send."""

    connection: http.client.HTTPConnection
    token: str
    region: str

    def call(self, operation: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and decoded body; `body` is JSON-able, or bytes as they are."""
        sent = {
            "content-type": "application/x-amz-json-1.1",
            "authorization": f"Bearer {self.token}",
            "x-endcap-region": self.region,
            "x-amz-target": f"AmazonPersonalize.{operation}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name: value for name, value in sent.items() if value}
        try:
            self.connection.request("POST", "/", data, given)
        except (BrokenPipeError, ConnectionResetError, http.client.CannotSendRequest):
            self.connection.close()  # the server let go of a connection that was idle for long
            self.connection.request("POST", "/", data, given)
        answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else {}


def _conforms(http_response: Any, model: Any, **_: Any) -> None:
    """Every answer that any test gets has just what its output shape allows."""
    if http_response.status_code != 200 or model.output_shape is None:
        return
    faults = nonconformities(json.loads(http_response.content or b"{}"), model.output_shape)
    faults = [fault for fault in faults if not any(f"at '{place}'" in fault for place in CONTRADICTED)]
    assert not faults, f"{model.name} answered what its shape does not allow: {faults}"


@contextmanager
def serving(home: Path, quotas: Quotas | None = None, database_url: str = "") -> Iterator[Plane]:
    """Serve a home until the block ends."""
    settings = Settings(home=home, account=ACCOUNT, region=REGION, port=0, database_url=database_url)
    workspace = open_workspace(settings)
    keys = Keys(workspace.database)
    control = Control(workspace, quotas=quotas)
    door = Door(control.routes(), Metrics(None), Authenticator(settings, keys))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(door, lifespan="off", log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    plane = Plane(workspace, listener.getsockname()[1], Runner(workspace), keys)
    for account, role in ((ACCOUNT, "admin"), (ACCOUNT, "reader"), (ACCOUNT, "events"), (OTHER, "admin")):
        plane.key(account, role)  # before the first request: servers look for new keys only now and then
    try:
        yield plane
    finally:
        server.should_exit = True
        thread.join(20)
        control.close()
        workspace.database.close()
