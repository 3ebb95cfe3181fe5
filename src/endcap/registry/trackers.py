"""The event tracker of a shop: under its id events are sent."""

from __future__ import annotations

from uuid import uuid4

from endcap.registry.resources import Exists, Resource, Resources
from endcap.registry.versions import random_id
from endcap.types import ShopKey

GOING = ("DELETE PENDING", "DELETE IN_PROGRESS")


def tracker_of(resources: Resources, shop: ShopKey) -> Resource:
    """The shop's tracker, made where it has none; `document["trackingId"]` is what events carry."""
    there = [
        each for each in resources.list(shop.account, "event-tracker", shop=shop.group) if each.status not in GOING
    ]
    if there:
        return there[0]
    taken = {each.document.get("name") for each in resources.list(shop.account, "event-tracker")}
    name = shop.group if shop.group not in taken else f"{shop.group[:54]}-{random_id()}"
    document = {
        "name": name,
        "datasetGroupArn": shop.arn("dataset-group", shop.group),
        "trackingId": str(uuid4()),
        "accountId": shop.account.account,
    }
    made = Resource(shop.account, "event-tracker", random_id(), shop.group, document=document)
    try:
        return resources.create(made)
    except Exists:  # of two who made one at once under the same id: as good as impossible, and harmless
        return resources.get(shop.account, "event-tracker", made.id)
