"""The child process of a batch job."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import msgspec

from endcap.errors import StateError
from endcap.jobs.batch import BatchRequest, read_settings
from endcap.jobs.children import serve
from endcap.jobs.workspace import open_workspace
from endcap.seams import Progress

KINDS = {
    "batch-inference-job": "endcap.jobs.batch_inference:infer",
    "batch-segment-job": "endcap.jobs.batch_segments:segment",
}
"""What does each kind of job; each child needs only one of them."""


def work(line: bytes, progress: Progress) -> Any:
    """Do the job that a request names. Raises `EndcapError` with the reason of failure."""
    request = msgspec.json.decode(line, type=BatchRequest)
    workspace = open_workspace(read_settings(request.settings))
    resource = workspace.resources.find(request.arn)
    if resource.kind not in KINDS:
        raise StateError(f"{resource.arn} is no batch job.")
    module, _, name = KINDS[resource.kind].partition(":")
    run = getattr(import_module(module), name)
    return msgspec.to_builtins(run(workspace, resource, progress=progress, chunk=request.chunk))


if __name__ == "__main__":
    os._exit(serve(work))  # at once: a thread still reads stdin, and nothing is left to tidy up
