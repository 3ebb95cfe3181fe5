"""What is asked and answered about a shop's data."""

from __future__ import annotations

from endcap.api.console.operation import Ask, Shape
from endcap.lake.schemas import DatasetKind


class DataAsk(Ask, frozen=True):
    """Of which shop."""

    shop: str


class HistoryAsk(Ask, frozen=True):
    """Of which table."""

    shop: str
    kind: DatasetKind = "interactions"


class ArrivalsAsk(Ask, frozen=True):
    """What came after a cursor; without one the newest that is still in the log."""

    shop: str
    after: str = ""


class TableLine(Shape, frozen=True):
    """One table: its rows, when it changed, and the time of its newest event. Times are microseconds, 0: none."""

    kind: str
    rows: int
    columns: int
    version: int
    updated: int
    newest: int
    oldest: int
    bytes: int


class DataOverview(Shape, frozen=True):
    """A shop's tables, what of the log is not in them yet, and what the served models were trained on."""

    shop: str
    tables: tuple[TableLine, ...]
    snapshot: str
    lag: int
    refused: int
    trained_on: tuple[TrainedOn, ...]
    now: int


class TrainedOn(Shape, frozen=True):
    """What a campaign serves, and how old what it learned is."""

    campaign: str
    version: str
    snapshot: str
    trained_until: int
    behind: bool


class VersionLine(Shape, frozen=True):
    """One version of a table."""

    version: int
    time: int
    job: str
    mode: str
    rows: int
    received: int


class TableHistory(Shape, frozen=True):
    """A table's versions, newest first."""

    kind: str
    versions: tuple[VersionLine, ...]


class FindingLine(Shape, frozen=True):
    """What is odd, what it does to recommendations, how to mend it."""

    code: str
    severity: str
    title: str
    why: str
    advice: str
    count: int
    total: int
    examples: tuple[str, ...]


class HealthReport(Shape, frozen=True):
    """All findings, the worst first; `checking` while they are being made."""

    checking: bool
    snapshot: str
    findings: tuple[FindingLine, ...]


class NeedLine(Shape, frozen=True):
    """One thing that a recipe needs: how much there is of how much, and in words what is missing (empty: nothing)."""

    measure: str
    words: str
    have: int
    least: int
    required: bool
    why: str
    missing: str


class RecipeReadiness(Shape, frozen=True):
    """`state`: ready, thin (it trains, and says little) or missing (it cannot be trained)."""

    recipe: str
    title: str
    use: str
    state: str
    said: str
    needs: tuple[NeedLine, ...]


class ReadinessReport(Shape, frozen=True):
    """Every recipe, those that are ready first."""

    checking: bool
    snapshot: str
    recipes: tuple[RecipeReadiness, ...]


class Arrival(Shape, frozen=True):
    """One record as it was acknowledged. `detail` is JSON text, cut where it is long."""

    offset: str
    kind: str
    time: int
    key: str
    event_type: str
    item: str
    detail: str


class RefusedEvent(Shape, frozen=True):
    """One that was not taken, and why."""

    time: int
    reason: str
    detail: str


class Arrivals(Shape, frozen=True):
    """What came; ask again with `cursor`."""

    cursor: str
    records: tuple[Arrival, ...]
    refused: tuple[RefusedEvent, ...]
    skipped: int
