"""Three clicks change the next slate: a simulated fashion shop, ranked by what a shopper does now.

    endcap serve &
    eval "$(endcap env)"
    python examples/real_time.py

Makes a shop, trains candidates and ranker, publishes them, and then clicks on three products of one category as an
anonymous visitor. Only boto3 talks to the server; endpoints and credentials come from the environment.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import boto3

SHOP, CAMPAIGN, PLACES = "example-live", "example-live-home", 20
runtime = boto3.client("personalize-runtime")
events = boto3.client("personalize-events")
personalize = boto3.client("personalize")


def endcap(*arguments: str) -> None:
    """One command; what it prints is shown where it fails."""
    done = subprocess.run([sys.executable, "-m", "endcap.cli", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"endcap {' '.join(arguments)}\n{done.stdout}{done.stderr}")


def prepare(folder: Path) -> dict[str, str]:
    """History, model, campaign; the category of each product."""
    size = ("--users", "600", "--items", "300", "--days", "45", "--seed", "7", "--until", "today")
    endcap("simulate", "--theme", "fashion", *size, "--no-impressions", "--out", str(folder))
    endcap("import", str(folder), "--shop", SHOP)
    endcap(
        "train",
        "ranked",
        "--shop",
        SHOP,
        "--solution",
        f"{SHOP}-ranked",
        "--set",
        "trees=80",
        "--set",
        "questions=2000",
    )
    endcap("publish", "--shop", SHOP, "--campaign", CAMPAIGN)
    with open(folder / "items.csv", newline="", encoding="utf-8") as file:
        return {row["ITEM_ID"]: row["CATEGORY_L1"] for row in csv.DictReader(file)}


def ask(campaign: str, visitor: str) -> list[dict[str, str]]:
    """The slate of a visitor; asked again for the moments in which the campaign is still being loaded."""
    for _ in range(100):
        try:
            return runtime.get_recommendations(campaignArn=campaign, userId=visitor, numResults=PLACES)["itemList"]
        except runtime.exceptions.ResourceNotFoundException:
            time.sleep(0.1)
    raise SystemExit(f"{campaign} does not answer.")


def tracking_id(group: str) -> str:
    """Where clicks are told; that of an earlier run, if there was one."""
    for each in personalize.list_event_trackers(datasetGroupArn=group)["eventTrackers"]:
        return personalize.describe_event_tracker(eventTrackerArn=each["eventTrackerArn"])["eventTracker"]["trackingId"]
    return personalize.create_event_tracker(name=f"{SHOP}-clicks", datasetGroupArn=group)["trackingId"]


def main() -> None:
    """Before and after three clicks."""
    print("Making a shop, training and publishing; this takes a minute …", flush=True)
    with tempfile.TemporaryDirectory() as name:
        category = prepare(Path(name))
    account, region = os.environ.get("ENDCAP_ACCOUNT", "000000000000"), personalize.meta.region_name
    campaign = f"arn:aws:personalize:{region}:{account}:campaign/{CAMPAIGN}"
    group = f"arn:aws:personalize:{region}:{account}:dataset-group/{SHOP}"
    tracker = tracking_id(group)
    visitor = f"visitor-{time.time_ns()}"

    before = ask(campaign, visitor)
    shares = Counter(category[item["itemId"]] for item in before)
    wanted = min(set(category.values()), key=lambda each: shares[each])
    print(f"A stranger sees {dict(shares)}")
    clicked = [item for item in category if category[item] == wanted][:3]
    for number, item in enumerate(clicked):
        click = {"eventType": "View", "itemId": item, "sentAt": time.time(), "eventId": f"{visitor}-{number}"}
        events.put_events(trackingId=tracker, userId=visitor, sessionId=visitor, eventList=[click])
    print(f"… clicks three times on {wanted}, and sees at once:")
    after = ask(campaign, visitor)
    for item in after[:5]:
        print(f"  {item['itemId']:<10} {category[item['itemId']]:<14} {' · '.join(item.get('reason') or [])}")
    share = sum(category[item["itemId"]] == wanted for item in after)
    print(f"{wanted}: {shares[wanted]} of {PLACES} places before, {share} after.")
    if share <= shares[wanted]:
        raise SystemExit("The slate did not react.")


if __name__ == "__main__":
    main()
