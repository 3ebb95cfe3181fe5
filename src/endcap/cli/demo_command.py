"""`endcap demo`: from nothing to a served shop, with a table of what each recipe is worth on it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcap.cli import import_command
from endcap.cli.check_command import MARKS
from endcap.cli.demo_judging import begin
from endcap.cli.judgements import show_judgement
from endcap.cli.output import ScreenProgress, say, settings

if TYPE_CHECKING:
    from endcap.jobs.workspace import Workspace
    from endcap.types import ShopKey


JUDGING = "Evaluate: trained on all but the last 28 days, judged on those, the whole catalogue ranked"


def command(
    shop: Annotated[str, typer.Option("--shop", "-s", help="complete-journey or online-retail.")] = "complete-journey",
    data: Annotated[Path | None, typer.Option(help="The shop's file, where it needs one.")] = None,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve at the end.")] = True,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do everything again, even if this shop is here already.")
    ] = False,
) -> None:
    """Import a real shop, check it, train, publish, serve it, and evaluate recipes on it meanwhile."""
    from endcap.jobs.demo import demo_shop
    from endcap.jobs.workspace import open_workspace

    if serve:
        from endcap.api.server import open_socket

        open_socket(settings().host, settings().port).close()  # better refused now than after all the work
    workspace = open_workspace(settings())
    key, chosen, files = demo_shop(workspace, shop, data)
    if fresh or not _is_complete(workspace, key):
        say(f"{chosen.title}\nfrom {chosen.source}\n")
        _build(workspace, key, chosen.dialect, files)
    else:
        say(f"{shop} is here already (--fresh does it all again).")
    if serve:
        _serve(workspace, key, fresh)
        return
    if fresh or not _is_judged(workspace, key):
        say(f"\n4  {JUDGING} (minutes)")
        evaluate(shop)
    _what_to_try(workspace, key)


def _serve(workspace: Workspace, key: ShopKey, fresh: bool) -> None:
    """Serve at once; what takes minutes and no page waits for is done beside it."""
    from endcap.api.server import serve as run

    _what_to_try(workspace, key)
    if fresh or not _is_judged(workspace, key):
        say(f"4  {JUDGING}: beside the server, the table comes below (minutes)")
        begin(key.group, settings().home)
    say("Loading the models; open the shop when it says that it serves.")
    run(settings())


def _is_complete(workspace: Workspace, key: ShopKey) -> bool:
    """Whether an earlier demo came to its end."""
    from endcap.jobs.demo import SERVED

    served = {each.campaign for each in workspace.campaigns.list(key)}
    return all(key.name_of(purpose) in served for purpose in SERVED)


def _is_judged(workspace: Workspace, key: ShopKey) -> bool:
    from endcap.jobs.judging import report_paths

    return report_paths(workspace, key)[1].exists()


def evaluate(name: str) -> None:
    """Judge the demo's recipes on what its models were trained on: what happened in the shop since is years later."""
    from endcap.jobs.demo import JUDGED
    from endcap.jobs.judging import judge_shop, report_paths
    from endcap.jobs.workspace import open_workspace
    from endcap.lake.tables import Snapshot

    workspace = open_workspace(settings())
    key = workspace.shop(name)
    serving = workspace.campaigns.current(key, key.name_of("for-you")).variants[0].version_id
    snapshot = Snapshot.parse(workspace.versions.get(key, serving).lineage.snapshot)
    dataset = workspace.lake.dataset(key, snapshot=snapshot)
    judgement = judge_shop(workspace, key, JUDGED, dataset=dataset, progress=ScreenProgress())
    show_judgement(judgement.json())
    say(f"\n  As a page: {report_paths(workspace, key)[1]}")


def _build(workspace: Workspace, key: ShopKey, dialect: str, files: list[Path]) -> None:
    from endcap.jobs.demo import SERVED
    from endcap.jobs.intake import bring_in
    from endcap.jobs.publishing import publish
    from endcap.jobs.training import train
    from endcap.lake.checks import run_checks

    progress, started = ScreenProgress(), time.perf_counter()
    say("1  Import")
    report = bring_in(workspace, key, files, dialect=dialect, progress=progress)
    import_command.show(report.json())
    say("\n2  Check")
    for finding in run_checks(workspace.lake, key, progress):
        say(f"  {MARKS[finding.severity]} {finding.title}")
    say(f"  Reasons and plots: endcap check --shop {key.group} --html check.html")
    say("\n3  Train and publish")
    dataset = workspace.lake.dataset(key)
    for purpose, recipe in SERVED.items():
        version = train(workspace, key, recipe, dataset=dataset, progress=progress)
        deployment, _ = publish(workspace, key, version.id, key.name_of(purpose))
        say(f"  {deployment.campaign} serves {recipe}, version {version.id}")
    say(f"\nFrom files to {len(SERVED)} published campaigns in {time.perf_counter() - started:.0f} s.")


def _program(name: str) -> str:
    """How to call a program of this environment from the current folder."""
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _what_to_try(workspace: Workspace, key: ShopKey) -> None:
    from endcap.jobs.status import sample_user

    user, url = sample_user(workspace, key), f"http://{settings().host}:{settings().port}"
    endcap, python = _program("endcap"), _program("python")
    arn = key.arn("campaign", key.name_of("for-you"))
    similar = key.arn("campaign", key.name_of("similar"))
    boto3 = f"""\
import boto3
runtime = boto3.client("personalize-runtime")
answer = runtime.get_recommendations(campaignArn="{arn}", userId="{user}", numResults=5)
for item in answer["itemList"]:
    print(item["itemId"], item.get("score"), item.get("reason"))
first = answer["itemList"][0]["itemId"]
goes = runtime.get_recommendations(campaignArn="{similar}", itemId=first, numResults=5)
print("goes with", first, [item["itemId"] for item in goes["itemList"]])"""
    say(f"""
Shop    {url}/shop      open any three products, come back, and look at the shelves
Console {url}/console   signs in with: {endcap} console

Keys    eval "$({endcap} env)"   (the development key, for this shell)

curl    curl -s {url}/recommendations -H 'content-type: application/json' \\
          -H "authorization: Bearer $ENDCAP_TOKEN" \\
          -d '{{"campaignArn": "{arn}", "userId": "{user}", "numResults": 5}}'

boto3   {python} - <<'PY'
{boto3}
PY

CLI     {endcap} recommend {user} --shop {key.group}
        {endcap} status
""")
