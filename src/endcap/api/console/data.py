"""What a shop's data is: its tables and their past, how fresh they are, what is odd, what each recipe still lacks, and
what arrives just now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from endcap.api.console.backstage import Backstage
from endcap.api.console.behind import Behind
from endcap.api.console.data_shapes import (
    Arrival,
    Arrivals,
    ArrivalsAsk,
    DataAsk,
    DataOverview,
    FindingLine,
    HealthReport,
    HistoryAsk,
    NeedLine,
    ReadinessReport,
    RecipeReadiness,
    RefusedEvent,
    TableHistory,
    TableLine,
    TrainedOn,
    VersionLine,
)
from endcap.api.console.operation import Call, Operation
from endcap.api.console.uploads import shop_of
from endcap.api.wire import Refusal, invalid
from endcap.errors import StateError
from endcap.lake.checks import run_checks
from endcap.lake.measures import extent, measure
from endcap.lake.offsets import TABLES, TableKind
from endcap.lake.past import Commit, newest
from endcap.recipes import recipe_class
from endcap.recipes.needs import MEASURES, NEEDS, Need
from endcap.recipes.pages import USE
from endcap.registry.recipe_arns import INNER
from endcap.storage.log import Record
from endcap.types import Micros, ShopKey

RECENT = 200
"""Records that are shown at first, and at most at once."""
HISTORY = 60
"""Versions of a table that are listed."""
SHOWN_BYTES = 2_000
_NAMED_FOR = {"event": "interactions", "item": "items", "user": "users", "action": "actions"}


class ShopData:
    """`/console/api/data`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage
        self._findings: Behind[tuple[FindingLine, ...]] = Behind()
        self._measures: Behind[dict[str, int]] = Behind()

    def operations(self) -> Sequence[Operation]:
        """Overview, history, health, readiness, arrivals."""
        at = "/console/api/data"
        return (
            Operation("getData", "GET", at, "A shop's tables, how fresh they are.", self.look, DataAsk, DataOverview),
            Operation(
                "getTableHistory", "GET", f"{at}/history", "A table's versions.", self.past, HistoryAsk, TableHistory
            ),
            Operation(
                "getHealth", "GET", f"{at}/health", "What is odd in the data, what it does, what to do.",
                self.health, DataAsk, HealthReport,
            ),
            Operation(
                "getReadiness", "GET", f"{at}/readiness", "What each recipe still needs of the data.",
                self.readiness, DataAsk, ReadinessReport,
            ),
            Operation(
                "listArrivals", "GET", f"{at}/arrivals", "What arrives just now, and what is refused.",
                self.arrivals, ArrivalsAsk, Arrivals,
            ),
        )  # fmt: skip

    def look(self, call: Call, asked: DataAsk) -> DataOverview:
        """Empty tables for a shop that is not there yet."""
        shop = shop_of(call, asked.shop)
        lake, log = self._backstage.workspace.lake, self._backstage.log
        tables = tuple(self._table(shop, kind) for kind in TABLES if lake.exists(shop, kind))
        snapshot = lake.snapshot(shop).text
        sunk = lake.places.sunk(log.identity) if log.identity else {}
        lag = sum(max(0, end - sunk.get(place, 0)) for place, end in enumerate(log.ends()))
        return DataOverview(
            shop=shop.group,
            tables=tables,
            snapshot=snapshot,
            lag=lag,
            refused=len(self._backstage.set_aside.newest(shop, 10_000)),
            trained_on=tuple(self._trained_on(shop, snapshot)),
            now=self._backstage.clock.now(),
        )

    def past(self, call: Call, asked: HistoryAsk) -> TableHistory:
        """Raises `Refusal` (404) for a table that is not there."""
        shop = shop_of(call, asked.shop)
        commits = _found(lambda: self._backstage.workspace.lake.history(shop, asked.kind))
        return TableHistory(kind=asked.kind, versions=tuple(map(_version, commits[:HISTORY])))

    def health(self, call: Call, asked: DataAsk) -> HealthReport:
        """Made once for each snapshot. Raises `Refusal` (404) without interactions."""
        shop, lake = shop_of(call, asked.shop), self._backstage.workspace.lake
        self._require(shop)
        snapshot, clock = lake.snapshot(shop).text, self._backstage.clock

        def make() -> tuple[FindingLine, ...]:
            found = run_checks(lake, shop, clock=clock)
            return tuple(FindingLine(**{n: v for n, v in _plain(each).items() if n != "share"}) for each in found)

        found = _found(lambda: self._findings.get((shop, snapshot, clock.now() // (3600 * 10**6)), make))
        return HealthReport(checking=found is None, snapshot=snapshot, findings=found or ())

    def readiness(self, call: Call, asked: DataAsk) -> ReadinessReport:
        """Counted once for each snapshot. Raises `Refusal` (404) without interactions."""
        shop, lake = shop_of(call, asked.shop), self._backstage.workspace.lake
        self._require(shop)
        snapshot, now = lake.snapshot(shop).text, self._backstage.clock.now()
        have = _found(lambda: self._measures.get((shop, snapshot), lambda: measure(lake, shop, Micros(now))))
        found = () if have is None else tuple(readiness(have))
        return ReadinessReport(checking=have is None, snapshot=snapshot, recipes=found)

    def arrivals(self, call: Call, asked: ArrivalsAsk) -> Arrivals:
        """In the order of time. Raises `Refusal` (400) for a cursor that is none."""
        shop, log = shop_of(call, asked.shop), self._backstage.log
        ends = log.ends()
        after = _cursor(asked.after, len(ends)) if asked.after else [max(0, end - RECENT) for end in ends]
        found: list[tuple[str, Record]] = []
        skipped = 0
        reached = list(after)
        for partition, end in enumerate(ends):
            start = min(max(after[partition], end - 10 * RECENT), end)
            skipped += max(0, start - after[partition]) if asked.after else 0
            rows = log.read(partition, start, 10 * RECENT)
            found += [(f"{at.partition}:{at.n}", record) for at, record in rows if record.shop == shop]
            reached[partition] = rows[-1][0].n if rows else max(end, start)
        told = [each for each in found if each[1].kind not in ("decision", "feature")]
        shown = sorted(told, key=lambda each: each[1].time)[-RECENT:]  # of all partitions
        skipped += len(told) - len(shown) if asked.after else 0
        return Arrivals(
            cursor=",".join(map(str, reached)),
            records=tuple(_arrival(at, record) for at, record in shown),
            refused=tuple(_refused(line) for line in self._backstage.set_aside.newest(shop, RECENT)),
            skipped=skipped,
        )

    def _require(self, shop: ShopKey) -> None:
        if not self._backstage.workspace.lake.exists(shop, "interactions"):
            raise Refusal(
                404, "ResourceNotFoundException", f"Shop {shop.group} has no interactions yet. Import some first."
            )

    def _table(self, shop: ShopKey, kind: TableKind) -> TableLine:
        lake = self._backstage.workspace.lake
        table = lake.open(shop, kind)
        commit = newest(table)
        oldest, latest, size = extent(table)
        return TableLine(
            kind=kind,
            rows=commit.rows,
            columns=len(table.schema().fields),
            version=commit.version,
            updated=commit.time,
            newest=latest,
            oldest=oldest,
            bytes=size,
        )

    def _trained_on(self, shop: ShopKey, snapshot: str) -> list[TrainedOn]:
        found = []
        for each in self._backstage.workspace.campaigns.list(shop):
            largest = max(each.variants, key=lambda variant: variant.weight).version_id
            lineage = self._backstage.workspace.versions.find(largest).lineage
            found.append(
                TrainedOn(
                    campaign=each.campaign,
                    version=largest,
                    snapshot=lineage.snapshot,
                    trained_until=lineage.trained_until,
                    behind=lineage.snapshot != snapshot,
                )
            )
        return found


def readiness(have: Mapping[str, int]) -> list[RecipeReadiness]:
    """Each recipe that can be asked for, against what there is."""
    order = {"ready": 0, "thin": 1, "missing": 2}
    found = [_recipe(name, needs, have) for name, needs in NEEDS.items() if name not in INNER]
    return sorted(found, key=lambda each: (order[each.state], each.recipe))


def _recipe(name: str, needs: Sequence[Need], have: Mapping[str, int]) -> RecipeReadiness:
    lines = [_need(each, have.get(each.measure, 0)) for each in needs]
    lacking = [line for line in lines if line.missing]
    state = "missing" if any(line.required for line in lacking) else "thin" if lacking else "ready"
    told = [line for line in lacking if line.required] or lacking
    words = " and ".join(dict.fromkeys(line.missing for line in told))
    worst = {line.measure: line for line in reversed(told)}
    return RecipeReadiness(
        recipe=name,
        title=recipe_class(name).title,
        use=USE.get(name, ""),
        state=state,
        said=f"{name.replace('-', ' ').capitalize()} needs {words}." if told else "Everything it needs is there.",
        needs=tuple({**{line.measure: line for line in lines}, **worst}.values()),
    )


def _need(need: Need, have: int) -> NeedLine:
    words = MEASURES[need.measure]
    missing = f"{need.least - have:,} more {words}" if have < need.least else ""
    return NeedLine(
        measure=need.measure,
        words=words,
        have=have,
        least=need.least,
        required=need.required,
        why=need.why,
        missing=missing,
    )


def _found(look: Any) -> Any:
    """What `look()` gives; `Refusal` (404) where a table is not there."""
    try:
        return look()
    except StateError as error:
        raise Refusal(404, "ResourceNotFoundException", str(error)) from None


def _plain(finding: Any) -> dict[str, Any]:
    return {**finding.json(), "examples": tuple(finding.examples)}


def _version(commit: Commit) -> VersionLine:
    return VersionLine(
        version=commit.version,
        time=commit.time,
        job=commit.job,
        mode=commit.mode,
        rows=commit.rows,
        received=commit.received,
    )


def _cursor(text: str, partitions: int) -> list[int]:
    parts = text.split(",")
    if len(parts) > 1024 or not all(part.isdecimal() and len(part) < 19 for part in parts):
        raise invalid("The cursor is none that was given out; ask without one.")
    numbers = [int(part) for part in parts[:partitions]]
    return numbers + [0] * (partitions - len(numbers))


def _arrival(at: str, record: Record) -> Arrival:
    try:
        payload: Any = msgspec.to_builtins(msgspec.msgpack.decode(record.payload))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        payload = {}
    told = payload if isinstance(payload, dict) else {}
    return Arrival(
        offset=at,
        kind=_NAMED_FOR.get(record.kind, record.kind),
        time=record.time,
        key=record.key,
        event_type=str(told.get("event_type", "")),
        item=str(told.get("item_id") or told.get("action_id") or told.get("id") or ""),
        detail=json.dumps(told, ensure_ascii=False, default=str)[:SHOWN_BYTES],
    )


def _refused(line: bytes) -> RefusedEvent:
    try:
        told = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return RefusedEvent(
            time=0, reason="A line that cannot be read.", detail=line[:SHOWN_BYTES].decode("utf-8", "replace")
        )
    detail = told.get("event", told.get("data"))
    at = told.get("time")
    return RefusedEvent(
        time=at if isinstance(at, int) else 0,
        reason=str(told.get("reason", "")),
        detail=msgspec.json.encode(detail)[:SHOWN_BYTES].decode("utf-8", "replace"),
    )
