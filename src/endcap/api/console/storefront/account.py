"""The shopper's own account: what the shop knows of them, and how to make it forget."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from itertools import groupby
from secrets import token_hex

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.storefront.counter import OPEN, Counter
from endcap.api.console.storefront.goods import Card, Goods, Shelved
from endcap.api.console.storefront.past import Deed, Deeds
from endcap.api.wire import Refusal, invalid
from endcap.errors import EndcapError, UnknownName
from endcap.jobs.workspace import Workspace
from endcap.lake.event_types import against
from endcap.registry.dependencies import Dependencies
from endcap.registry.erasures import KIND, MEMBER
from endcap.registry.resources import Resource
from endcap.serving.live_shop import LiveShop
from endcap.storage.objects import open_objects
from endcap.types import USER_ID, ShopKey

ORDERS, LINES = 30, 60
WAIT = 0.5
"""Seconds between two looks at whether everything was removed."""
BUCKET = "endcap-erasures"
"""Where the lists lie of who is to be forgotten, while that is being done."""


class AccountAsked(Ask, frozen=True):
    """Whose account: a user's, or what belongs to a session."""

    shop: str
    user: str = ""
    session: str = ""


class AccountLine(Shape, frozen=True):
    """One event of the shopper's: `time` in milliseconds, `live` where it came after the snapshot."""

    card: Card
    event_type: str
    time: int
    live: bool
    refuses: bool


class Bought(Shape, frozen=True):
    """What was bought at one time."""

    time: int
    cards: tuple[Card, ...]
    live: bool


class AccountShown(Shape, frozen=True):
    """What the shop knows of a shopper."""

    known: bool
    events: int
    looks: int
    purchases: int
    attributes: dict[str, str]
    lines: tuple[AccountLine, ...]
    orders: tuple[Bought, ...]
    unwanted: tuple[Card, ...]


class ForgetAsked(Ask, frozen=True):
    """Who is to be forgotten: a user with their sessions, a session, or both."""

    shop: str
    user: str = ""
    session: str = ""


class Forgetting(Shape, frozen=True):
    """How far it is: gone from answers from the first reply on, `done` when no table, model's state or log has them."""

    job: str
    status: str
    done: bool
    removed: int | None = None
    why: str = ""


class JobAsked(Ask, frozen=True):
    """Which job, by its ARN."""

    job: str


class Accounts:
    """`/shop/api/account` and `/shop/api/forget`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved = backstage, shelved
        self._tasks = set[asyncio.Task[None]]()

    def operations(self) -> Sequence[Operation]:
        """Its rows."""
        shown, forget, look = "What the shop knows of a shopper.", "Forget a shopper.", "How far forgetting is."
        path = "/shop/api/forget"
        return (
            OPEN("getAccount", "GET", "/shop/api/account", shown, self.show, AccountAsked, AccountShown),
            Operation("forgetMe", "POST", path, forget, self.forget, ForgetAsked, Forgetting, "control", local=True),
            Operation("getForgetting", "GET", path, look, self.look, JobAsked, Forgetting, "control", local=True),
        )

    def show(self, call: Call, asked: AccountAsked) -> AccountShown:
        """From the snapshot and what was streamed since."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        goods, key = self._shelved.goods(counter.snapshot), asked.user or asked.session
        deeds = Deeds.of(counter.snapshot, key)
        found = deeds.found
        return AccountShown(
            known=bool(found),
            events=len(found),
            looks=sum(deed.is_look for deed in found),
            purchases=sum(deed.is_purchase for deed in found),
            attributes=_attributes(counter, asked.user),
            lines=tuple(line for deed in found[:LINES] for line in _line(goods, deed)),
            orders=tuple(_orders(goods, found)),
            unwanted=tuple(goods.cards(deeds.unwanted())),
        )

    async def forget(self, call: Call, asked: ForgetAsked) -> Forgetting:
        """Nothing is answered from their past from now on; their rows go by the job that the control plane has, too."""
        names = [name for name in dict.fromkeys((asked.user, asked.session)) if name]
        if not names:
            raise invalid("Say who is to be forgotten: a user or a session.")
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        live = counter.snapshot.live
        keys = live.forget(names) if live is not None else frozenset(names)
        job = await asyncio.to_thread(erase, self._backstage.workspace, counter.shop, sorted(keys))
        task = asyncio.create_task(self._until_done(job, live, keys))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _forgetting(job)

    def look(self, call: Call, asked: JobAsked) -> Forgetting:
        """Raises `UnknownName`."""
        name = asked.job.rpartition("/")[2]
        if asked.job != Resource(call.account, KIND, name, "").arn:
            raise UnknownName("data deletion job", asked.job, ())
        return _forgetting(self._backstage.workspace.resources.get(call.account, KIND, name))

    async def _until_done(self, job: Resource, live: LiveShop | None, keys: frozenset[str]) -> None:
        """Whoever comes back later under the same name is somebody new."""
        resources = self._backstage.workspace.resources
        while True:
            await asyncio.sleep(WAIT)
            try:
                job = await asyncio.to_thread(resources.get, job.account, KIND, job.id)
            except UnknownName:
                break
            except EndcapError:
                continue
            if job.status == "FAILED":
                return
            if job.status == "COMPLETED":
                break
        await asyncio.to_thread(_tidy, self._backstage.workspace, job)
        if live is not None:
            live.remember(keys)


def erase(workspace: Workspace, shop: ShopKey, users: Sequence[str]) -> Resource:
    """A deletion job for these users (or sessions), as `CreateDataDeletionJob` makes it."""
    group = workspace.resources.get(shop.account, "dataset-group", shop.group)
    name = f"forget-{token_hex(6)}"
    place = f"s3://{BUCKET}/{name}.csv"
    document = {
        "jobName": name,
        "roleArn": shop.arn("role", "storefront"),
        "datasetGroupArn": group.arn,
        "dataSource": {"dataLocation": place},
        MEMBER: list(users),
    }
    job = Resource(shop.account, KIND, name, shop.group, "", "PENDING", document)
    objects, listed = open_objects(workspace.settings, shop.account.account), io.StringIO()
    csv.writer(listed).writerows([[USER_ID.upper()], *([each] for each in users)])
    objects.write(place, [listed.getvalue().encode()])
    try:
        return Dependencies(workspace.database, clock=workspace.clock).create(job, (group,))
    except EndcapError as error:
        objects.delete(place)
        raise Refusal(409, "ResourceInUseException", str(error)) from None


def _tidy(workspace: Workspace, job: Resource) -> None:
    """Remove the list of who was to be forgotten: it names them."""
    open_objects(workspace.settings, job.account.account).delete(job.document["dataSource"]["dataLocation"])


def _forgetting(job: Resource) -> Forgetting:
    removed = job.document.get("numDeleted")
    return Forgetting(
        job=job.arn,
        status=job.status,
        done=job.status == "COMPLETED",
        removed=None if removed is None else int(removed),
        why=str(job.document.get("failureReason", "")),
    )


def _attributes(counter: Counter, user: str) -> dict[str, str]:
    """What is known of a user beside what they did."""
    live = counter.snapshot.live
    if not user or (live is not None and user in live.forgotten):
        return {}
    attributes = counter.snapshot.attributes
    attributes.users.now()  # who was put just now has a row after this
    row = attributes.user_row(user)
    known = attributes.users.row(row) if row >= 0 else {}
    return {name: str(value) for name, value in known.items() if name not in (USER_ID, "creation_timestamp")}


def _line(goods: Goods, deed: Deed) -> list[AccountLine]:
    return [
        AccountLine(
            card=card,
            event_type=deed.event_type or "Purchase",
            time=deed.time // 1000,
            live=deed.is_live,
            refuses=against(deed.event_type) > 0,
        )
        for card in goods.cards([deed.item])
    ]


def _orders(goods: Goods, deeds: Sequence[Deed]) -> list[Bought]:
    """What was bought at one time is one order."""
    found = []
    bought = [deed for deed in deeds if deed.is_purchase]
    for time, together in groupby(bought, key=lambda deed: deed.time):
        lines = list(together)
        cards = goods.cards([deed.item for deed in lines])
        found.append(Bought(time=time // 1000, cards=tuple(cards), live=lines[0].is_live))
        if len(found) == ORDERS:
            break
    return found
