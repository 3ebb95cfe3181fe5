"""A shop of one's own from a product file: sent, imported, trained and published by a durable job that pages watch."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

import pyarrow.parquet as pq

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.wire import Reply, invalid
from endcap.errors import InputError, UnknownName
from endcap.jobs.stocking import STOCKING, last_job, learn_again, open_from
from endcap.jobs.uploads import Uploads
from endcap.lake.importers import dialect_names
from endcap.registry.imports import ImportRecord
from endcap.registry.jobs import ENDED, Job
from endcap.types import SECOND, ShopKey

LARGEST = 128 << 20
"""Bytes of a file that is sent through the page; larger ones are imported from the command line."""
KINDS = ("items", "interactions", "users")
SERVED_FIRST = ("for-you", "similar", "trending", "search")
REJECTS_SHOWN = 100_000
PATH = "/shop/api/own-shops"
FILES = (b"application/octet-stream",)


class ShopFile(Ask, frozen=True):
    """What is sent: the shop's name, the file's own, and how to read it where that is not to be found out."""

    name: str
    file: str
    dialect: str = ""
    kind: str = ""


class NothingMore(Ask, frozen=True):
    """Nothing more is asked."""


class WhyRejected(Shape, frozen=True):
    """Rows that were left out for one reason, and one of them."""

    reason: str
    rows: int
    example: str = ""


class RowsBrought(Shape, frozen=True):
    """What became of one dataset's rows."""

    kind: str
    rows: int
    accepted: int
    rejected: int
    reasons: tuple[WhyRejected, ...] = ()


class PurposeStand(Shape, frozen=True):
    """How a purpose is served: by which recipe and version, or what it waits for."""

    purpose: str
    recipe: str = ""
    version: str = ""
    waiting: str = ""


class JobProgressed(Shape, frozen=True):
    """What is being done, and how far it is; `total` is 0 where nobody knows."""

    label: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""


class OwnShop(Shape, frozen=True):
    """A shop that was opened from a file, and how far that is: `stage` is waiting, import, train, serve, open, failed
    or stopped."""

    shop: str
    job: str
    stage: str
    learns: bool
    """The job lets it learn from what happened since it was opened."""
    progress: JobProgressed
    seconds: float
    error: str = ""
    log: tuple[str, ...] = ()
    brought: tuple[RowsBrought, ...] = ()
    rejects: bool = False
    notes: tuple[str, ...] = ()
    stands: tuple[PurposeStand, ...] = ()
    items: int = 0
    events: int = 0
    commands: tuple[str, ...] = ()


class Dialects(Shape, frozen=True):
    """How a file may be read."""

    dialects: tuple[str, ...]
    kinds: tuple[str, ...]
    largest: int


class OwnShops:
    """`/shop/api/own-shops`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    def operations(self) -> Sequence[Operation]:
        """Send a file, watch what becomes of it, take the rejects, let the shop learn."""
        one = f"{PATH}/{{shop}}"
        return (
            Operation(
                "listDialects", "GET", PATH, "How a file may be read.", self.dialects, None, Dialects, local=True
            ),
            Operation(
                *("openOwnShop", "POST", PATH, "Open a shop from a product file.", self.open, ShopFile, OwnShop),
                access="control",
                local=True,
                limit=LARGEST,
                types=FILES,
            ),
            Operation("getOwnShop", "GET", one, "How far a shop is.", self.look, None, OwnShop, local=True),
            Operation(
                *("learnOwnShop", "POST", one, "Let a shop learn from what has happened.", self.learn),
                *(NothingMore, OwnShop),
                access="control",
                local=True,
            ),
            Operation(
                *("getOwnShopRejects", "GET", f"{one}/rejects", "Rows that were left out, as CSV.", self.rejects),
                *(None, OwnShop),
                local=True,
            ),
        )

    def dialects(self, call: Call, asked: None) -> Dialects:
        """By name; `generic` recognises headers."""
        return Dialects(dialects=tuple(dialect_names()), kinds=KINDS, largest=LARGEST)

    def open(self, call: Call, asked: ShopFile) -> OwnShop:
        """Keep the file and ask for the shop. Raises `InputError` for a name that is impossible or taken."""
        shop = self._shop(call, asked.name)
        if asked.kind and asked.kind not in KINDS:
            raise UnknownName("kind", asked.kind, KINDS)
        if asked.dialect and asked.dialect not in dialect_names():
            raise UnknownName("dialect", asked.dialect, dialect_names())
        if not call.exchange.body:
            raise invalid("The file is empty. Export it again.")
        workspace = self._backstage.workspace
        files = Uploads(workspace.settings.home, workspace.clock)
        with files.begin(shop, asked.file, len(call.exchange.body)) as arriving:
            arriving.write(call.exchange.body)
            upload = arriving.finish()
        try:
            open_from(workspace, shop, upload.path, dialect=asked.dialect or None, kind=asked.kind or None)
        except InputError:
            files.remove(shop, upload.id)
            raise
        return self._told(shop)

    def look(self, call: Call, asked: None) -> OwnShop:
        """Raises `UnknownName` for a shop that is not there."""
        return self._told(self._shop(call, call.part))

    def learn(self, call: Call, asked: NothingMore) -> OwnShop:
        """Train again with all that has happened, and publish."""
        shop = self._shop(call, call.part)
        learn_again(self._backstage.workspace, shop)
        return self._told(shop)

    def rejects(self, call: Call, asked: None) -> Reply:
        """Raises `UnknownName` where none were kept."""
        shop = self._shop(call, call.part)
        record = self._import(shop)
        folder = self._backstage.workspace.lake.directory(shop) / "rejects" / (record.job if record else "")
        files = sorted(folder.glob("*.parquet")) if record else []
        if not files:
            raise UnknownName("rejected row of", shop.group, (), fix="Every row was taken.")
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("dataset", "row", "column", "reason", "raw"))
        for path in files:
            for row in pq.read_table(path).slice(0, REJECTS_SHOWN).to_pylist():
                cells = (path.stem, row["row"], row["column"], row["reason"], row["raw"])
                writer.writerow([_harmless(cell) for cell in cells])
        attached = b'attachment; filename="rejects.csv"'
        headers = ((b"content-type", b"text/csv; charset=utf-8"), (b"content-disposition", attached))
        return Reply(200, text.getvalue().encode("utf-8", "replace"), headers)

    def _shop(self, call: Call, name: str) -> ShopKey:
        found = self._backstage.workspace.new_shop(name.strip())
        return ShopKey(call.account, found.group)

    def _import(self, shop: ShopKey) -> ImportRecord | None:
        return next(iter(self._backstage.workspace.imports.list(shop)), None)

    def _told(self, shop: ShopKey) -> OwnShop:
        workspace = self._backstage.workspace
        job = last_job(workspace, shop)
        there = workspace.resources.get(shop.account, "dataset-group", shop.group)
        trained: Mapping[str, Any] = there.document.get(STOCKING, {}).get("trained", {})
        record = self._import(shop)
        is_own = record is not None and (job.verb == "learn" or record.job == job.id)
        report: Mapping[str, Any] = record.report if record is not None and is_own else {}
        ended, stage = job.ended or workspace.clock.now(), self._stage(shop, job, trained, imported=bool(report))
        return OwnShop(
            shop=shop.group,
            job=job.id,
            stage=stage,
            learns=job.verb == "learn",
            progress=_progressed(job),
            seconds=round((ended - (job.started or job.created)) / SECOND, 1),
            error=self._error(shop, job, stage),
            log=tuple(_plain(line) for _, line in job.log),
            brought=tuple(_brought(kind, part, report) for kind, part in report.get("kinds", {}).items()),
            rejects=bool(report.get("rejects")),
            notes=tuple(_plain(note) for note in report.get("notes", ())),
            stands=_stands(trained),
            items=int(trained.get("items", 0)),
            events=int(trained.get("events", 0)),
            commands=_commands(shop, there.document.get(STOCKING, {})),
        )

    def _stage(self, shop: ShopKey, job: Job, trained: Mapping[str, Any], *, imported: bool) -> str:
        if job.status == "pending":
            return "waiting"
        if job.status not in ENDED:
            label = str(job.progress.get("label", ""))
            return "train" if imported and (label == "training" or job.verb == "learn") else "import"
        if job.status != "done":
            return job.status
        wanted = set(trained.get("versions", {}).values())
        there = {name for each in self._backstage.served(shop) for name in each.models}
        if wanted <= there:
            return "open"
        return "serve"

    def _error(self, shop: ShopKey, job: Job, stage: str) -> str:
        """Why it does not go on: the job's own reason, or why what it published cannot be loaded."""
        if job.status == "failed":
            return _plain(job.reason)
        if stage != "serve":
            return ""
        failures = self._backstage.watch.status.failures
        arns = {shop.arn("campaign", shop.name_of(purpose)) for purpose in SERVED_FIRST}
        return next((failure.message for arn, failure in failures.items() if arn in arns), "")


def _progressed(job: Job) -> JobProgressed:
    told = job.progress
    return JobProgressed(
        label=str(told.get("label", "")),
        done=int(told.get("done") or 0),
        total=int(told.get("total") or 0),
        unit=str(told.get("unit", "")),
    )


def _brought(kind: str, part: Mapping[str, Any], report: Mapping[str, Any]) -> RowsBrought:
    reasons = [each for each in report.get("reasons", ()) if each["kind"] == kind]
    return RowsBrought(
        kind=kind,
        rows=int(part["rows"]),
        accepted=int(part["accepted"]),
        rejected=int(part["rejected"]),
        reasons=tuple(
            WhyRejected(reason=each["reason"], rows=int(each["count"]), example=_example(each)) for each in reasons[:10]
        ),
    )


def _example(reason: Mapping[str, Any]) -> str:
    examples = reason.get("examples") or ()
    return f"row {examples[0][1]}: {examples[0][2][:300]}" if examples else ""


def _stands(trained: Mapping[str, Any]) -> tuple[PurposeStand, ...]:
    recipes, versions = trained.get("recipes", {}), trained.get("versions", {})
    waiting: Mapping[str, str] = trained.get("waiting", {})
    names = dict.fromkeys((*recipes, *waiting))
    return tuple(
        PurposeStand(
            purpose=name,
            recipe=recipes.get(name, ""),
            version=versions.get(name, ""),
            waiting=waiting.get(name, ""),
        )
        for name in names
    )


def _commands(shop: ShopKey, told: Mapping[str, Any]) -> tuple[str, ...]:
    dialect = f" --dialect {told['dialect']}" if told.get("dialect") else ""
    file = quote(str(told.get("path", "FILE")).rpartition("/")[2])
    return (f"endcap shop open {shop.group} {file}{dialect}",)


def _plain(text: str) -> str:
    """Without the folders in which files wait: they are nobody's business, and nobody's help."""
    return " ".join(word.rpartition("/")[2] if "/uploads/" in word else word for word in text.split(" "))


def _harmless(cell: object) -> object:
    """A spreadsheet takes what begins so for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
