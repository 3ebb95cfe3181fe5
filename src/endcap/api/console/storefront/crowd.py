"""A simulated crowd, switched on and watched: shoppers of a process beside this server, bounded in rate and time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.storefront.counter import OPEN, Counter
from endcap.api.console.storefront.crowd_process import CrowdProcess
from endcap.api.console.storefront.goods import Card, Goods, Shelved
from endcap.api.console.storefront.people import People
from endcap.api.console.storefront.shoppers import OfShop
from endcap.api.wire import Refusal, invalid
from endcap.jobs.running import endpoint
from endcap.registry.development import development_key, is_loopback
from endcap.registry.keys import Keys
from endcap.registry.trackers import tracker_of

RATES, MINUTES, SHOPPERS = (0.2, 20.0), (0.1, 30.0), (1, 2_000)
"""What may be asked for: visits that begin in a second, how long, how many different shoppers."""
GOODS = 3_000
"""Products that the crowd knows of: those that sell most."""
PERSONAS = 12
REPEATED = 0.15
"""Share of a shop's events that repeat a product for a shopper, from which it sells what is bought again."""
RISERS = 8
POINTS = 60


class CrowdWanted(Ask, frozen=True):
    """How many shoppers, how many visits begin in a second, for how long; `speed` is how much faster they think."""

    shop: str
    shoppers: int = 200
    rate: float = 4.0
    minutes: float = 5.0
    speed: float = 20.0
    purpose: str = "for-you"


class CrowdPoint(Shape, frozen=True):
    """What the crowd had done by a second after its start."""

    at: float
    visits: int
    events: int
    answers: int
    slates: float
    clicks: float


class Riser(Shape, frozen=True):
    """A product that the crowd takes: `events` since it came; `was` and `now` are places among the shop's trending
    before and among what the crowd takes, from 1; `was` is 0 for what did not trend."""

    card: Card
    events: int
    was: int
    now: int


class CrowdShown(Shape, frozen=True):
    """The crowd of a shop, or the last one. Rates are of the last ten seconds; `command` starts the same by hand."""

    runs: bool
    shop: str = ""
    seconds: float = 0.0
    minutes: float = 0.0
    shoppers: int = 0
    rate: float = 0.0
    campaign: str = ""
    visits: int = 0
    events: int = 0
    refused: int = 0
    answers: int = 0
    events_a_second: float = 0.0
    answers_a_second: float = 0.0
    slates: float = 0.0
    clicks: float = 0.0
    click_through: float = 0.0
    carts: float = 0.0
    purchases: float = 0.0
    revenue: float = 0.0
    ms: float = 0.0
    error: str = ""
    points: tuple[CrowdPoint, ...] = ()
    risers: tuple[Riser, ...] = ()
    command: str = ""


class CrowdWare(Shape, frozen=True):
    """A product as the crowd knows it."""

    id: str
    category: str
    group: str
    brand: str
    price: float | None
    weight: float


class CrowdGround(Shape, frozen=True):
    """What a crowd needs of a shop: goods, tastes (factors by group) of some of its shoppers, and where to ask."""

    items: tuple[CrowdWare, ...]
    tastes: tuple[dict[str, float], ...]
    repeats: bool
    campaign: str
    similar: str
    tracking: str


class CrowdDesk:
    """`/shop/api/crowd`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved = backstage, shelved
        self._lock = threading.Lock()
        self._crowd: _Crowd | None = None

    def operations(self) -> Sequence[Operation]:
        """Look, start, stop; and what the crowd itself asks."""
        path = "/shop/api/crowd"
        start = Operation(
            *("startCrowd", "POST", path, "Let simulated shoppers come.", self.start, CrowdWanted, CrowdShown),
            access="control",
            local=True,
        )
        stop = Operation(
            *("stopCrowd", "DELETE", path, "Let them go home.", self.stop, OfShop, CrowdShown),
            access="control",
            local=True,
        )
        return (
            OPEN("getCrowd", "GET", path, "What the crowd does.", self.show, OfShop, CrowdShown),
            start,
            stop,
            OPEN("getCrowdGround", "GET", f"{path}/ground", "What a crowd asks.", self.ground, OfShop, CrowdGround),
        )

    def show(self, call: Call, asked: OfShop) -> CrowdShown:
        """Nothing runs where none was started here."""
        counter = self._counter(call, asked.shop)
        crowd = self._crowd
        if crowd is None or crowd.shop != counter.shop:
            return CrowdShown(runs=False)
        return crowd.shown(self._shelved.goods(counter.snapshot))

    def start(self, call: Call, asked: CrowdWanted) -> CrowdShown:
        """Raises `Refusal` for too much, where a crowd is there already, and on a server that others can reach."""
        settings = self._backstage.workspace.settings
        if not is_loopback(settings.host):
            raise Refusal(403, "AccessDeniedException", "A crowd comes only to a server that listens on loopback.")
        for name, value, (low, high) in (
            ("rate", asked.rate, RATES),
            ("minutes", asked.minutes, MINUTES),
            ("shoppers", asked.shoppers, SHOPPERS),
            ("speed", asked.speed, (1.0, 1_000.0)),
        ):
            if not low <= value <= high:
                raise invalid(f"{name} is {value:g}, expected {low:g} to {high:g}.")
        counter = self._counter(call, asked.shop)
        if asked.purpose not in counter.purposes:
            raise invalid(f"The shop has no campaign for {asked.purpose[:64]!r}; it has {', '.join(counter.purposes)}.")
        with self._lock:
            if self._crowd is not None and self._crowd.process.runs:
                raise Refusal(409, "ResourceInUseException", "A crowd is there already. Stop it first.")
            self._crowd = _Crowd(counter, asked, self._token(), endpoint(settings))
        return self._crowd.shown(self._shelved.goods(counter.snapshot))

    def stop(self, call: Call, asked: OfShop) -> CrowdShown:
        """Nothing happens where none is there."""
        counter = self._counter(call, asked.shop)
        with self._lock:
            if self._crowd is not None and self._crowd.shop == counter.shop:
                self._crowd.process.stop()
        return self.show(call, asked)

    def ground(self, call: Call, asked: OfShop) -> CrowdGround:
        """The goods that sell most, and tastes of shoppers unlike each other."""
        counter = self._counter(call, asked.shop)
        goods = self._shelved.goods(counter.snapshot)
        state = counter.snapshot.state
        wares = []
        for ordinal, card in zip(goods.aisles.order[:GOODS], goods.of(goods.aisles.order[:GOODS]), strict=True):
            group, category = ((*card.categories[:2], "", "")[0], (card.categories or ("",))[-1])
            count = float(state.counts[ordinal]) if ordinal < len(state.counts) else 0.0
            wares.append(
                CrowdWare(
                    id=card.item, category=category, group=group, brand=card.brand, price=card.price, weight=count
                )
            )
        similar = counter.purposes.get("similar")
        chosen = counter.purposes.get("for-you") or counter.snapshot
        return CrowdGround(
            items=tuple(wares),
            tastes=_tastes(People.of(counter.snapshot, goods)),
            repeats=_repeats(counter),
            campaign=chosen.arn,
            similar=similar.arn if similar is not None else "",
            tracking=str(tracker_of(self._backstage.workspace.resources, counter.shop).document["trackingId"]),
        )

    def _counter(self, call: Call, shop: str) -> Counter:
        return Counter.of(self._backstage, self._shelved, call, shop)

    def _token(self) -> str:
        workspace = self._backstage.workspace
        key = development_key(workspace.settings, Keys(workspace.database, clock=self._backstage.clock))
        return f"{key.id}:{key.secret}"


class _Crowd:
    """One crowd of one shop, and what it took of each product."""

    def __init__(self, counter: Counter, asked: CrowdWanted, token: str, url: str) -> None:
        self.shop, self.asked = counter.shop, asked
        self._backstage = counter.backstage
        self._campaign = counter.purposes[asked.purpose]
        state = counter.snapshot.state
        self._was = {name: place for place, name in enumerate(counter.snapshot.names(state.trending[:2_000]), 1)}
        self._taken: dict[str, float] = {}
        self._source: object = None
        self._seen: Mapping[str, float] = {}
        self._look()
        self._taken = {}
        options = ["--shop", self.shop.group, "--url", url, "--campaign", self._campaign.arn]
        options += ["--minutes", f"{asked.minutes:g}", "--rate", f"{asked.rate:g}", "--speed", f"{asked.speed:g}"]
        options += ["--shoppers", str(asked.shoppers), "--seed", str(int(counter.backstage.clock.now()) % 1_000_000)]
        self.process = CrowdProcess(options, {"ENDCAP_TOKEN": token}, lambda _: self._look())

    def shown(self, goods: Goods) -> CrowdShown:
        """Its numbers now."""
        last, process = self.process.last, self.process
        lines = list(process.lines)
        ten = next((line for line in lines if lines and line[0] >= lines[-1][0] - 10), None)
        span = max(lines[-1][0] - ten[0], 1e-9) if ten is not None and len(lines) > 1 else 0.0

        def rate(name: str) -> float:
            if ten is None or not span or not process.runs:
                return 0.0
            return round((float(last[name]) - float(ten[1][name])) / span, 1)

        slates, clicks = float(last.get("slates", 0)), float(last.get("clicks", 0))
        command = f'eval "$(endcap env)" && endcap simulate --live {" ".join(process.options[:2])}'
        return CrowdShown(
            runs=process.runs,
            shop=self.shop.group,
            seconds=round(lines[-1][0], 1) if lines else 0.0,
            minutes=self.asked.minutes,
            shoppers=self.asked.shoppers,
            rate=self.asked.rate,
            campaign=self._campaign.deployment.campaign,
            visits=int(last.get("visits", 0)),
            events=int(last.get("events", 0)),
            refused=int(last.get("refused", 0)),
            answers=int(last.get("answers", 0)),
            carts=float(last.get("carts", 0)),
            purchases=float(last.get("purchases", 0)),
            revenue=float(last.get("revenue", 0)),
            ms=float(last.get("ms", 0)),
            events_a_second=rate("events"),
            answers_a_second=rate("answers"),
            slates=slates,
            clicks=clicks,
            click_through=round(clicks / slates, 4) if slates else 0.0,
            error=process.error,
            points=tuple(_point(at, told) for at, told in lines[:: max(len(lines) // POINTS, 1)]),
            risers=self._risers(goods),
            command=f"{command} --rate {self.asked.rate:g} --minutes {self.asked.minutes:g}",
        )

    def _look(self) -> None:
        """Count in what was taken since the last look; a new state of the shop counts from nothing again."""
        served = self._backstage.served(self.shop)
        live = next((each.live for each in served if each.live is not None and not each.is_about_actions), None)
        if live is None:
            return
        places = live.taken.some()
        counts = dict(zip(live.names(places), live.taken.of(places).tolist(), strict=True))
        before = self._seen if live is self._source else {}
        for name, count in counts.items():
            gained = count - before.get(name, 0.0)
            if gained > 0 and (self._source is not None):
                self._taken[name] = self._taken.get(name, 0.0) + gained
        self._source, self._seen = live, counts

    def _risers(self, goods: Goods) -> tuple[Riser, ...]:
        best = sorted(self._taken.items(), key=lambda pair: (-pair[1], pair[0]))[:RISERS]
        cards = {card.item: card for card in goods.cards([name for name, _ in best])}
        return tuple(
            Riser(card=cards[name], events=int(count), was=self._was.get(name, 0), now=place)
            for place, (name, count) in enumerate(best, 1)
            if name in cards
        )


def _point(at: float, told: Mapping[str, Any]) -> CrowdPoint:
    whole = {name: int(told[name]) for name in ("visits", "events", "answers")}
    return CrowdPoint(at=round(at, 1), slates=float(told["slates"]), clicks=float(told["clicks"]), **whole)


def _tastes(people: People) -> tuple[dict[str, float], ...]:
    """How much more, or less, of each top category some shoppers take than all do."""
    aisles, rows = people.goods.aisles, people.unlike(PERSONAS)
    if not aisles.names or not len(rows):
        return ()
    found = []
    past = people.snapshot.state.histories.past
    counts = people.snapshot.state.counts
    codes = aisles.codes[0]
    kinds = len(aisles.names[0])
    usual = np.bincount(codes[codes >= 0], counts[: len(codes)][codes >= 0], kinds) + 1e-9
    usual /= usual.sum()
    for row in rows.tolist():
        items = past.slice(row).item
        own = codes[items[(items >= 0) & (items < len(codes))]]
        share = np.bincount(own[own >= 0], minlength=kinds) + 1.0 * usual * 5
        factors = share / share.sum() / usual
        found.append({name: round(float(factor), 3) for name, factor in zip(aisles.names[0], factors, strict=True)})
    return tuple(found)


def _repeats(counter: Counter) -> bool:
    """Whether shoppers of this shop take the same again."""
    past = counter.snapshot.state.histories.past
    if not len(past.item):
        return False
    users = min(len(past.indptr) - 1, 2_000)
    item = past.item[: past.indptr[users]]
    owner = np.repeat(np.arange(users), np.diff(past.indptr[: users + 1]))
    pairs = len(np.unique(owner.astype(np.int64) * (int(item.max(initial=0)) + 2) + item)) if len(item) else 0
    return bool(len(item)) and 1 - pairs / len(item) > REPEATED
