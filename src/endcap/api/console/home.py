"""Home: what there is to do next in a shop, how it goes, and what needs looking at. Times are milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow.compute as pc

from endcap.api.console.backstage import Backstage
from endcap.api.console.behind import Behind
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.pulse import Beat, Pulse
from endcap.api.console.runs import RunLine, line
from endcap.api.console.uploads import shop_of
from endcap.errors import StateError
from endcap.jobs import comparing
from endcap.jobs.judging import report_paths
from endcap.lake.checks import Finding, run_checks
from endcap.lake.offsets import LINKING
from endcap.types import DAY, ITEM_ID, TIMESTAMP, ShopKey

PATH = "/console/api/home"
DAYS = 14
FRESH = 300_000_000
"""Microseconds for which what was counted of the lake stands."""


class HomeAsked(Ask, frozen=True):
    """Which shop; empty where there is none yet."""

    shop: str = ""


class SetupStep(Shape, frozen=True):
    """One line of the checklist. `state`: `done`, `next`, `waiting` (for those before it), `working` or `problem`;
    `told` is what was found, `command` what brings it about, `screen` where in the console."""

    name: str
    state: str
    told: str
    command: str
    screen: str


class Point(Shape, frozen=True):
    """One value of a series."""

    at: int
    value: float | None


class Tile(Shape, frozen=True):
    """A number with its past; `value` None where there is none yet. `source` says where it comes from."""

    name: str
    value: float | None
    unit: str
    points: tuple[Point, ...]
    source: str


class AlertLine(Shape, frozen=True):
    """Something that needs looking at, the next step, and where."""

    severity: str
    title: str
    fix: str
    screen: str


class HomeShown(Shape, frozen=True):
    """A shop at a glance. `counting` while the lake is still being read."""

    shop: str
    setup: tuple[SetupStep, ...]
    ready: bool
    tiles: tuple[Tile, ...]
    runs: tuple[RunLine, ...]
    alerts: tuple[AlertLine, ...]
    counting: bool
    since: int
    now: int


class Shelf(Shape, frozen=True):
    """What the answers of some days showed: by day (begin, items seen, of which acted on), and distinct items."""

    days: tuple[tuple[int, int, int], ...]
    items: int


class Home:
    """`GET /console/api/home`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage
        self._findings: Behind[list[Finding]] = Behind(0.3)
        self._shelves: Behind[Shelf] = Behind(0.3)

    def operations(self) -> Sequence[Operation]:
        """Its one row."""
        if self._backstage is not None:
            self._pulse = Pulse(self._backstage.metrics.samples)
            self._pulse.start()
        said = "What to do next in a shop, how it goes, what needs looking at."
        return (Operation("getHome", "GET", PATH, said, self.look, HomeAsked, HomeShown),)

    def look(self, call: Call, asked: HomeAsked) -> HomeShown:
        """Of a shop that is not there, what to do first. How the process does is told to its own account alone."""
        workspace, now = self._backstage.workspace, self._backstage.clock.now()
        if not asked.shop:
            return self._shown("", [_first()], (), [], call, counting=False)
        shop = shop_of(call, asked.shop)
        findings = shelf = None
        has_events = workspace.lake.exists(shop, "interactions")
        if has_events:
            text = workspace.lake.snapshot(shop).text
            findings = self._findings.get(
                ("findings", shop, text), lambda: run_checks(workspace.lake, shop, clock=self._backstage.clock)
            )
            shelf = self._shelves.get(("shelf", shop, now // FRESH), lambda: self._counted(shop, now))
        setup = list(self._setup(shop, findings))
        process = self._process() if call.account.account == workspace.settings.account else ()
        alerts = [*process, *self._alerts(shop), *_warnings(findings or ())]
        counting = has_events and (findings is None or shelf is None)
        return self._shown(asked.shop, setup, list(self._tiles(shop, shelf)), alerts, call, counting=counting)

    def _shown(
        self,
        shop: str,
        setup: Sequence[SetupStep],
        tiles: Sequence[Tile],
        alerts: Sequence[AlertLine],
        call: Call,
        *,
        counting: bool,
    ) -> HomeShown:
        _, runs = self._backstage.workspace.jobs.page(call.account, shop=shop, size=6)
        return HomeShown(
            shop=shop,
            setup=tuple(setup),
            ready=all(step.state == "done" for step in setup),
            tiles=tuple(tiles),
            runs=tuple(map(line, runs)),
            alerts=tuple(alerts),
            counting=counting,
            since=int(self._pulse.since * 1000),
            now=self._backstage.clock.now() // 1000,
        )

    def _setup(self, shop: ShopKey, findings: Sequence[Finding] | None) -> Iterator[SetupStep]:
        """Data → checks → train → compare → publish → track; the first that is not done is next."""
        has_next = False
        for name, found, command, screen in self._steps(shop, findings):
            state, told = found
            if state == "open":
                state, has_next = ("waiting" if has_next else "next"), True
            yield SetupStep(name=name, state=state, told=told, command=command, screen=screen)

    def _steps(
        self, shop: ShopKey, findings: Sequence[Finding] | None
    ) -> Iterator[tuple[str, tuple[str, str], str, str]]:
        workspace, name = self._backstage.workspace, shop.group
        newest = workspace.lake.newest(shop, "interactions")
        data = ("done", f"{newest.rows:,} events") if newest and newest.rows else ("open", "No events yet")
        yield "data", data, f"endcap import FILE --shop {name}", "data"
        yield "checks", _checked(findings, newest is not None), f"endcap check --shop {name}", "data"
        versions = workspace.versions.list(shop)
        told = f"{len(versions)} versions, the newest {versions[0].recipe}" if versions else "Nothing is trained yet"
        yield "train", ("done" if versions else "open", told), f"endcap train --shop {name}", "models"
        compared = self._compared(shop)
        said = "Compared with popularity" if compared else "Not compared with popularity yet"
        yield "compare", ("done" if compared else "open", said), f"endcap evaluate --shop {name}", "models"
        served = [each.campaign for each in workspace.campaigns.list(shop)]
        live = f"{len(served)} campaigns serve" if served else "Nothing serves yet"
        yield "publish", ("done" if served else "open", live), f"endcap publish --shop {name}", "models"
        tracker = f"endcap collect create --shop {name} --origin https://YOUR.SHOP"
        yield "track", self._tracked(shop), tracker, "data"

    def _compared(self, shop: ShopKey) -> bool:
        found = self._backstage.workspace.resources.list(shop.account, comparing.KIND, shop=shop.group)
        there, _ = report_paths(self._backstage.workspace, shop)
        return there.exists() or any(each.status == "ACTIVE" for each in found)

    def _tracked(self, shop: ShopKey) -> tuple[str, str]:
        """Whether events come in by themselves."""
        last = max((each.live.last_time for each in self._backstage.served(shop) if each.live is not None), default=0)
        trackers = self._backstage.workspace.resources.list(shop.account, "event-tracker", shop=shop.group)
        if last:
            return "done", "Events come in"
        log = self._backstage.log
        held = self._backstage.workspace.lake.offsets(shop, log.identity, log.partitions).tables
        if any(offset for kind in LINKING for offset in held.get(kind, {}).values()):
            return "done", "Events have come in"
        return "open", "Waiting for the first event" if trackers else "No event has come in yet"

    def _counted(self, shop: ShopKey, now: int) -> Shelf:
        """From the decisions and events of the lake."""
        begin = (now // DAY - DAYS + 1) * DAY
        try:
            seen = self._backstage.workspace.lake.seen_items(shop, since=begin)
        except StateError:
            return Shelf(days=(), items=0)
        if not seen.num_rows:
            return Shelf(days=(), items=0)
        acted = pc.greater(pc.list_value_length(seen["events"]), 0)
        days = pc.divide(seen[TIMESTAMP], DAY)
        table = seen.select([ITEM_ID]).append_column("day", days).append_column("acted", acted.cast("int64"))
        told = table.group_by("day").aggregate([("acted", "count"), ("acted", "sum")]).sort_by("day")
        columns = (told[name].to_pylist() for name in ("day", "acted_count", "acted_sum"))
        points = tuple(
            (int(day) * DAY // 1000, int(count), int(hits)) for day, count, hits in zip(*columns, strict=True)
        )
        return Shelf(days=points, items=int(pc.count_distinct(seen[ITEM_ID]).as_py()))

    def _tiles(self, shop: ShopKey, shelf: Shelf | None) -> Iterator[Tile]:
        is_own = shop.account.account == self._backstage.workspace.settings.account
        beats, own = self._pulse.beats() if is_own else (), "this process, every 10 s"
        yield _rate("answers", beats, "answers", "a minute", f"endcap_answers of {own}")
        yield _timed("half", [(beat.at, beat.half) for beat in beats], own)
        yield _timed("most", [(beat.at, beat.most) for beat in beats], own)
        yield _rate("events", beats, "events", "a minute", f"endcap_events of {own}")
        yield _share("fallback", beats, "fallback", f"endcap_answers by rung, {own}")
        yield _share("stale", beats, "stale", f"endcap_stale_answers of {own}")
        days = shelf.days if shelf is not None else ()
        clicks = tuple(Point(at=at, value=hits / count) for at, count, hits in days if count)
        seen, hits = sum(count for _, count, _ in days), sum(hit for _, _, hit in days)
        source = f"decisions and events of the lake, last {DAYS} days"
        yield Tile(name="clicks", value=hits / seen if seen else None, unit="share", points=clicks, source=source)
        served = self._backstage.served(shop)
        listed = int(served[0].state.listed.sum()) if served else 0
        covered = shelf.items / listed if shelf is not None and listed and shelf.items else None
        yield Tile(name="coverage", value=covered, unit="share", points=(), source=f"items shown, {source}")

    def _process(self) -> Iterator[AlertLine]:
        """What the process itself has to say."""
        error, told = self._backstage.watch.status.error, dict[str, float]()
        if error:
            yield AlertLine(severity="problem", title=error, fix="Look at the metadata database.", screen="")
        for (name, _), value in self._backstage.metrics.samples().items():
            told[name] = told.get(name, 0.0) + value
        for name, severity, title, fix in _WATCHED:
            if told.get(name, 0.0) > 0:
                count = f"{told[name]:,.0f} " if "{" in title else ""
                yield AlertLine(severity=severity, title=title.format(count.strip()), fix=fix, screen="data")

    def _alerts(self, shop: ShopKey) -> Iterator[AlertLine]:
        """Campaigns of the account that cannot be loaded, events of the shop that were refused."""
        for arn, failure in self._backstage.watch.status.failures.items():
            if f":{shop.account.account}:" in arn:
                title = f"{arn.rpartition('/')[2]} cannot be loaded: {failure.message}"
                fix = "It serves as it did before. Publish another version, or roll back."
                yield AlertLine(severity="problem", title=title, fix=fix, screen="models")
        refused = len(self._backstage.set_aside.newest(shop, 1000))
        if refused:
            many = f"{refused:,}" if refused < 1000 else "At least 1,000"
            title = f"{many} events were rejected"
            fix = "See why on the Data screen, under live events."
            yield AlertLine(severity="warning", title=title, fix=fix, screen="data")


_WATCHED = (
    ("endcap_log_poison", "problem", "{} records could not be read into the shops", "endcap log status tells which."),
    ("endcap_log_away", "problem", "The shared log cannot be reached", "Events wait on this machine meanwhile."),
    ("endcap_log_lag", "warning", "{} records wait to be taken in", "If this stays, the machine is too busy."),
    ("endcap_decisions_dropped_total", "warning", "{} answers were not written down", "Too many waited to be written."),
    ("endcap_decisions_failed_total", "warning", "{} answers could not be written down", "The log refused them."),
)


def _first() -> SetupStep:
    return SetupStep(
        name="data", state="next", told="There is no shop yet", command="endcap demo complete-journey", screen="data"
    )


def _checked(findings: Sequence[Finding] | None, has_data: bool) -> tuple[str, str]:
    if not has_data:
        return "open", "Nothing to check yet"
    if findings is None:
        return "working", "Being checked"
    bad = [finding for finding in findings if finding.severity == "problem"]
    if bad:
        return "problem", f"{len(bad)} serious: {bad[0].title}"
    return "done", f"{len(findings)} findings, none serious" if findings else "Nothing odd"


def _warnings(findings: Sequence[Finding]) -> Iterator[AlertLine]:
    for finding in findings[:5]:
        if finding.severity in ("problem", "warning"):
            yield AlertLine(severity=finding.severity, title=finding.title, fix=finding.advice, screen="data")


def _rate(name: str, beats: Sequence[Beat], key: str, unit: str, source: str) -> Tile:
    points = tuple(Point(at=int(beat.at * 1000), value=beat.rates[key]) for beat in beats)
    lately = [beat.rates[key] for beat in beats[-6:]]
    return Tile(name=name, value=sum(lately) / len(lately) if lately else None, unit=unit, points=points, source=source)


def _timed(name: str, told: Sequence[tuple[float, float | None]], own: str) -> Tile:
    points = tuple(Point(at=int(at * 1000), value=None if value is None else value * 1e3) for at, value in told)
    known = [point.value for point in points if point.value is not None]
    source = f"endcap_request_seconds of {own}"
    return Tile(name=name, value=known[-1] if known else None, unit="ms", points=points, source=source)


def _share(name: str, beats: Sequence[Beat], key: str, source: str) -> Tile:
    points = tuple(
        Point(at=int(beat.at * 1000), value=beat.rates[key] / beat.rates["answers"] if beat.rates["answers"] else None)
        for beat in beats
    )
    total = sum(beat.rates["answers"] for beat in beats)
    share = sum(beat.rates[key] for beat in beats) / total if total else None
    return Tile(name=name, value=share, unit="share", points=points, source=source)
