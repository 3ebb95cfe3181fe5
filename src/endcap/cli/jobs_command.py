"""`endcap jobs`: what is being done, how far it is, and how to stop it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from endcap.cli.output import AsJson, ShopName, console, emit, say, settings, table
from endcap.errors import InputError

if TYPE_CHECKING:
    from endcap.jobs.workspace import Workspace
    from endcap.registry.jobs import Job

SHOWN = 50
"""Jobs in a list, newest first."""
WATCH_EVERY = 0.5
BAR = 30


def command(
    action: Annotated[
        Literal["list", "show", "stop", "retry", "run"],
        typer.Argument(help="list, show, stop, retry; run does the jobs of this home."),
    ] = "list",
    identity: Annotated[str | None, typer.Argument(metavar="ID", help="The job, or the first digits of it.")] = None,
    shop: ShopName = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again until nothing runs.")] = False,
    as_json: AsJson = False,
) -> None:
    """List jobs, show one with its progress, log and reason of failure, stop or repeat one, or do them serverless."""
    from endcap.jobs.workspace import open_workspace

    if (action in ("show", "stop", "retry")) != (identity is not None):
        raise typer.BadParameter(
            "endcap jobs show, stop and retry take the ID of a job, and nothing else does", param_hint="ID"
        )
    if action == "run":
        _run()
        return
    workspace = open_workspace(settings())
    if action == "stop":
        _stop(workspace, str(identity), as_json)
    elif action == "retry":
        _retry(workspace, str(identity), as_json)
    elif action == "show":
        _repeat(lambda: _show(_find(workspace, str(identity)), as_json), watch)
    else:
        _repeat(lambda: _list(workspace, shop, as_json), watch)


def _run() -> None:
    import signal
    import threading

    from endcap.jobs.supervisor import JobsProcess
    from endcap.jobs.worker import sole

    with sole(settings().home, wait=False):
        pass
    stop, process = threading.Event(), JobsProcess(settings())
    for sign in (signal.SIGINT, signal.SIGTERM):  # also where a shell that starts it beside itself had them ignored
        signal.signal(sign, lambda *_: stop.set())
    process.start()
    say(f"The jobs of {settings().home} are being done. Stop with Ctrl-C: they go on where they were next time.")
    try:
        stop.wait()
    finally:
        process.stop()


def _repeat(show: Any, watch: bool) -> None:
    """`show` prints, and says whether there is more to come."""
    while show() and watch:
        time.sleep(WATCH_EVERY)
        if console().is_terminal:
            console().clear()


def _find(workspace: Workspace, text: str) -> Job:
    """By id or the beginning of one. Raises `UnknownName`, `InputError` where several begin so."""
    found = [job for job in workspace.jobs.list(workspace.settings.account_key) if job.id.startswith(text)]
    if len(found) > 1 and text not in [job.id for job in found]:
        raise InputError(f"{len(found)} jobs begin with {text!r}.", fix="Give more of the id.")
    return found[0] if len(found) == 1 else workspace.jobs.get(text)


def _stop(workspace: Workspace, text: str, as_json: bool) -> None:
    from endcap.registry.jobs import ENDED

    job = _find(workspace, text)
    if job.status in ENDED:
        say(f"{job.name} {job.resource} has ended already: {job.status}.")
        return
    workspace.jobs.cancel(job.id)
    if as_json:
        emit({"id": job.id, "cancel": True})
    else:
        say(f"{job.name} {job.resource} is being stopped. See: endcap jobs show {job.id[:8]}")


def _retry(workspace: Workspace, text: str, as_json: bool) -> None:
    from endcap.jobs.retrying import retry

    job = retry(workspace, _find(workspace, text))
    if as_json:
        emit(_document(job))
    else:
        say(f"{job.name} {job.resource} is asked for again. See: endcap jobs show {job.id[:8]}")


def _list(workspace: Workspace, shop: str | None, as_json: bool) -> bool:
    from endcap.registry.jobs import ENDED

    key = workspace.new_shop(shop) if shop else None
    found = workspace.jobs.list(workspace.settings.account_key, shop=key, limit=SHOWN)
    if as_json:
        emit({"jobs": [_document(job) for job in found]})
    elif not found:
        say("No job was asked for yet.")
    else:
        rows = [[job.id[:8], job.name, job.resource, job.status, _short(job), _when(job.created)] for job in found]
        table(("job", "what", "of", "status", "progress", "asked for"), rows)
    return any(job.status not in ENDED for job in found)


def _show(job: Job, as_json: bool) -> bool:
    from endcap.registry.jobs import ENDED

    if as_json:
        emit(_document(job))
        return job.status not in ENDED
    say(f"{job.name} {job.resource} ({job.shop or 'no shop'}): {job.status}")
    say(f"  asked for {_when(job.created)} · begun {job.attempt} times · id {job.id}")
    if job.reason:
        say(f"  reason: {job.reason}")
    if job.progress and job.status not in ENDED:
        say(f"  {_bar(job)} {_short(job)}")
    for at, line in job.log:
        say(f"  {_when(at)}  {line}")
    return job.status not in ENDED


def _bar(job: Job) -> str:
    total, done = job.progress.get("total"), job.progress.get("done") or 0
    full = round(BAR * min(1.0, done / total)) if total else 0
    return "█" * full + "░" * (BAR - full)


def _short(job: Job) -> str:
    """Progress in a few words, or the reason why it failed."""
    from endcap.registry.jobs import ENDED

    if job.status in ENDED:
        return job.reason[:60]
    told = job.progress
    if not told:
        return "waits" if job.status == "pending" else ""
    total = f"/{told['total']:,}" if told.get("total") else ""
    eta = told.get("eta")
    left = f" · {max(0, round((eta - time.time() * 1e6) / 1e6))} s left" if eta else ""
    amount = f" {told['done']:,}{total} {told.get('unit', '')}".rstrip() if told.get("done") or total else ""
    return f"{told['label']}{amount}{left}"


def _when(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _document(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "shop": job.shop,
        "verb": job.verb,
        "kind": job.kind,
        "resource": job.resource,
        "status": job.status,
        "cancel": job.cancel,
        "attempt": job.attempt,
        "progress": dict(job.progress),
        "reason": job.reason,
        "log": [{"at": at, "line": line} for at, line in job.log],
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
    }
