"""A home whose jobs are done by a real jobs process, which tests start, kill and start again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from endcap.errors import UnknownName
from endcap.jobs.worker import READY, request
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.registry.jobs import ENDED, Job
from endcap.registry.resources import Resource
from endcap.settings import Settings

SHOP = "corner"
EVERY = 0.03
"""Seconds between two looks: each is some queries, and takes the CPU from what is waited for."""
FIELDS = {
    "interactions": (("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"), ("EVENT_TYPE", "string")),
    "items": (("ITEM_ID", "string"), ("GENRE", "string")),
    "users": (("USER_ID", "string"), ("AGE", "int")),
}
RECORDS = {"interactions": "Interactions", "items": "Items", "users": "Users"}
END_STATUSES = ("ACTIVE", "INACTIVE", "CREATE FAILED", "CREATE STOPPED", "DELETE FAILED", "COMPLETED", "FAILED")


class JobsHome:
    """A home, its workspace as a web process has it, and the jobs process beside it."""

    def __init__(self, home: Path, **settings: Any) -> None:
        self.settings = Settings(home=home, threads=1, **settings)
        self.workspace: Workspace = open_workspace(self.settings)
        self.process: subprocess.Popen[bytes] | None = None
        self.attempts: dict[str, int] = {}
        """How often each resource's job had begun when the process was killed last."""

    def start(self, *, ready: bool = True) -> None:
        command = [sys.executable, "-P", "-m", "endcap.jobs.worker"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(request(self.settings))
        self.process.stdin.flush()
        if ready:
            assert self.process.stdout.readline().decode().strip() == READY

    def kill(self) -> None:
        """As the system would, when memory runs out; its children die with it."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self._gone()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self._gone()

    def _gone(self) -> None:
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None

    def close(self) -> None:
        self.kill()
        self.workspace.database.close()

    def create(self, kind: str, identity: str, document: Mapping[str, Any], **given: Any) -> Resource:
        """As the API does: the row and its job in one transaction."""
        made = Resource(
            self.settings.account_key,
            kind,
            identity,
            given.get("shop", SHOP),
            given.get("parent", ""),
            given.get("status", "CREATE PENDING"),
            document,
        )
        return self.workspace.resources.create(made, verb=given.get("verb", "create"))

    def make_shop(self) -> None:
        """A group and its datasets, as rows that are active already."""
        self.create("dataset-group", SHOP, {"name": SHOP}, status="ACTIVE", verb="")
        for kind, fields in FIELDS.items():
            avro = json.dumps(
                {
                    "type": "record",
                    "name": RECORDS[kind],
                    "namespace": "com.amazonaws.personalize.schema",
                    "fields": [
                        {"name": name, "type": type_, **({"categorical": True} if name == "GENRE" else {})}
                        for name, type_ in fields
                    ],
                    "version": "1.0",
                }
            )
            schema = self.create("schema", f"{SHOP}-{kind}", {"schema": avro}, shop="", status="ACTIVE", verb="")
            document = {"name": kind, "schemaArn": schema.arn, "datasetType": kind.upper()}
            self.create("dataset", f"{SHOP}/{kind.upper()}", document, status="ACTIVE", verb="")

    def put(self, key: str, text: str) -> str:
        """A file in the bucket `data`; its location."""
        path = self.settings.home / "buckets" / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return f"s3://data/{key}"

    def events(self, users: int = 40, seed: int = 1, prefix: str = "u") -> str:
        rng = np.random.Generator(np.random.PCG64(seed))
        lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"]
        for user in range(users):
            for step, item in enumerate(rng.integers(0, 30, 30)):
                lines.append(f"{prefix}{user},i{item},{1_700_000_000 + user * 97 + step * 3_600},Purchase")
        return "\n".join(lines) + "\n"

    def import_events(self, name: str, location: str, **document: Any) -> Resource:
        document = {"jobName": name, "dataSource": {"dataLocation": location}, "importMode": "FULL", **document}
        return self.create("dataset-import-job", name, document, parent=f"{SHOP}/INTERACTIONS")

    def get(self, resource: Resource) -> Resource | None:
        try:
            return self.workspace.resources.get(resource.account, resource.kind, resource.id)
        except UnknownName:
            return None

    def ended(self, resource: Resource, seconds: float = 60) -> Resource:
        """The resource once all its jobs have ended."""
        self.until(lambda: self.is_over(resource), seconds)
        found = self.get(resource)
        assert found is not None
        return found

    def status(self, resource: Resource) -> str:
        """Empty when it is gone."""
        found = self.get(resource)
        return "" if found is None else found.status

    def gone(self, resource: Resource, seconds: float = 60) -> None:
        self.until(lambda: self.get(resource) is None, seconds)

    def is_over(self, resource: Resource) -> bool:
        """Whether nothing is done with it any more."""
        return self.get(resource) is None or all(job.status in ENDED for job in self.workspace.jobs.on(resource))

    def job(self, resource: Resource) -> Job:
        """Its newest job."""
        return self.workspace.jobs.on(resource)[0]

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, [
                (job.name, job.resource, job.status, job.progress, job.log) for job in self.workspace.jobs.list()
            ]
            time.sleep(EVERY)
