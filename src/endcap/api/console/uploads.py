"""Bringing files in: sent piece by piece, looked at, tried, imported as a job; what was refused as CSV."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Call, Operation, aside
from endcap.api.console.rejects import rejects_csv
from endcap.api.console.upload_shapes import (
    FieldChoice,
    FieldLine,
    FilePreview,
    ImportAsk,
    ImportedKind,
    ImportList,
    ImportState,
    Nothing,
    PreviewAnswer,
    PreviewAsk,
    RejectExample,
    RejectReason,
    ShopAsk,
    UploadAsk,
    UploadLine,
    UploadList,
)
from endcap.api.wire import Refusal, Reply, invalid
from endcap.errors import EndcapError, InputError, StateError, UnknownName
from endcap.jobs import file_imports
from endcap.jobs.file_imports import Asked, uploads_of
from endcap.jobs.uploads import LARGEST, Arriving, Upload, known_endings
from endcap.jobs.workspace import Workspace
from endcap.lake.importers import dialect_names
from endcap.lake.shop_schemas import SHOP
from endcap.registry.jobs import ENDED, Job
from endcap.registry.resources import Resource
from endcap.types import ShopKey

TYPES = (b"application/octet-stream", b"text/csv", b"text/tab-separated-values", b"text/plain", b"application/gzip")
BLOCK = 1 << 20
"""Bytes that are gathered before they are written."""
LOOKS = 2
"""Previews at once: each is a child process."""
IMPORTS = 20
"""How many imports are listed."""


class FileImports:
    """`/console/api/uploads` and `/console/api/imports`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage
        self._looks = threading.BoundedSemaphore(LOOKS)

    def operations(self) -> Sequence[Operation]:
        """Send, look, try, import, follow, download."""
        files, runs = "/console/api/uploads", "/console/api/imports"
        return (
            Operation(
                "uploadFile", "POST", files, "Send a file, whole as it is.", self.upload, UploadAsk, UploadLine,
                access="control", limit=LARGEST, types=TYPES, streams=True,
            ),
            Operation("listUploads", "GET", files, "Files that wait for import.", self.list, ShopAsk, UploadList),
            Operation(
                "removeUpload", "DELETE", f"{files}/{{id}}", "Remove a file that waits.", self.remove, ShopAsk, Nothing,
                access="control",
            ),
            Operation(
                "previewImport", "POST", f"{runs}/preview", "What an import would make of the first rows.",
                self.preview, PreviewAsk, PreviewAnswer, access="control",
            ),
            Operation(
                "startImport", "POST", runs, "Import, or try to.", self.start, ImportAsk, ImportState, access="control"
            ),
            Operation("listImports", "GET", runs, "The newest imports.", self.imports, ShopAsk, ImportList),
            Operation("getImport", "GET", f"{runs}/{{id}}", "One import.", self.state, ShopAsk, ImportState),
            Operation(
                "downloadRejects", "GET", f"{runs}/{{id}}/rejects", "The refused rows as CSV.", self.rejects, ShopAsk,
                Nothing,
            ),
        )  # fmt: skip

    @property
    def _workspace(self) -> Workspace:
        return self._backstage.workspace

    async def upload(self, call: Call, asked: UploadAsk) -> UploadLine:
        """Keep the body as it arrives. Raises `Refusal` (413) for too much, `InputError` for nothing."""
        chunks = call.exchange.chunks
        assert chunks is not None
        shop = shop_of(call, asked.shop)
        length = call.exchange.header(b"content-length")
        arriving = await aside(
            uploads_of(self._workspace).begin, shop, asked.name, int(length) if length.isdigit() else 0
        )
        async with _in_threads(arriving):
            waiting = bytearray()
            async for piece in chunks:
                waiting += piece
                if len(waiting) >= BLOCK:
                    await aside(arriving.write, bytes(waiting))
                    waiting.clear()
            await aside(arriving.write, bytes(waiting))
            return _upload(await aside(arriving.finish))

    def list(self, call: Call, asked: ShopAsk) -> UploadList:
        """Oldest first."""
        found = uploads_of(self._workspace).list(shop_of(call, asked.shop))
        return UploadList(uploads=tuple(map(_upload, found)), largest=LARGEST, endings=known_endings())

    def remove(self, call: Call, asked: ShopAsk) -> Nothing:
        """Whether it is there or not."""
        uploads_of(self._workspace).remove(shop_of(call, asked.shop), call.part)
        return Nothing()

    def preview(self, call: Call, asked: PreviewAsk) -> PreviewAnswer:
        """Raises `InputError` for files that nothing can be made of, `Refusal` (503) where too many look at once."""
        shop = shop_of(call, asked.shop)
        if not asked.uploads:
            raise InputError("No file was named.", fix="Send one first.")
        if not self._looks.acquire(timeout=20):
            raise Refusal(503, "ServiceUnavailableException", "Too many files are looked at; try again.")
        try:
            found = file_imports.preview(self._workspace, shop, _asked(asked))
        except (InputError, StateError):
            raise
        except EndcapError as error:  # a file that takes the child's memory is the file's fault
            raise invalid(str(error)) from None
        finally:
            self._looks.release()
        whole: dict[str, Any] = msgspec.to_builtins(found)
        files = [{**each, "fields": _fields(each["fields"])} for each in whole.pop("files")]
        return PreviewAnswer(
            **whole,
            files=tuple(FilePreview(**{**each, **_tuples(each)}) for each in files),
            dialects=tuple(dialect_names()),
            choices={
                kind: tuple(
                    FieldChoice(name=field.column, type=field.type, required=not field.nullable)
                    for field in schema.fields
                )
                for kind, schema in SHOP.items()
            },
        )

    def start(self, call: Call, asked: ImportAsk) -> ImportState:
        """Raises `UnknownName` for a file that is not there."""
        shop = shop_of(call, asked.shop)
        if asked.mode not in ("FULL", "INCREMENTAL"):
            raise InputError(f"Import mode {asked.mode!r} does not exist.", fix="Give FULL or INCREMENTAL.")
        self._workspace.new_shop(shop.group)
        return self._told(file_imports.ask(self._workspace, shop, _asked(asked)))

    def imports(self, call: Call, asked: ShopAsk) -> ImportList:
        """Tries among them."""
        shop = shop_of(call, asked.shop)
        found = self._workspace.resources.list(shop.account, file_imports.KIND, shop=shop.group)
        return ImportList(imports=tuple(self._told(each) for each in found[::-1][:IMPORTS]))

    def state(self, call: Call, asked: ShopAsk) -> ImportState:
        """Raises `UnknownName`."""
        return self._told(file_imports.find(self._workspace, shop_of(call, asked.shop), call.part))

    def rejects(self, call: Call, asked: ShopAsk) -> Reply:
        """The columns of the refused rows as they came, before them row, reason and the field it is about."""
        resource = file_imports.find(self._workspace, shop_of(call, asked.shop), call.part)
        paths = file_imports.rejects_of(self._workspace, resource)
        if not paths:
            raise UnknownName("rejected row of import", call.part, (), fix="Every row was accepted, or they are gone.")
        body, count, total = rejects_csv(paths)
        name = f"{re.sub('[^A-Za-z0-9_-]', '_', resource.shop)}-rejects.csv"
        return Reply(
            200,
            body,
            (
                (b"content-type", b"text/csv; charset=utf-8"),
                (b"content-disposition", f'attachment; filename="{name}"'.encode()),
                (b"x-endcap-rows", f"{count} of {total}".encode()),
                (b"x-content-type-options", b"nosniff"),
            ),
        )

    def _told(self, resource: Resource) -> ImportState:
        job = next(iter(self._workspace.jobs.on(resource)), None)
        document, report = resource.document, resource.document.get("report") or {}
        progress = dict(job.progress) if job is not None and job.status not in ENDED else {}
        return ImportState(
            id=resource.id.rpartition("/")[2],
            job=job.id if job else "",
            dry_run=bool(document.get("dryRun")),
            status=_status(resource, job),
            reason=str(document.get("failureReason") or (job.reason if job else "")),
            mode=str(document.get("mode", "FULL")),
            label=str(progress.get("label", "")),
            done=int(progress.get("done") or 0),
            total=progress.get("total"),
            unit=str(progress.get("unit", "")),
            eta=progress.get("eta"),
            created=resource.created,
            ended=job.ended if job else None,
            dialect=str(report.get("dialect", "")),
            kinds=tuple(_kind(kind, part) for kind, part in report.get("kinds", {}).items()),
            reasons=tuple(_reason(each) for each in report.get("reasons", ())),
            notes=tuple(report.get("notes", ())),
            seconds=float(report.get("seconds", {}).get("total", 0.0)),
            has_rejects=bool(file_imports.rejects_of(self._workspace, resource)),
            mapping=document.get("mapping"),
            kind=document.get("kind"),
            asked_dialect=document.get("dialect"),
        )


@asynccontextmanager
async def _in_threads(arriving: Arriving) -> AsyncIterator[None]:
    """Entered and left off the event loop: removing what came of a large file takes a while."""
    await aside(arriving.__enter__)
    try:
        yield
    finally:
        await aside(arriving.__exit__)


def shop_of(call: Call, name: str) -> ShopKey:
    """The caller's shop of this name, whether or not it is there yet. Raises `InputError` for an impossible name."""
    try:
        return ShopKey(call.account, name)
    except ValueError as error:
        raise InputError(str(error)) from None


def _status(resource: Resource, job: Job | None) -> str:
    if job is not None and job.status in ("failed", "stopped", "done"):
        return job.status
    return "done" if resource.status == "ACTIVE" else job.status if job is not None else "failed"


def _asked(asked: PreviewAsk | ImportAsk) -> Asked:
    return Asked(
        uploads=asked.uploads,
        mapping=asked.mapping,
        dialect=_builtin(asked.dialect),
        kind=asked.kind or None,
        mode=asked.mode if isinstance(asked, ImportAsk) else "FULL",
        dry_run=isinstance(asked, ImportAsk) and asked.dry_run,
    )


def _builtin(name: str | None) -> str | None:
    """A dialect by name only: a path would be read on the server. Raises `UnknownName`."""
    if name and name not in (*dialect_names(), "personalize"):
        raise UnknownName("dialect", name, dialect_names())
    return name or None


def _upload(upload: Upload) -> UploadLine:
    return UploadLine(id=upload.id, name=upload.name, size=upload.size, arrived=upload.arrived)


def _fields(given: Sequence[dict[str, Any]]) -> tuple[FieldLine, ...]:
    return tuple(FieldLine(**each) for each in given)


def _tuples(each: dict[str, Any]) -> dict[str, Any]:
    """Lists of plain data as the tuples that the shape declares."""
    return {
        name: tuple(tuple(row) if isinstance(row, list) else row for row in value)
        for name, value in each.items()
        if isinstance(value, list)
    }


def _kind(kind: str, part: dict[str, Any]) -> ImportedKind:
    names = ("rows", "accepted", "duplicates", "merged", "rejected")
    return ImportedKind(kind=kind, **{name: int(part[name]) for name in names})


def _reason(each: dict[str, Any]) -> RejectReason:
    return RejectReason(
        kind=each["kind"],
        reason=each["reason"],
        column=each["column"] or "",
        count=each["count"],
        examples=tuple(RejectExample(file=file, row=row, raw=raw or "") for file, row, raw in each["examples"]),
    )
